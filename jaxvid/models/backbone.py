"""What backbones share: the clips they read, the checks of these, their choices and their steps."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.layers.choices import check_choices
from jaxvid.models.layers.conv import LOWERINGS
from jaxvid.models.layers.image_norm import IMAGE_NORMS
from jaxvid.models.layers.padding import PADDINGS

# Channels of a clip: RGB, or two for each of up to ten stacked flow frames.
CHANNELS = (3, *range(2, 21, 2))

# Of each field that has a choice of values, these.
CHOICES: Mapping[str, Collection[Any]] = {
    "fusion": ("concat", "sum"),
    "image_norm": IMAGE_NORMS,
    "kernel_order": ("spatial_first", "temporal_first"),
    "lowering": LOWERINGS,
    "padding": PADDINGS,
}


class Backbone(nn.Module):
    """Base of the backbones: clips (B,T,H,W,C) in [-1, 1] -> features (B,τ,C') in float32.

    Fields that several of them have:

    - width: factor on every channel count, rounded to a multiple of 8.
    - temporal_stride: T / τ. With a smaller one than published, so that short clips keep a
      sequence, the latest strides in time are dropped first.
    - dropout: in training, from the random stream "dropout".
    - image_norm: what the convolutions see of RGB: "centred", or "imagenet" or "sports1m" as
      published weights.
    - padding: at strides, "same", or "torch" as networks published for PyTorch.
    - bn_momentum: of the running batch statistics.
    - remat: the inner maps of blocks are computed again for the gradient, not kept.
    - lowering: of the convolutions, an entry of LOWERINGS; dtype: of the computation.

    Raises ValueError for an unknown choice of a field; when it is called, as `check_clips`.
    """

    temporal_strides: ClassVar[Collection[int]] = ()

    def __post_init__(self) -> None:
        known = {"temporal_stride": self.temporal_strides, **CHOICES}
        check_choices(self, **{field: known[field] for field in known if hasattr(self, field)})
        super().__post_init__()

    def sequence_length(self, num_frames: int) -> int:
        """Counts the feature steps τ that a clip of T frames gives."""
        return -(-num_frames // getattr(self, "temporal_stride", 1))


def fully_connected(x: jax.Array, features: int, dtype: DTypeLike, name: str) -> jax.Array:
    """Applies a linear layer of its own, `name`, and ReLU: (...,C) -> (...,D), D = `features`."""
    init = nn.initializers.he_normal()
    return nn.relu(nn.Dense(features, dtype=dtype, kernel_init=init, name=name)(x))


def normalize(clips: Any) -> Any:
    """Scales uint8 clips to float32 in [-1, 1]: one array, or a map of arrays by modality.

    Arrays of other types, such as joints, become float32 and keep their values.
    """

    def scaled(array: jax.Array) -> jax.Array:
        whole = array.astype(jnp.float32)
        return whole / 127.5 - 1.0 if array.dtype == jnp.uint8 else whole

    return jax.tree.map(scaled, clips)


def check_clips(clips: Any, skeletons: bool = False) -> None:
    """Checks type and shape of clips (B,T,H,W,C), or of `skeletons` (B,T,M,V,C).

    Raises TypeError for uint8 and for what is not one array; ValueError for another rank and for
    channels first. Reads no values, so that it works on traced arrays.
    """
    layout = "(B,T,M,V,C)" if skeletons else "(B,T,H,W,C)"
    if not hasattr(clips, "ndim"):
        raise TypeError(f"clips must be one array {layout}, not {type(clips).__name__}")
    if clips.dtype == jnp.uint8:
        raise TypeError("clips are uint8: pass models.normalize(clips)")
    if clips.ndim != 5:
        raise ValueError(f"clips must have the five axes {layout}, not the shape {clips.shape}")
    _, first, second, third, last = clips.shape
    if skeletons:  # frames where people should be
        moved = first in (2, 3) and second > 8
    else:  # an image's width, about its height, where channels should be
        moved = first in CHANNELS and last not in CHANNELS and last >= third // 2
    if moved:
        raise ValueError(f"clips of shape {clips.shape} have the channels first: must be {layout}")


def rgb_and_flow(clips: Any) -> tuple[jax.Array, jax.Array]:
    """Returns clips["rgb"] and clips["flow"]. Raises TypeError for what is no map of these."""
    if not isinstance(clips, Mapping) or not {"rgb", "flow"} <= clips.keys():
        raise TypeError('clips must be a map {"rgb": (B,T,H,W,3), "flow": (B,T,H,W,2L)}')
    return clips["rgb"], clips["flow"]
