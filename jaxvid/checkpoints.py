"""Checkpoints: written by Orbax while training goes on, checked by checksums before use."""

import json
import logging
import shutil
import time
import zlib
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as managers

from jaxvid import files
from jaxvid.errors import UserError

SEAL = "checksums.json"
UNMEASURED = {"accuracy": -1.0}  # of a checkpoint that no evaluation fell on: below any other

logger = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of a workdir: the latest `keep`, and the one with the best accuracy.

    A checkpoint holds named trees of arrays, each of which can be restored without the others.
    """

    def __init__(self, folder: Path, keep: int = 1):
        self.folder = folder.absolute()
        self._saving: tuple[int, tuple[str, ...]] = (0, ())
        self._manager = ocp.CheckpointManager(
            self.folder,
            options=ocp.CheckpointManagerOptions(
                best_fn=_accuracy,  # without it Orbax keeps no metrics on disk
                preservation_policy=managers.AnyPreservationPolicy(
                    [
                        managers.LatestN(keep),
                        managers.BestN(
                            get_metric_fn=_accuracy,
                            n=1,
                            keep_checkpoints_without_metrics=False,
                        ),
                    ]
                ),
                async_options=ocp.AsyncOptions(post_finalization_callback=self._seal),
            ),
        )

    def steps(self) -> list[int]:
        """Returns the steps that have a checkpoint, ascending."""
        return sorted(self._manager.all_steps())

    def best_step(self) -> int | None:
        """Returns the step with the best accuracy, or None where none was evaluated."""
        best = self._manager.best_step()
        return None if best is None or self._manager.metrics(best) == UNMEASURED else best

    def save(self, step: int, trees: dict[str, Any], accuracy: float | None = None) -> None:
        """Starts to write named trees, and returns when they may be changed.

        Waits for an earlier save. Raises UserError where that could not be written, or where the
        disk has no room for this one.
        """
        self.wait()
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(trees))
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise UserError(
                f"no room for the checkpoint of step {step} in {self.folder}: "
                f"{needed / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB are free; "
                "those before it are whole"
            )
        self._saving = (step, tuple(trees))
        items = {name: ocp.args.StandardSave(tree) for name, tree in trees.items()}
        metrics = UNMEASURED if accuracy is None else {"accuracy": accuracy}
        self._manager.save(step, args=ocp.args.Composite(**items), metrics=metrics)

    def wait(self) -> None:
        """Waits until what is being written is whole. Raises UserError where it cannot be."""
        try:
            self._manager.wait_until_finished()
        except (ValueError, RuntimeError, OSError) as error:
            reason = "the disk is full" if _is_full(str(error)) else str(error).splitlines()[0]
            raise UserError(
                f"the checkpoint of step {self._saving[0]} could not be written to {self.folder}: "
                f"{reason}; those before it are whole"
            ) from error

    def restore(
        self, templates: dict[str, Any], step: int | None = None, set_aside: bool = False
    ) -> tuple[int, dict[str, Any]] | None:
        """Returns a step and its trees, laid out as those of the same name in `templates`.

        Templates are trees of arrays, or of shapes with shardings. `step` None: the latest that is
        whole. A damaged one is warned of and the one before is taken; with `set_aside` it is
        renamed to `damaged-STEP`, so that its step can be saved again. None where there is no
        checkpoint at all. Raises UserError where the wanted one, or each of them, is damaged, and
        where it does not fit the templates.
        """
        candidates = self.steps()[::-1] if step is None else [step]
        damage = None
        for candidate in candidates:
            path = self.folder / str(candidate)
            damage = self._damage(path)
            if damage is None:
                return candidate, self._restore(templates, candidate)
            logger.warning("checkpoint %s is damaged (%s); taking the one before", path, damage)
            if set_aside:
                path.rename(self.folder / f"damaged-{candidate}-{time.time_ns()}")
                self._manager.reload()
        if damage:
            raise UserError(f"no whole checkpoint is left in {self.folder}: {damage}")
        return None

    def _restore(self, templates: dict[str, Any], step: int) -> dict[str, Any]:
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, templates)
        items = {name: ocp.args.StandardRestore(tree) for name, tree in shapes.items()}
        try:
            restored = self._manager.restore(step, args=ocp.args.Composite(**items))
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error).splitlines()[0]
            path = self.folder / str(step)
            raise UserError(
                f"checkpoint {path} does not fit this config's model: {reason}"
            ) from None
        return {name: restored[name] for name in items}

    def close(self) -> None:
        """Waits for what is being written and ends Orbax's threads."""
        self.wait()
        self._manager.close()

    def _seal(self) -> None:
        # Orbax calls this from its own thread when all arrays are on disk, before the folder gets
        # its final name: so that no checkpoint is ever without its checksums.
        step, names = self._saving
        for folder in self.folder.glob(f"{step}.*"):
            arrays = sorted(p for n in names for p in (folder / n).rglob("*") if p.is_file())
            sums = {p.relative_to(folder).as_posix(): _checksum(p) for p in arrays}
            files.write_json(folder / SEAL, sums)

    def _damage(self, folder: Path) -> str | None:
        try:
            sums = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return f"{SEAL} is missing or unreadable"
        for name, checksum in sums.items():
            if not (folder / name).is_file():
                return f"{name} is missing"
            if _checksum(folder / name) != checksum:
                return f"{name} has changed since it was written"
        return None


def _accuracy(metrics: dict[str, float]) -> float:
    return metrics["accuracy"]


def _is_full(message: str) -> bool:
    return "RESOURCE_EXHAUSTED" in message or "No space left" in message


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum
