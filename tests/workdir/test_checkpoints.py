import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.errors import UserError
from jaxvid.workdir import checkpoints


def trees(value: float) -> dict:
    return {
        "variables": {"params": {"w": jnp.full((64, 64), float(value))}},
        "training": {"step": jnp.int32(value), "opt_state": (jnp.full(3, float(value)), {})},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Checkpoints of five steps, the second the best; two latest are to be kept."""
    writer = checkpoints.Writer(tmp_path / "checkpoints", keep=2)
    for step, accuracy in [(1, 0.5), (2, 0.9), (3, None), (4, 0.7), (5, None)]:
        writer.save(step, trees(step), accuracy)
    writer.close()
    return tmp_path / "checkpoints"


def largest_file(folder: Path) -> Path:
    files = (p for p in folder.glob("variables/**/*") if p.is_file())
    return max(files, key=lambda p: p.stat().st_size)


def value(restored) -> tuple[int, float]:
    step, found = restored
    return step, float(found["variables"]["params"]["w"][0, 0])


def test_keeps_the_latest_and_the_best(folder):
    assert checkpoints.steps(folder) == [2, 4, 5]
    assert checkpoints.best_step(folder) == 2
    writer = checkpoints.Writer(folder, keep=2)
    writer.save(6, trees(6))
    writer.close()
    assert checkpoints.steps(folder) == [2, 5, 6]


def test_no_best_where_nothing_was_measured(tmp_path):
    writer = checkpoints.Writer(tmp_path, keep=2)
    writer.save(1, trees(1))
    writer.close()
    assert checkpoints.best_step(tmp_path) is None


def test_restores_bit_for_bit(folder):
    step, found = checkpoints.restore(folder, trees(0))
    assert step == 5
    jax.tree.map(np.testing.assert_array_equal, found, trees(5))


def test_restores_a_step_and_a_part(folder):
    step, found = checkpoints.restore(folder, {"variables": trees(0)["variables"]}, 4)
    assert (step, list(found)) == (4, ["variables"])


def test_an_empty_folder_has_nothing(tmp_path):
    assert checkpoints.restore(tmp_path, trees(0)) is None


@pytest.mark.parametrize("how", ["changed", "cut", "missing", "unsealed", "seal", "metrics"])
def test_a_damaged_latest_falls_back_and_says_so(folder, how, caplog):
    path = largest_file(folder / "5")
    content = bytearray(path.read_bytes())
    if how == "changed":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif how == "cut":
        path.write_bytes(content[:-1])
    elif how == "missing":
        path.unlink()
    elif how == "unsealed":
        (folder / "5" / "checksums.json").unlink()
    elif how == "seal":
        (folder / "5" / "checksums.json").write_text("{}")
    else:  # as a power cut leaves a file
        (folder / "5" / "metrics" / "metrics").write_bytes(b"")
    assert value(checkpoints.restore(folder, trees(0))) == (4, 4.0)
    assert "checkpoints/5 is damaged" in caplog.text
    assert (folder / "5").is_dir(), "reading changes nothing"
    assert checkpoints.best_step(folder) == 2
    checkpoints.Writer(folder, keep=2).close()
    assert checkpoints.steps(folder) == [2, 4]


def test_training_sets_the_damaged_aside_and_saves_again(folder):
    largest_file(folder / "5").unlink()
    writer = checkpoints.Writer(folder, keep=2)
    assert len(list(folder.glob("damaged-5-*"))) == 1
    writer.save(5, trees(5.5))
    writer.close()
    assert value(checkpoints.restore(folder, trees(0))) == (5, 5.5)


def test_no_whole_checkpoint_is_an_error(folder):
    for step in (2, 4, 5):
        largest_file(folder / str(step)).unlink()
    for _ in range(2):  # and stays one: nothing starts anew by itself
        with pytest.raises(UserError, match="no whole checkpoint is left"):
            checkpoints.restore(folder, trees(0))


def test_another_models_checkpoint_is_an_error(folder):
    other = {"variables": {"params": {"w": jnp.zeros((32, 64))}}}
    with pytest.raises(UserError, match="does not fit this config's model"):
        checkpoints.restore(folder, other)


def test_a_full_disk_is_said_before_anything_is_written(folder, monkeypatch):
    full = shutil.disk_usage(folder)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    writer = checkpoints.Writer(folder, keep=2)
    with pytest.raises(UserError, match="no room for the checkpoint of step 6"):
        writer.save(6, trees(6))
    assert value(checkpoints.restore(folder, trees(0))) == (5, 5.0)


def test_a_half_written_checkpoint_is_never_seen(folder):
    half = folder / "6.orbax-checkpoint-tmp"
    (folder / "5").rename(half)
    assert checkpoints.restore(folder, trees(0))[0] == 4
    checkpoints.Writer(folder, keep=2).close()
    assert not half.exists()
