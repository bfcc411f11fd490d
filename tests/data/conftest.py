"""A folder of small videos, shared by the tests that prepare it."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid.data.datasets import Dataset, Video


def _write(path: Path, length: int, size: tuple[int, int] = (48, 36)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, size)
    for t in range(length):
        writer.write(np.full((size[1], size[0], 3), 8 * t, np.uint8))
    writer.release()


@pytest.fixture
def write_video() -> Callable[..., None]:
    """Writes a video to a path, so many frames long; frame t is of the even shade 8 t."""
    return _write


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Five videos of one class, 4 to 8 frames long."""
    folder = tmp_path / "videos"
    for number in range(5):
        _write(folder / f"v{number}.avi", 4 + number)
    paths = sorted(folder.glob("*.avi"))
    clips = tuple(Video(p.relative_to(folder), 0, "train", "g") for p in paths)
    return Dataset("toy", folder, ("one",), clips)
