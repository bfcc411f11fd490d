"""Small pieces that several models share."""

from collections.abc import Callable, Iterable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaxvid.models.layers.batch_norm import BatchNormReLU
from jaxvid.models.layers.conv import Conv3D, Triple

NORMS = (nn.BatchNorm, BatchNormReLU)

# What published networks were shown: per channel, its place in RGB, and the mean and the deviation
# of the values from 0 to 255 that are taken off and divided by.
IMAGE_NORMS = {
    "centred": ((0, 1, 2), (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "imagenet": ((0, 1, 2), (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "sports1m": ((2, 1, 0), (90.0, 98.0, 102.0), (1.0, 1.0, 1.0)),
}


def as_shown(x: jax.Array, image_norm: str) -> jax.Array:
    """Turns RGB in [-1, 1] (...,3) into what a published network was shown.

    `image_norm`: an entry of IMAGE_NORMS: centred, RGB as it is; imagenet, torchvision's means and
    deviations; sports1m, blue, green and red less their means, as C3D. Raises ValueError for
    pictures of other than three channels, but for centred ones.
    """
    if image_norm == "centred":
        return x
    if x.shape[-1] != 3:
        raise ValueError(f"image_norm={image_norm} is of three channels, not of {x.shape[-1]}")
    place, mean, deviation = IMAGE_NORMS[image_norm]
    values = x[..., jnp.array(place)].astype(jnp.float32) * 127.5 + 127.5
    return (values - jnp.array(mean)) / jnp.array(deviation)


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


def keep_statistics(
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    context: nn.module.InterceptorContext,
) -> Any:
    """Makes batch norm compute as in evaluation: its running statistics serve and stay.

    For `nn.intercept_methods` around a model in training. Reaches every batch norm that is told
    when it is called, not when it is built, which statistics to use; the others raise ValueError.
    """
    if isinstance(context.module, NORMS) and context.method_name == "__call__":
        kwargs = kwargs | {"use_running_average": True}
    return call(*args, **kwargs)


def check_choices(module: nn.Module, **known: Iterable[Any]) -> None:
    """Raises ValueError where a module's field is not one of its known values, naming them."""
    for field, values in known.items():
        if getattr(module, field) not in values:
            names = ", ".join(map(str, values))
            raise ValueError(f"unknown {field} {getattr(module, field)!r}: one of {names}")


def scale_channels(published: int, width: float) -> int:
    """Multiplies a channel count by `width`, rounded to a multiple of 8 and never below 8."""
    return max(8, round(published * width / 8) * 8)
