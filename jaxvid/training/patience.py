"""Early stopping: a run ends where its evaluations have not become better for some epochs."""

import math
from collections.abc import Mapping
from pathlib import Path

from jaxvid.training.schedule import Schedule
from jaxvid.workdir.metrics_log import read_metrics


def measured(workdir: Path, split: str, last: int) -> dict[int, float]:
    """Returns the accuracies on a split that a run measured up to a step, by step."""
    name = f"{split}_accuracy"
    lines = read_metrics(workdir)
    return {line["step"]: line[name] for line in lines if name in line and line["step"] <= last}


def best_step(accuracies: Mapping[int, float]) -> int:
    """Returns the step of the best accuracy, of equal ones the first."""
    return max(accuracies, key=lambda step: (accuracies[step], -step))


def is_over(accuracies: Mapping[int, float], schedule: Schedule, patience: float) -> bool:
    """Returns whether `patience` epochs have gone by since the best of the accuracies, by step."""
    if not patience or not accuracies:
        return False
    # Rounding up: an epoch need not be a whole number of steps.
    steps = math.ceil(round(patience * schedule.steps_per_epoch, 6))
    return max(accuracies) - best_step(accuracies) >= steps
