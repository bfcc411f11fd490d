"""Checkpoints: written by Orbax while training goes on, checked by checksums before use.

A checkpoint is a folder named by its step. It holds named trees of arrays, each of which can be
restored without the others, the accuracy measured at that step, and the checksums of all of it.
"""

import json
import logging
import shutil
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as managers

from jaxvid.errors import UserError
from jaxvid.runtime import distributed, files

SEAL = "checksums.json"
METRICS = "metrics"  # Orbax's name for the item, and for the file in it
HALF = ".orbax-checkpoint-tmp"  # in Orbax's name for a checkpoint that it is writing
PATIENCE = 7 * 86_400  # seconds that a save may take: Orbax counts by a clock that may be set
UNMEASURED = -1.0  # the accuracy of a checkpoint that no evaluation fell on: below any other

logger = logging.getLogger(__name__)


def steps(folder: Path) -> list[int]:
    """Returns the steps that have a checkpoint, damaged or not, ascending."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def damage(checkpoint: Path) -> str | None:
    """Returns the damage of a checkpoint's folder, or None where it is as it was written."""
    try:
        sums = json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"{SEAL} is missing or unreadable"
    if not isinstance(sums, dict) or not sums:
        return f"{SEAL} is damaged"
    for name, checksum in sums.items():
        if not (checkpoint / name).is_file():
            return f"{name} is missing"
        if _checksum(checkpoint / name) != checksum:
            return f"{name} has changed since it was written"
    return None


def checksums(folder: Path, step: int) -> dict[str, int]:
    """Returns the checksums of a whole checkpoint's files, which identify it."""
    return json.loads((folder / str(step) / SEAL).read_text(encoding="utf-8"))


def best_step(folder: Path) -> int | None:
    """Returns the whole checkpoint with the best accuracy, or None where none was measured."""
    measured = {}
    for step in steps(folder):
        if damage(folder / str(step)) is None:
            text = (folder / str(step) / METRICS / METRICS).read_text(encoding="utf-8")
            measured[step] = json.loads(text)["accuracy"]
    best = max(measured, key=lambda step: measured[step], default=None)
    return None if best is None or measured[best] == UNMEASURED else best


def latest(folder: Path) -> int | None:
    """Returns the latest step that is whole, None where there is no checkpoint at all.

    Damaged ones are warned of. Raises UserError where each of them is damaged.
    """
    found = steps(folder)
    for step in found[::-1]:
        checkpoint = folder.absolute() / str(step)
        found_damage = damage(checkpoint)
        if found_damage is None:
            return step
        logger.warning("checkpoint %s is damaged: %s", checkpoint, found_damage)
    if found:
        raise UserError(f"no whole checkpoint is left to restore from {folder}")
    return None


def restore(
    folder: Path, templates: dict[str, Any], step: int | None = None
) -> tuple[int, dict[str, Any]] | None:
    """Returns a step and its trees, laid out as those of the same name in `templates`.

    Templates are trees of arrays, or of shapes with shardings. `step` None: the latest that is
    whole, which all processes then look for together. None where there is no checkpoint at all.
    Raises UserError where each of them is damaged, and where it does not fit the templates.
    """
    if step is None:
        alone = _taking_part(templates) is not None
        step = latest(folder) if alone else distributed.from_primary(lambda: latest(folder))
    if step is None:
        return None
    return step, _restore(folder.absolute() / str(step), templates)


def restore_any(folder: Path, name: str) -> tuple[int, Any]:
    """Returns the latest whole step and its tree of a name, of any shapes, as NumPy arrays.

    Raises UserError where there is no whole checkpoint.
    """
    step = latest(folder)
    if step is None:
        raise UserError(f"{folder} has no checkpoint: train there first")
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
        saved = checkpointer.metadata(folder.absolute() / str(step) / name).item_metadata.tree
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    template = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=device), saved
    )
    trees = _restore(folder.absolute() / str(step), {name: template})
    return step, jax.tree.map(np.asarray, trees[name])


def _restore(checkpoint: Path, templates: dict[str, Any]) -> dict[str, Any]:
    shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, templates)
    items = {name: ocp.args.StandardRestore(tree) for name, tree in shapes.items()}
    try:
        options = {"multiprocessing_options": among} if (among := _taking_part(templates)) else {}
        composite = ocp.CompositeOptions(**options)
        handler = ocp.CompositeCheckpointHandler(composite_options=composite)
        with ocp.Checkpointer(handler, **options) as checkpointer:
            restored = checkpointer.restore(checkpoint, args=ocp.args.Composite(**items))
    except (ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        message = f"checkpoint {checkpoint} does not fit this config's model: {reason}"
        raise UserError(message) from None
    return {name: restored[name] for name in items}


def _taking_part(templates: dict[str, Any]) -> ocp.options.MultiprocessingOptions | None:
    """Returns options to restore in this process alone, where the trees are on its devices."""
    leaves = jax.tree.leaves(templates)
    if distributed.count() == 1 or not all(x.sharding.is_fully_addressable for x in leaves):
        return None
    me = distributed.index()
    return ocp.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process{me}"
    )


class Writer:
    """Writes the checkpoints of a workdir; keeps the latest `keep`, and the most accurate one.

    Damaged ones are set aside as `damaged-STEP-TIME`, so that their steps can be saved again;
    what a killed run left half written is deleted.
    """

    def __init__(self, folder: Path, keep: int):
        self.folder = folder.absolute()
        if distributed.is_primary():
            self._tidy()
        distributed.wait_for_all()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._place = files.Place(self.folder)
        self._saving: tuple[int, tuple[str, ...]] = (0, ())
        best = managers.BestN(get_metric_fn=_accuracy, n=1, keep_checkpoints_without_metrics=False)
        self._manager = ocp.CheckpointManager(
            self.folder,
            options=ocp.CheckpointManagerOptions(
                best_fn=_accuracy,  # without it Orbax keeps no metrics on disk
                preservation_policy=managers.AnyPreservationPolicy([managers.LatestN(keep), best]),
                async_options=ocp.AsyncOptions(
                    timeout_secs=PATIENCE,
                    post_finalization_callback=self._seal,
                    # Else its threads wait for each other by that clock, for minutes at most.
                    create_directories_asynchronously=False,
                ),
            ),
        )

    def _tidy(self) -> None:
        for step in steps(self.folder):
            if damage(self.folder / str(step)):
                aside = self.folder / f"damaged-{step}-{time.time_ns()}"
                (self.folder / str(step)).rename(aside)
        for half in self.folder.glob(f"*{HALF}*"):
            shutil.rmtree(half)

    def save(self, step: int, trees: dict[str, Any], accuracy: float | None = None) -> None:
        """Starts to write named trees, and returns when they may be changed.

        Waits for an earlier save. Raises UserError where that could not be written, where the
        disk has no room for this one, or where the folder is gone.
        """
        self.wait()
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(trees))
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise UserError(
                f"no room for the checkpoint of step {step} in {self.folder}: "
                f"{needed / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB are free; "
                "those before it are whole: make room, and the same command continues"
            )
        self._saving = (step, (*trees, METRICS))
        items = {name: ocp.args.StandardSave(tree) for name, tree in trees.items()}
        metrics = {"accuracy": UNMEASURED if accuracy is None else accuracy}
        self._manager.save(step, args=ocp.args.Composite(**items), metrics=metrics)

    def wait(self) -> None:
        """Waits until what is being written is whole. Raises UserError where it cannot be.

        Also where the folder is gone.
        """
        try:
            self._manager.wait_until_finished()
        except (ValueError, RuntimeError, OSError) as error:
            self._check_place()
            reason = "the disk is full" if _is_full(str(error)) else str(error).splitlines()[0]
            raise UserError(
                f"the checkpoint of step {self._saving[0]} could not be written to {self.folder}: "
                f"{reason}; those before it are whole: make room, and the same command continues"
            ) from error
        self._check_place()

    def _check_place(self) -> None:
        try:
            self._place.check()
        except UserError:
            self._unmake()
            raise

    def _unmake(self) -> None:
        """Removes a workdir that Orbax made anew after it was moved or deleted."""
        # Files that it was writing may still come: until none does.
        for _ in range(10):
            with suppress(OSError):
                if list(self.folder.parent.iterdir()) == [self.folder]:
                    shutil.rmtree(self.folder.parent)
            time.sleep(0.1)

    def close(self) -> None:
        """Waits for what is being written and ends Orbax's threads."""
        self.wait()
        self._manager.close()

    def _seal(self) -> None:
        # Orbax calls this from its own thread when all is on disk, before the folder gets its final
        # name: so that no checkpoint is ever without its checksums.
        if not distributed.is_primary():
            return
        step, names = self._saving
        for folder in self.folder.glob(f"{step}{HALF}*"):
            content = sorted(p for n in names for p in (folder / n).rglob("*") if p.is_file())
            sums = {p.relative_to(folder).as_posix(): _checksum(p) for p in content}
            files.write_json(folder / SEAL, sums)


def _accuracy(metrics: dict[str, float]) -> float:
    return metrics["accuracy"]


def _is_full(message: str) -> bool:
    reasons = "RESOURCE_EXHAUSTED", "No space left", "File too large", "Disk quota exceeded"
    return any(reason in message for reason in reasons)


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum
