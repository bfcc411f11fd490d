"""The weights of a workdir's checkpoint, laid out on the devices of a network."""

from pathlib import Path
from typing import Any

import jax

from jaxvid.errors import UserError
from jaxvid.experiment.network import Network
from jaxvid.runtime import distributed
from jaxvid.workdir import checkpoints


def restore(network: Network, workdir: Path) -> tuple[int, dict[str, Any]]:
    """Returns the step and the variables of the checkpoint that a config's `eval` names.

    Raises UserError where there is none.
    """
    folder = workdir / "checkpoints"

    def best() -> int:
        step = checkpoints.best_step(folder)
        if step is None:
            raise UserError(f"no checkpoint in {folder} was evaluated: config.eval.checkpoint=last")
        return step

    step = None  # the latest
    if network.config.eval.checkpoint == "best":
        step = best() if network.devices.is_local else distributed.from_primary(best)
    template = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=network.devices.replicated
        ),
        network.shapes,
    )
    restored = checkpoints.restore(folder, {"variables": template}, step)
    if restored is None:
        raise UserError(f"{workdir} has no checkpoint: train there first")
    step, trees = restored
    return step, trees["variables"]
