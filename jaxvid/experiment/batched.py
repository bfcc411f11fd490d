"""A trained network at work on clips that come one by one: restored, compiled, in full batches."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxvid.errors import UserError
from jaxvid.experiment.network import Network, forward, open_network
from jaxvid.runtime import devices, distributed
from jaxvid.workdir import checkpoints
from jaxvid.workdir import layout as workdirs

Key = TypeVar("Key")


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

    wanted = None
    if network.config.eval.checkpoint == "best":
        wanted = best() if network.devices.is_local else distributed.from_primary(best)
    layout = network.devices.replicated
    template = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=layout),
        network.shapes,
    )
    restored = checkpoints.restore(folder, {"variables": template}, wanted)
    if restored is None:
        raise UserError(f"{workdir} has no checkpoint: train there first")
    step, trees = restored
    return step, trees["variables"]


class Inference:
    """The network of a workdir's checkpoint: what it says of clips, as an evaluation would hear it.

    `wanted`: which of `jaxvid.experiment.network.forward`'s outputs. Raises UserError for a workdir
    without a model of this config.
    """

    def __init__(self, config: ConfigDict, folder: Path, wanted: tuple[str, ...]):
        self.config = config
        self.class_names = workdirs.class_names(folder)
        self.network = open_network(config, len(self.class_names))
        self.step, self.variables = restore(self.network, folder)
        model = self.network.model

        def run(variables: Any, clips: Any) -> dict[str, jax.Array]:
            said = forward(model, variables, clips)
            return {name: said[name] for name in wanted}

        self._run = devices.jit(run, out_shardings=self.network.devices.replicated)

    def __call__(
        self, clips: Iterable[tuple[Key, Any]]
    ) -> Iterator[tuple[Key, dict[str, np.ndarray]]]:
        """Yields each key with what the network says of its clip, (V, ...), in order.

        A key with None for a clip is yielded in its place, with nothing said. Clips go in batches
        of `eval.batch_size`, one of which is on the device while the next one is read.
        """
        items = iter(clips)
        before: tuple[list[tuple[Key, bool]], dict[str, jax.Array]] = [], {}
        more = True
        while more:
            keys: list[tuple[Key, bool]] = []
            batch: list[Any] = []
            more = False
            for key, clip in items:
                keys.append((key, clip is not None))
                if clip is not None:
                    batch.append(clip)
                if len(batch) == self.config.eval.batch_size:
                    more = True
                    break
            said = self._said(batch) if batch else {}
            yield from _rows(*before)
            before = keys, said
        yield from _rows(*before)

    def _said(self, clips: list[Any]) -> dict[str, jax.Array]:
        return self._run(self.variables, self.network.devices.put_batch(self._stacked(clips)))

    def _stacked(self, clips: list[Any]) -> Any:
        """Returns clips as one batch, (b, V, ...), the last one repeated up to b.

        b is a power of two for each device, so that few programs are compiled and one clip costs
        one.
        """
        size = self.network.devices.mesh.size
        while size < len(clips):
            size *= 2
        filled = clips + clips[-1:] * (min(size, self.config.eval.batch_size) - len(clips))
        return jax.tree.map(lambda *arrays: np.stack(arrays), *filled)


def _rows(
    keys: list[tuple[Key, bool]], said: dict[str, jax.Array]
) -> Iterator[tuple[Key, dict[str, np.ndarray]]]:
    arrays = {name: np.asarray(value) for name, value in said.items()}
    i = 0
    for key, has_clip in keys:
        yield key, {name: value[i] for name, value in arrays.items()} if has_clip else {}
        i += has_clip
