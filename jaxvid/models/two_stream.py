"""Two-stream backbone: one backbone on the RGB frames, one on their optical flow."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxvid.models.layers.choices import check_choices

FUSIONS = ("concat", "sum")


class TwoStream(nn.Module):
    """Two backbones side by side: {rgb, flow} (B,T,H,W,C) -> features (B,τ,C') in float32.

    The streams' features are fused per step: `fusion` concat, C' is the sum of both widths, or sum,
    which needs equal ones. Parameters: `rgb`, `flow`. Raises ValueError for an unknown fusion, for
    streams of unequal length, and for a sum of unequal widths. Source: paper D (hybrid attention),
    its two-stream formula and section 4.2; after Simonyan and Zisserman 2014.
    """

    rgb: nn.Module
    flow: nn.Module
    fusion: str = "concat"

    def __post_init__(self) -> None:
        check_choices(self, fusion=FUSIONS)
        super().__post_init__()

    def __call__(self, clips: Mapping[str, jax.Array], train: bool) -> jax.Array:
        rgb, flow = self.rgb(clips["rgb"], train), self.flow(clips["flow"], train)
        if self.fusion == "concat":
            return jnp.concatenate([rgb, flow], axis=-1)
        if rgb.shape != flow.shape:
            raise ValueError(
                f"fusion 'sum' of streams of unequal width {rgb.shape[-1]} and {flow.shape[-1]}: "
                "concat is wanted"
            )
        return rgb + flow

    def sequence_length(self, num_frames: int) -> int:
        """Counts the feature steps τ that a clip of T frames gives, the same in both streams."""
        steps = [stream.sequence_length(num_frames) for stream in (self.rgb, self.flow)]
        if steps[0] != steps[1]:
            raise ValueError(
                f"the rgb backbone gives {steps[0]} feature steps, the flow backbone {steps[1]}: "
                "as many are wanted"
            )
        return steps[0]
