"""Optimisers and learning-rate schedules."""

from collections.abc import Callable
from typing import Any

import jax
import optax
from ml_collections import ConfigDict


def schedule(train: ConfigDict, steps: int, steps_per_epoch: float) -> Callable[[int], float]:
    """Returns the learning rate of each step: linear warm-up, then the schedule's fall."""
    warmup = round(train.warmup_epochs * steps_per_epoch)
    rate = train.learning_rate
    if train.schedule == "cosine":
        after = optax.cosine_decay_schedule(rate, max(1, steps - warmup))
    elif train.schedule == "step":
        boundaries = [round(epoch * steps_per_epoch) - warmup for epoch in train.step_epochs]
        after = optax.piecewise_constant_schedule(
            rate, {boundary: train.step_factor for boundary in boundaries}
        )
    else:
        after = optax.constant_schedule(rate)
    if not warmup:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, rate, warmup), after], [warmup])


def decays(params: Any) -> Any:
    """Returns a tree of booleans: weight decay is for kernels.

    Biases, batch norm and the clusters of soft aggregations are spared: they do not tend to zero.
    """
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key.endswith("kernel"), params)


def part_names(params: Any) -> Any:
    """Returns a tree of names: whether a parameter is of the "backbone" or of the "head".

    The head is all that is not the backbone: encoder, pooling, classifier.
    """

    def part(path: Any, _: Any) -> str:
        return "backbone" if path[0].key == "backbone" else "head"

    return jax.tree_util.tree_map_with_path(part, params)


def build(
    train: ConfigDict, learning_rate: Callable[[int], float], frozen_steps: int = 0
) -> optax.GradientTransformation:
    """Returns the optimiser that a config's `train` describes.

    sgd: decay is added to the gradient, Nesterov momentum. adam: decay is decoupled (AdamW). In the
    first `frozen_steps` the backbone and its moments stay as they are; then they begin as at step
    0, at the rate that the schedule has come to.
    """
    if frozen_steps or train.head_rate != 1:
        return _by_part(train, learning_rate, frozen_steps)
    parts = [optax.clip_by_global_norm(train.clip_norm)] if train.clip_norm else []
    if train.optimizer == "sgd":
        parts += [
            optax.add_decayed_weights(train.weight_decay, decays),
            optax.sgd(learning_rate, train.momentum, nesterov=True),
        ]
    else:
        parts += [optax.adamw(learning_rate, weight_decay=train.weight_decay, mask=decays)]
    return optax.chain(*parts)


def _by_part(
    train: ConfigDict, learning_rate: Callable[[int], float], frozen_steps: int
) -> optax.GradientTransformation:
    decay = optax.add_decayed_weights(train.weight_decay, decays)
    if train.optimizer == "sgd":
        rule = optax.chain(decay, optax.trace(train.momentum, nesterov=True))
    else:
        rule = optax.chain(optax.scale_by_adam(), decay)
    # Each part has its own moments and, for Adam, its own count of steps to correct their bias by.
    rules = {
        "backbone": optax.conditionally_mask(rule, lambda step: step >= frozen_steps),
        "head": optax.chain(rule, optax.scale(train.head_rate)),
    }
    return optax.chain(
        optax.clip_by_global_norm(train.clip_norm) if train.clip_norm else optax.identity(),
        optax.partition(rules, part_names),
        optax.scale_by_learning_rate(learning_rate),
    )
