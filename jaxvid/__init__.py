"""jaxvid: video action recognition in JAX/Flax, from video files to labels.

    model = jaxvid.load("runs/try1")
    model.predict("clip.mp4", top=3)

JAX is imported when a name is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxvid import models, pretrained
    from jaxvid.api import Model, load
    from jaxvid.runtime.devices import jit

__version__ = "0.1.0"
__all__ = ["Model", "__version__", "jit", "load", "models", "pretrained"]

_MODULES = ("models", "pretrained")
_NAMES = {"Model": "jaxvid.api", "load": "jaxvid.api", "jit": "jaxvid.runtime.devices"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"jaxvid.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'jaxvid' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
