"""What a source of weights gives to a model, with an account of all of it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Names = tuple[str, ...] | None  # of a model's classes; None: not known


@dataclass(frozen=True)
class Loaded:
    """What the files of a source give to a model.

    A variable is named by its path: `params/backbone/conv_1a/conv/kernel`.

    - values: what replaces initial values, each float32 and of its variable's shape.
    - tensors: of every tensor of the files, the variables it went to, or why it went nowhere.
    - initial: of every variable that is not in `values`, why it keeps its initial value.
    - notes: sentences for the user on what is not exact.
    - training_notes: sentences on what is exact outside training alone.
    - errors: of every unit whose kernel was approximated the relative error in the Frobenius norm,
      and under `all` that of all of them together; None where none was.
    """

    values: dict[str, np.ndarray]
    tensors: dict[str, str]
    initial: dict[str, str]
    notes: tuple[str, ...] = ()
    training_notes: tuple[str, ...] = field(default=(), kw_only=True)
    errors: dict[str, float] | None = None

    def account(self) -> dict[str, Any]:
        """Returns the whole account, as a workdir's init.json holds it."""
        return {
            "notes": [*self.notes, *self.training_notes],
            "tensors": self.tensors,
            "initial": self.initial,
            **({"errors": self.errors} if self.errors else {}),
        }
