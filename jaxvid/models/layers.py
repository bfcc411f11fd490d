"""Small pieces that several models share."""

from collections.abc import Iterable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.conv import Conv3D, Triple


class ConvReLU(nn.Module):
    """Convolution with a bias, ReLU: (B,T,H,W,C) -> (B,T',H',W',D), D = `features`.

    For networks without batch norm. Parameters: `conv/kernel` (kt,kh,kw,C,D), `conv/bias` (D).
    """

    features: int
    kernel_size: Triple
    lowering: str = "auto"
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = Conv3D(
            self.features,
            self.kernel_size,
            use_bias=True,
            lowering=self.lowering,
            dtype=self.dtype,
            name="conv",
        )(x)
        return nn.relu(x)


def check_choices(module: nn.Module, **known: Iterable[Any]) -> None:
    """Raises ValueError where a module's field is not one of its known values, naming them."""
    for field, values in known.items():
        if getattr(module, field) not in values:
            names = ", ".join(map(str, values))
            raise ValueError(f"unknown {field} {getattr(module, field)!r}: one of {names}")


def scale_channels(published: int, width: float) -> int:
    """Multiplies a channel count by `width`, rounded to a multiple of 8 and never below 8."""
    return max(8, round(published * width / 8) * 8)
