"""Transformer temporal encoder: a sequence of features (B,τ,C) in, one of states (B,τ,D) out."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from jaxvid.models.layers.choices import check_choices

NORMS = ("pre", "post")
POSITIONS = ("sinusoidal", "learned", "none")


class TransformerLayer(nn.Module):
    """Self-attention over the steps, then two linear layers with a ReLU between: (B,τ,D) -> same.

    Per head: softmax(Q Kᵀ / sqrt(d)) V, d = D / `num_heads`. Both parts are added to their input;
    layer norm (epsilon 1e-6) comes before each part with `norm` "pre", after each sum with "post".
    The running sum, the norms and the softmax are float32. Parameters: `attention`,
    `attention_norm`, `widen` (D,4D), `narrow` (4D,D), `mlp_norm`. Source: Vaswani et al. 2017,
    sections 3.1 to 3.3 ("post"); Xiong et al. 2020, figure 1 ("pre").
    """

    num_heads: int
    dropout: float
    norm: str
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        features = x.shape[-1]
        attend = nn.MultiHeadDotProductAttention(
            self.num_heads, dtype=self.dtype, force_fp32_for_softmax=True, name="attention"
        )
        widen = nn.Dense(4 * features, dtype=self.dtype, name="widen")
        narrow = nn.Dense(features, dtype=self.dtype, name="narrow")
        drop = nn.Dropout(self.dropout, deterministic=not train)
        parts: dict[str, Callable[[jax.Array], jax.Array]] = {
            "attention_norm": attend,
            "mlp_norm": lambda y: narrow(nn.relu(widen(y))),
        }
        for name, part in parts.items():
            norm = nn.LayerNorm(name=name)
            if self.norm == "pre":
                x += drop(part(norm(x))).astype(jnp.float32)
            else:
                x = norm(x + drop(part(x)).astype(jnp.float32))
        return x


class Transformer(nn.Module):
    """Transformer encoder over time: (B,τ,C) -> (B,τ,D) float32, D = `hidden`.

    A linear layer C -> D, positions, dropout, `num_layers` of `TransformerLayer`, and with `norm`
    "pre" a last layer norm.

    - norm: "pre", which trains without a warm-up of the learning rate, or "post" as published.
    - positions: "sinusoidal" as published, for any τ; "learned", one vector per step, which fixes
      τ to that of initialisation; "none", where the order of the steps is not seen.
    - dropout: share of the elements dropped, in training, from the sum of features and positions
      and from each part's output, with the random stream "dropout".

    Parameters: `projection`, `positions` (τ,D) if learned, `layer_0`, ..., `norm` if "pre".
    Raises ValueError for an unknown norm or positions and for a `hidden` that the heads do not
    divide or, with sinusoidal positions, an odd one; flax.errors.ScopeParamShapeError for learned
    positions and another τ. Source: Vaswani et al. 2017, sections 3.1, 3.5 and 5.4. The paper on
    hybrid techniques, section 3.4, classifies the last step, which attended to all: pooling `Last`.
    """

    hidden: int = 64
    num_layers: int = 1
    num_heads: int = 4
    dropout: float = 0.25
    norm: str = "pre"
    positions: str = "sinusoidal"
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        check_choices(self, norm=NORMS, positions=POSITIONS)
        if self.hidden % self.num_heads:
            raise ValueError(f"hidden {self.hidden} is no multiple of {self.num_heads} heads")
        if self.positions == "sinusoidal" and self.hidden % 2:
            raise ValueError(f"hidden {self.hidden} is odd: sinusoidal positions come in pairs")
        super().__post_init__()

    @nn.compact
    def __call__(self, sequence: jax.Array, train: bool = False) -> jax.Array:
        x = nn.Dense(self.hidden, dtype=self.dtype, name="projection")(sequence)
        x = x.astype(jnp.float32)
        shape = x.shape[1:]
        if self.positions == "sinusoidal":
            x += sinusoids(*shape)
        elif self.positions == "learned":
            x += self.param("positions", nn.initializers.normal(0.02), shape, jnp.float32)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        fields = (self.num_heads, self.dropout, self.norm, self.dtype)
        for n in range(self.num_layers):
            x = TransformerLayer(*fields, name=f"layer_{n}")(x, train)
        return nn.LayerNorm(name="norm")(x) if self.norm == "pre" else x


def sinusoids(steps: int, features: int) -> np.ndarray:
    """Encodes each step's position: (τ,D) float32, D = `features`, even.

    p[n, 2i] = sin(n / 10000^(2i/D)), p[n, 2i+1] = cos of the same. Source: Vaswani et al. 2017,
    section 3.5.
    """
    angles = np.arange(steps)[:, None] / 10000 ** (np.arange(0, features, 2) / features)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(steps, -1).astype("float32")
