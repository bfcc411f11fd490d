"""The check of module fields that are one of several known values."""

from collections.abc import Iterable
from typing import Any

import flax.linen as nn


def check_choices(module: nn.Module, **known: Iterable[Any]) -> None:
    """Raises ValueError where a module's field is not one of its known values, naming them."""
    for field, values in known.items():
        if (value := getattr(module, field)) not in values:
            raise ValueError(f"unknown {field} {value!r}: one of {', '.join(map(str, values))}")
