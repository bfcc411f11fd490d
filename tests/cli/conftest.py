"""Runs of the command line in processes of their own, and one that nothing disturbs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Run

SCHEDULE = ("--config.train.epochs=3.0", "--config.checkpoint.every=0.5")  # 18 steps, 6 saves


@pytest.fixture
def run(tiny_file: Path, tmp_path: Path, shared: Path) -> Callable[..., Run]:
    """Makes the run of a workdir."""

    def make(name: str, *given: str) -> Run:
        return Run(tiny_file, tmp_path / name, shared / "compiled", *SCHEDULE, *given)

    return make


@pytest.fixture
def whole(tiny_file: Path, shared: Path) -> Run:
    """A run that nothing disturbs, the same for all tests."""
    made = Run(tiny_file, shared / "undisturbed", shared / "compiled", *SCHEDULE)
    made.finish_once()
    assert len(made.losses()) == 18
    return made
