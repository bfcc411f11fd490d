"""Two-stream backbone: one backbone on the RGB frames, one on their optical flow."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxvid.models.backbone import Backbone, rgb_and_flow


class TwoStream(Backbone):
    """Two backbones side by side: {rgb, flow} (B,T,H,W,C) -> features (B,τ,C') in float32.

    Their features are fused per step: `fusion` concat, C' is the sum of both widths, or sum, which
    requires equal ones. Parameters: `rgb`, `flow`. Raises ValueError for an unknown fusion, for
    sequences of unequal length, and for a sum of unequal widths. Source: paper D (hybrid
    attention), its two-stream formula and section 4.2; after Simonyan and Zisserman 2014.
    """

    rgb: nn.Module
    flow: nn.Module
    fusion: str = "concat"

    def __call__(self, clips: Mapping[str, jax.Array], train: bool = False) -> jax.Array:
        rgb, flow = rgb_and_flow(clips)
        rgb, flow = self.rgb(rgb, train), self.flow(flow, train)
        if self.fusion == "concat":
            return jnp.concatenate([rgb, flow], axis=-1)
        if rgb.shape != flow.shape:
            widths = f"{rgb.shape[-1]} and {flow.shape[-1]}"
            raise ValueError(f"fusion 'sum' of unequal widths {widths}: must be 'concat'")
        return rgb + flow

    def sequence_length(self, num_frames: int) -> int:
        """Counts the feature steps τ that a clip of T frames gives, the same in both backbones."""
        rgb, flow = (part.sequence_length(num_frames) for part in (self.rgb, self.flow))
        if rgb != flow:
            raise ValueError(f"the rgb backbone gives {rgb} steps, the flow backbone {flow}")
        return rgb
