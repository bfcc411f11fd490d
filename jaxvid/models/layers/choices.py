"""The check of module fields that are one of several known values."""

from collections.abc import Iterable
from typing import Any

import flax.linen as nn


def check_choices(module: nn.Module, **known: Iterable[Any]) -> None:
    """Raises ValueError where a module's field is not one of its known values, naming them."""
    for field, values in known.items():
        if getattr(module, field) not in values:
            names = ", ".join(map(str, values))
            raise ValueError(f"unknown {field} {getattr(module, field)!r}: one of {names}")
