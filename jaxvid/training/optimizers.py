"""Optimisers: SGD and Adam, with weight decay, clipping and rates of their own for each part."""

from typing import Any

import jax
import optax
from ml_collections import ConfigDict

from jaxvid.training.schedule import Schedule


def decays(params: Any) -> Any:
    """Returns a tree of booleans: weight decay applies to kernels.

    Biases, batch norm and the clusters of soft aggregations are exempt: they do not tend to zero.
    """
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key.endswith("kernel"), params)


def part_names(params: Any) -> Any:
    """Returns a tree of names: whether a parameter belongs to the "backbone" or to the "head".

    The head is all that is not the backbone: encoder, pooling, classifier.
    """

    def part(path: Any, _: Any) -> str:
        return "backbone" if path[0].key == "backbone" else "head"

    return jax.tree_util.tree_map_with_path(part, params)


def build(train: ConfigDict, schedule: Schedule) -> optax.GradientTransformation:
    """Returns the optimiser that a config's `train` describes.

    sgd: decay is added to the gradient, Nesterov momentum. adam: decay is decoupled (AdamW). In the
    schedule's frozen steps the backbone and its moments stay as they are; then they begin as at
    step 0, at the schedule's current rate.
    """
    if schedule.frozen_steps or train.head_rate != 1:
        return _by_part(train, schedule)
    parts = [optax.clip_by_global_norm(train.clip_norm)] if train.clip_norm else []
    rate = schedule.learning_rate
    if train.optimizer == "sgd":
        parts += [
            optax.add_decayed_weights(train.weight_decay, decays),
            optax.sgd(rate, train.momentum, nesterov=True),
        ]
    else:
        parts += [optax.adamw(rate, weight_decay=train.weight_decay, mask=decays)]
    return optax.chain(*parts)


def _by_part(train: ConfigDict, schedule: Schedule) -> optax.GradientTransformation:
    decay = optax.add_decayed_weights(train.weight_decay, decays)
    if train.optimizer == "sgd":
        rule = optax.chain(decay, optax.trace(train.momentum, nesterov=True))
    else:
        rule = optax.chain(optax.scale_by_adam(), decay)
    # Each part has its own moments and, for Adam, its own count of steps to correct their bias by.
    rules = {
        "backbone": optax.conditionally_mask(rule, lambda step: step >= schedule.frozen_steps),
        "head": optax.chain(rule, optax.scale(train.head_rate)),
    }
    return optax.chain(
        optax.clip_by_global_norm(train.clip_norm) if train.clip_norm else optax.identity(),
        optax.partition(rules, part_names),
        optax.scale_by_learning_rate(schedule.learning_rate),
    )
