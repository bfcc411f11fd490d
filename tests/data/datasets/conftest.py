"""Trees of empty files: readers open no video."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Makes empty files at paths below a folder, and texts at others; returns the folder."""

    def make(*empty: str, **texts: str) -> Path:
        root = tmp_path / "root"
        for path in empty:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
        for path, text in texts.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text.encode())
        return root

    return make
