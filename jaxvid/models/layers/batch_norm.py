"""Batch norm with an offset and no scale, followed by ReLU, on (B, T, H, W, C)."""

import functools
import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax


class BatchNormReLU(nn.Module):
    """Batch norm with an offset and no scale, then ReLU: (B,T,H,W,C) -> (B,T,H,W,C).

    Statistics in float32 over (B,T,H,W), on any number of devices those of the whole batch.
    Parameters: `bias` (C); batch statistics: `mean` and `var` (C), which in training become
    momentum * old + (1 - momentum) * batch. Source: Ioffe and Szegedy 2015, algorithm 1.
    """

    momentum: float
    epsilon: float = 1e-3

    @nn.compact
    def __call__(self, x: jax.Array, use_running_average: bool) -> jax.Array:
        shape = x.shape[-1:]
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32)
        var = self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, shape, jnp.float32)
        if use_running_average:
            scale = lax.rsqrt(var.value + self.epsilon)
            return nn.relu((_wide(x) - mean.value) * scale + bias).astype(x.dtype)
        y, batch_mean, batch_var = normalise(x, bias, self.epsilon)
        if not self.is_initializing():
            mean.value = self.momentum * mean.value + (1 - self.momentum) * batch_mean
            var.value = self.momentum * var.value + (1 - self.momentum) * batch_var
        return y


def keep_statistics(
    call: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    context: nn.module.InterceptorContext,
) -> Any:
    """Makes batch norm use and keep its running statistics in training, as in evaluation.

    For `nn.intercept_methods`. Raises ValueError for a norm whose constructor, not its call, sets
    `use_running_average`.
    """
    norm = isinstance(context.module, BatchNormReLU | nn.BatchNorm)
    if norm and context.method_name == "__call__":
        kwargs = kwargs | {"use_running_average": True}
    return call(*args, **kwargs)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def normalise(
    x: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns relu((x - mean) / sqrt(var + epsilon) + bias), mean (C) and var (C).

    x (B,T,H,W,C), bias (C). The gradient is that of the first output: none comes through the
    statistics that are returned. Only x is kept for it, and the rest computed anew: memory is
    slower than arithmetic here.
    """
    return _forward(x, bias, epsilon)[0]


def _forward(
    x: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[tuple[jax.Array, jax.Array, jax.Array], tuple[jax.Array, ...]]:
    wide, count = _wide(x), x.size // x.shape[-1]
    mean = channel_sum(wide) / count
    var = jnp.maximum(channel_sum(wide * wide) / count - mean * mean, 0)
    scale = lax.rsqrt(var + epsilon)
    y = nn.relu((wide - mean) * scale + bias).astype(x.dtype)
    return (y, mean, var), (x, mean, scale, bias)


def _backward(
    epsilon: float, residuals: tuple[jax.Array, ...], gradients: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
    x, mean, scale, bias = residuals
    count = x.size // x.shape[-1]
    normal = (_wide(x) - mean) * scale
    gradient = jnp.where(normal + bias > 0, _wide(gradients[0]), 0)
    of_bias, of_scale = channel_sum(gradient), channel_sum(gradient * normal)
    of_x = (gradient - of_bias / count - normal * (of_scale / count)) * scale
    return of_x.astype(x.dtype), of_bias.astype(bias.dtype)


normalise.defvjp(_forward, _backward)


def channel_sum(x: jax.Array) -> jax.Array:
    """Sums over all axes but the last: (B,T,H,W,C) -> (C).

    On a CPU first over at most eight rows of each clip, whose length fills vectors and both cores:
    XLA's own reductions do not always. The batch stays an axis of its own, so that devices that
    have parts of it add up their own first.
    """
    if jax.default_backend() == "cpu":
        places = math.prod(x.shape[1:-1])
        count = max(n for n in range(1, 9) if places % n == 0)
        rows = lax.split(x.reshape(x.shape[0], count, -1), [1] * count, axis=1)
        x = functools.reduce(lax.add, rows).reshape(-1, x.shape[-1])
    return x.sum(axis=tuple(range(x.ndim - 1)))


def _wide(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
