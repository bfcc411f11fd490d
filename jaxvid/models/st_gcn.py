"""ST-GCN backbone: convolutions over the graph of a skeleton and over time."""

import functools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from jaxvid.models.backbone import Backbone, check_clips
from jaxvid.models.layers.choices import check_choices
from jaxvid.models.layers.conv import Conv3D, scale_channels
from jaxvid.models.layers.padding import same_padding, with_one_more

# Stride in time of the first unit of the second and of the third stage.
TEMPORAL_STRIDES = {4: (2, 2), 2: (2, 1), 1: (1, 1)}

STAGES = (64, 128, 256)

TEMPORAL_KERNEL = 9


PARTITIONS = ("spatial", "distance", "uniform", "powers")


def adjacency(
    edges: Sequence[tuple[int, int]], centre: int, partition: str = "spatial", powers: int = 2
) -> np.ndarray:
    """Returns what each joint takes of its neighbours, in K parts that have weights of their own.

    (K,V,V) float32, V = the highest joint in `edges` + 1. Of a joint's neighbours and itself:

    - uniform: one part, all of them.
    - distance: the joint itself; its neighbours.
    - spatial: the joint itself and neighbours as far from `centre` as it is, in edges; the nearer
      ones; the farther ones.

    Entry [k,i,j] is 1 / the size of joint i's part k where j belongs to it, else 0.

    - powers: entry k is A^k for k = 0 to `powers`, A[i,j] = 1 / the number of joint i's neighbours.

    Raises ValueError for a joint that no edges connect with the centre.
    Source: Yan et al. 2018, section 3.3 and eq. 8, weighted as in eq. 4 (its eq. 10 divides by the
    root of 0.001 for every edge that leads to the centre, whose own nearer part is empty); powers:
    Nagaraju, Manchala, section 3.5, where the norm of A and the range of k are open.
    """
    joints = max(max(edge) for edge in edges) + 1
    itself = np.eye(joints, dtype=bool)
    near = itself.copy()
    for a, b in edges:
        near[a, b] = near[b, a] = True
    distance = np.full(joints, -1)
    reached = np.arange(joints) == centre
    for steps in range(joints):
        distance[reached & (distance < 0)] = steps
        reached = near @ reached
    if lost := np.flatnonzero(distance < 0).tolist():
        raise ValueError(f"no edges connect the joints {lost} with the centre {centre}")

    own, other = distance[:, None], distance[None, :]
    if partition == "spatial":
        parts = near & np.stack([other == own, other < own, other > own])
    elif partition == "distance":
        parts = np.stack([itself, near & ~itself])
    elif partition == "uniform":
        parts = near[None]
    else:
        (mean,) = _shares((near & ~itself)[None])
        return np.stack([np.linalg.matrix_power(mean, k) for k in range(powers + 1)])
    return _shares(parts)


def _shares(parts: np.ndarray) -> np.ndarray:
    return (parts / np.maximum(parts.sum(axis=2, keepdims=True), 1)).astype(np.float32)


class STGCNUnit(nn.Module):
    """One graph convolution and one over time, added to the input: (B,T,V,C) -> (B,T',V,D).

    y[i] = sum over k, j of edges[k,i,j] A[k,i,j] W[k] x[j], A = `adjacency` (K,V,V); batch norm,
    ReLU; convolution over 9 steps at `stride`; batch norm, dropout; plus x, through a linear layer
    and batch norm where its shape differs; ReLU. Parameters: `spatial` (C,KD), `edges` (K,V,V,
    from 1), `spatial_norm`, `temporal` (9,1,1,D,D), `temporal_norm`, `shortcut`, `shortcut_norm`.
    `spatial_bias`: W[k] x[j] + b[k] for W[k] x[j]. `adds` False: x is not added. `padding` torch: a
    stride of 2 is centred on the steps 0, 2, 4 and so on. `powers`: y[i] = sum over k, j of
    alpha[k] A[k,i,j] W x[j], with `spatial` (C,D) and `alpha` (K, from 1) in place of `edges`.
    Source: Yan et al. 2018, eq. 10 and section 3.6; powers: Nagaraju, Manchala, section 3.5.
    """

    features: int
    stride: int
    dropout: float
    momentum: float
    lowering: str
    dtype: DTypeLike
    spatial_bias: bool = False
    padding: str = "same"
    adds: bool = True
    powers: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, adjacency: np.ndarray, train: bool) -> jax.Array:
        if self.powers:
            alpha = self.param("alpha", nn.initializers.ones, adjacency.shape[:1], jnp.float32)
            mixing = jnp.tensordot(alpha, adjacency, 1)[None]
        else:
            edges = self.param("edges", nn.initializers.ones, adjacency.shape, jnp.float32)
            mixing = edges * adjacency
        parts = len(mixing)
        init = nn.initializers.he_normal()
        linear = functools.partial(nn.Dense, dtype=self.dtype, kernel_init=init)
        y = linear(parts * self.features, use_bias=self.spatial_bias, name="spatial")(x)
        y = y.reshape(*x.shape[:3], parts, self.features)
        y = jnp.einsum("kij,btjkd->btid", mixing.astype(self.dtype), y)
        y = nn.relu(self._norm("spatial_norm", y, train))

        temporal = Conv3D(
            self.features,
            (TEMPORAL_KERNEL, 1, 1),
            (self.stride, 1, 1),
            lowering=self.lowering,
            dtype=self.dtype,
            name="temporal",
        )
        moves = self.padding == "torch" and self.stride == 2 and x.shape[1] % 2 == 0
        y = with_one_more(temporal, y[:, :, :, None], [1] if moves else [])[:, :, :, 0]
        y = self._norm("temporal_norm", y, train)
        y = nn.Dropout(self.dropout, deterministic=not train)(y)

        if not self.adds:
            return nn.relu(y)
        if self.stride > 1 or x.shape[-1] != self.features:
            # The steps at the middle of the convolution's windows.
            before, _ = same_padding(x.shape[1] + moves, TEMPORAL_KERNEL, self.stride)
            x = x[:, TEMPORAL_KERNEL // 2 - before :: self.stride]
            x = linear(self.features, use_bias=False, name="shortcut")(x)
            x = self._norm("shortcut_norm", x, train)
        return nn.relu(x + y)

    def _norm(self, name: str, x: jax.Array, train: bool) -> jax.Array:
        norm = nn.BatchNorm(momentum=self.momentum, dtype=self.dtype, name=name)
        return norm(x, use_running_average=not train)


class STGCN(Backbone):
    """ST-GCN: joints (B,T,M,V,C) -> features (B,τ,C') in float32, C' 256 at width 1.

    M people, V joints, C coordinates (and confidence, if any), zeros for a missing joint and for a
    person who is not there, which batch norm counts, as in the authors' code. Batch norm per joint
    and coordinate, then three stages of `layers_per_stage` units 64, 128 and 256 wide, then the
    mean over people and joints.

    - edges, centre: the graph, as pairs of joints, and the joint that divides inward from outward.
    - partition: of a joint's neighbours, which share weights: an entry of PARTITIONS.
    - powers: with the partition "powers", the highest power of the adjacency matrix.
    - layers_per_stage: 3, nine units, as published.
    - temporal_stride: 4 as published, or 2, 1.
    - dropout: on each unit's convolutions.
    - authors_code: as in the authors' code and weights, a further unit of 64 before the stages, to
      which its input is not added, and biases in the graph convolutions.
    - padding: with "torch", strides are centred on the steps 0, 2, 4, as in that code.

    Parameters: `norm`, with `authors_code` `unit_first`, `unit_0`, ... Raises ValueError for joints
    that no edges connect with the centre and for another V than the edges'. Source: Yan et al.
    2018, section 3.6; dropout leaves each unit's input alone, as in the authors' code.
    """

    temporal_strides = TEMPORAL_STRIDES
    edges: tuple[tuple[int, int], ...]
    centre: int = 0
    partition: str = "spatial"
    powers: int = 2
    width: float = 1.0
    layers_per_stage: int = 3
    temporal_stride: int = 4
    dropout: float = 0.5
    authors_code: bool = False
    padding: str = "same"
    bn_momentum: float = 0.99
    lowering: str = "auto"
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        check_choices(self, partition=PARTITIONS)
        super().__post_init__()

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        check_clips(x, skeletons=True)
        graph = adjacency(self.edges, self.centre, self.partition, self.powers)
        batch, frames, people, joints, channels = x.shape
        if joints != graph.shape[1]:
            raise ValueError(f"{joints} joints, but the edges connect {graph.shape[1]}")
        x = x.reshape(batch, frames, people, joints * channels)
        norm = nn.BatchNorm(momentum=self.bn_momentum, dtype=jnp.float32, name="norm")
        x = norm(x, use_running_average=not train)
        x = x.swapaxes(1, 2).reshape(batch * people, frames, joints, channels)

        common: dict[str, Any] = {
            **{"momentum": self.bn_momentum, "lowering": self.lowering, "dtype": self.dtype},
            **{"spatial_bias": self.authors_code, "padding": self.padding},
            "powers": self.partition == "powers",
        }
        if self.authors_code:
            first = scale_channels(STAGES[0], self.width)
            unit = STGCNUnit(first, 1, 0.0, **common, adds=False, name="unit_first")
            x = unit(x, graph, train)
        strides = (1, *TEMPORAL_STRIDES[self.temporal_stride])
        for stage, (published, stride) in enumerate(zip(STAGES, strides, strict=True)):
            features = scale_channels(published, self.width)
            for n in range(self.layers_per_stage):
                name = f"unit_{stage * self.layers_per_stage + n}"
                unit = STGCNUnit(features, stride, self.dropout, **common, name=name)
                x, stride = unit(x, graph, train), 1
        x = x.reshape(batch, people, *x.shape[1:])
        return x.mean(axis=(1, 3), dtype=jnp.float32)
