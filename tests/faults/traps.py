"""A decoder with faults, in a module that worker processes can import."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from jaxvid.data import modalities
from jaxvid.inference import labelled_copy


@dataclass(frozen=True)
class Trap(modalities.Rgb):
    """A decoder that does with a video what its name says, after the first frame."""

    name: ClassVar[str] = "trap"

    def encode(self, path: Path, facts=None, span=None) -> Iterator[bytes]:
        for frame in super().encode(path, facts, span):
            yield frame
            if path.name == "abort.avi":
                os.abort()
            if path.name == "hang.avi":
                time.sleep(1000)
            if path.name == "hungry.avi":
                os.kill(os.getpid(), signal.SIGKILL)
            if path.name == "unlucky.avi" and not path.with_suffix(".met").exists():
                path.with_suffix(".met").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if path.name == "bug.avi":
                raise ZeroDivisionError("a bug")

    check = encode


def copied_or_aborted(task: labelled_copy.Copying) -> Iterator[None]:
    """Writes the copy of a video, unless its name says that its decoder crashes."""
    for each in labelled_copy.written(task):
        yield each
        if task.path.name == "abort.avi":
            os.abort()
