"""The training step, a pure function from a state and a batch to the next state."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct
from ml_collections import ConfigDict

from jaxvid.models import normalize
from jaxvid.models.layers.batch_norm import keep_statistics
from jaxvid.training import losses


class TrainState(struct.PyTreeNode):
    """All that changes while training; randomness follows from the step and needs no place."""

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: Any
    centers: jax.Array | None = None  # of the center loss (N, E)

    @property
    def variables(self) -> dict[str, Any]:
        """What the model computes with, in training and after it."""
        return {"params": self.params, "batch_stats": self.batch_stats}

    @property
    def trees(self) -> dict[str, Any]:
        """What a checkpoint holds: `variables` can be restored without the rest."""
        training = {"step": self.step, "opt_state": self.opt_state}
        if self.centers is not None:
            training["centers"] = self.centers
        return {"variables": self.variables, "training": training}


def train_step(
    model: nn.Module,
    optimizer: optax.GradientTransformation,
    train: ConfigDict,
    state: TrainState,
    batch: dict[str, jax.Array],
    key: jax.Array,
    frozen: bool = False,
    head_only: bool = False,
    whole: Callable[[Any], Any] = lambda tree: tree,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Takes one step on a batch of `clip`, as the pipeline makes it, and `label` (B,).

    A batch may have `weight` (B,), the factor of each clip's cross-entropy in the mean.
    `train` is the config's; `key` is the run's: each step draws its own randomness from it.
    `frozen`: the backbone computes as in evaluation and its gradient is zero; the optimiser has to
    leave it alone in the same steps. `head_only`: it is frozen in all steps, and the optimiser
    knows the head alone. `whole`: what is done to parameters that devices hold in parts before the
    model computes with them. With `train.accumulate` A the gradient is the mean over A parts of the
    batch, one after the other, each with batch statistics of its own. Returns the next state, and
    the batch's loss (and, with a center loss, what it is the sum of), top-1 accuracy and the norm
    of its gradient.
    """
    dropout = jax.random.fold_in(key, state.step)
    trained = head_params(state.params) if head_only else state.params

    def gradient_on(
        batch_stats: Any, batch: dict[str, jax.Array], key: jax.Array
    ) -> tuple[Any, Any, dict[str, jax.Array], jax.Array]:
        def loss_of(trained: Any) -> tuple[jax.Array, Any]:
            params = {**state.params, **trained}
            frozen_norms = nn.intercept_methods(keep_statistics)
            with frozen_norms if train.freeze_batch_norm else nullcontext():
                outputs, updated = model.apply(
                    {"params": whole(params), "batch_stats": batch_stats},
                    normalize(batch["clip"]),
                    train=True,
                    frozen=frozen,
                    rngs={"dropout": key},
                    mutable=["batch_stats"],
                )
            labels = batch["label"]
            each = losses.cross_entropy(outputs.logits, labels, train.label_smoothing)
            loss = (each * batch["weight"] if "weight" in batch else each).mean()
            metrics = {"accuracy": (outputs.logits.argmax(-1) == labels).mean()}
            if state.centers is not None:
                metrics["cross_entropy"] = loss
                metrics["center_loss"] = losses.center_loss(
                    outputs.embedding, labels, state.centers
                ).mean()
                loss += train.center_loss * metrics["center_loss"]
            metrics["loss"] = loss
            return loss, (updated.get("batch_stats", {}), metrics, outputs.embedding)

        gradient, (batch_stats, metrics, embedding) = jax.grad(loss_of, has_aux=True)(trained)
        return gradient, batch_stats, metrics, embedding

    if train.accumulate == 1:
        gradient, batch_stats, metrics, embedding = gradient_on(state.batch_stats, batch, dropout)
        labels = batch["label"]
    else:
        gradient, batch_stats, metrics, embedding, labels = _accumulated(
            gradient_on, train.accumulate, trained, state.batch_stats, batch, dropout
        )
    updates, opt_state = optimizer.update(gradient, state.opt_state, trained)
    metrics["grad_norm"] = optax.tree.norm(gradient)
    params = {**state.params, **optax.apply_updates(trained, updates)}
    centers = state.centers
    if centers is not None:
        centers = losses.move_centers(centers, embedding, labels, train.center_rate)
    return TrainState(state.step + 1, params, batch_stats, opt_state, centers), metrics


def head_params(params: Any) -> Any:
    """Returns the parameters of a model without those of its backbone."""
    return {part: tree for part, tree in params.items() if part != "backbone"}


def _accumulated(
    gradient_on: Callable[..., Any],
    parts: int,
    trained: Any,
    batch_stats: Any,
    batch: dict[str, jax.Array],
    key: jax.Array,
) -> tuple[Any, Any, dict[str, jax.Array], jax.Array, jax.Array]:
    # Every device takes its part from the examples that it has: nothing moves between devices.
    divided = jax.tree.map(
        lambda array: array.reshape(-1, parts, *array.shape[1:]).swapaxes(0, 1), batch
    )

    def add_part(carry: tuple[Any, Any], taken: Any) -> tuple[tuple[Any, Any], Any]:
        total, batch_stats = carry
        part, number = taken
        gradient, batch_stats, metrics, embedding = gradient_on(
            batch_stats, part, jax.random.fold_in(key, number)
        )
        return (jax.tree.map(jnp.add, total, gradient), batch_stats), (metrics, embedding)

    start = jax.tree.map(jnp.zeros_like, trained), batch_stats
    (total, batch_stats), (each, embedding) = jax.lax.scan(
        add_part, start, (divided, jnp.arange(parts))
    )
    gradient = jax.tree.map(lambda leaf: leaf / parts, total)
    metrics = {name: values.mean() for name, values in each.items()}
    embedding = embedding.reshape(-1, embedding.shape[-1])
    return gradient, batch_stats, metrics, embedding, divided["label"].reshape(-1)
