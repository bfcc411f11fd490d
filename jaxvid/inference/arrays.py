"""Outputs of clips in memory: the shapes and types that a network accepts, and the forward pass."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxvid.data.clip_cutting import as_clip
from jaxvid.experiment.network import Network, forward
from jaxvid.models import Outputs
from jaxvid.runtime.devices import jit
from jaxvid.skeletons import filled


def compiled(network: Network) -> Callable[[Any, Any], Outputs]:
    """Returns the forward pass (variables, batch) -> Outputs, compiled once for each shape."""

    def run(variables: Any, batch: Any) -> Outputs:
        one_view = jax.tree.map(lambda clips: clips[:, None], batch)
        outputs = forward(network.model, variables, one_view)
        outputs.pop("probabilities")
        return Outputs(**outputs)

    return jit(run)


def batch_of(network: Network, clips: Any) -> Any:
    """Returns clips (B,T,H,W,C), or one clip (T,H,W,C), as a batch of what a network reads.

    Joints are (B,T,M,V,3), with NaN or zeros for those that are missing. Raises TypeError for
    another type, ValueError for another shape.
    """
    shapes = network.clip_shapes
    given = clips if isinstance(clips, Mapping) else {next(iter(shapes)): clips}
    if given.keys() != shapes.keys():
        raise ValueError(f"clips must be a dict with the modalities {', '.join(shapes)}")
    return as_clip({name: _batch(name, given[name], shapes[name]) for name in shapes})


def _batch(name: str, clips: Any, shape: tuple[int, ...]) -> jax.Array:
    joints = name == "skeleton"
    axes, fixed = ("T,M,V,3", 2) if joints else ("T,H,W,C", 1)
    array = clips if isinstance(clips, jax.Array) else np.asarray(clips)
    if not (jnp.issubdtype(array.dtype, jnp.floating) or (array.dtype == np.uint8 and not joints)):
        kinds = "floats" if joints else "uint8, or floats in [-1, 1]"
        raise TypeError(f"{name} clips must be {kinds}, not {array.dtype}")
    if array.ndim not in (4, 5) or array.shape[-fixed:] != shape[-fixed:]:
        like = f"(B,{axes}) or ({axes}), such as {shape}"
        raise ValueError(f"{name} clips must be {like}, not {array.shape}")
    array = filled(array) if joints else array
    return jnp.asarray(array if array.ndim == 5 else array[None])
