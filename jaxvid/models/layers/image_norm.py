"""The normalisation of RGB that published networks were trained with."""

import jax
import jax.numpy as jnp

# Per output channel, its index in RGB; then the mean and the deviation of its values 0 to 255.
IMAGE_NORMS = {
    "centred": ((0, 1, 2), (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "imagenet": ((0, 1, 2), (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "sports1m": ((2, 1, 0), (90.0, 98.0, 102.0), (1.0, 1.0, 1.0)),
}


def apply_image_norm(x: jax.Array, image_norm: str) -> jax.Array:
    """Normalises RGB in [-1, 1] (...,3) by an entry of IMAGE_NORMS.

    "centred" is x itself, of any number of channels; "imagenet" has torchvision's means and
    deviations; "sports1m" is blue, green, red less their means, as C3D. Raises ValueError for other
    than three channels.
    """
    if image_norm == "centred":
        return x
    if x.shape[-1] != 3:
        raise ValueError(f"image_norm={image_norm} requires three channels, not {x.shape[-1]}")
    order, mean, deviation = IMAGE_NORMS[image_norm]
    values = x[..., jnp.array(order)].astype(jnp.float32) * 127.5 + 127.5
    return (values - jnp.array(mean)) / jnp.array(deviation)
