"""The forward loop: clips that come one by one go through a trained network in full batches."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxvid.experiment import memory
from jaxvid.experiment.network import forward, open_network
from jaxvid.experiment.restore import restore
from jaxvid.runtime import devices
from jaxvid.workdir import layout as workdirs

Key = TypeVar("Key")

# Batches of clips in memory: read ahead, collected, stacked, and on the device, with its next one.
AHEAD = 6


class Inference:
    """The network of a workdir's checkpoint, compiled, with the outputs that an evaluation has.

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
            outputs = forward(model, variables, clips)
            return {name: outputs[name] for name in wanted}

        self._run = devices.jit(run, out_shardings=self.network.devices.replicated)

    def batch_size(self, views: int = 1, most: int = 0) -> int:
        """Returns how many of at most `most` clips (0: any number) of V views go at once.

        Raises UserError where an `eval.batch_size` does not fit.
        """
        return memory.batch_size(self.network, self._run, self.variables, AHEAD, views, most)

    def __call__(
        self, clips: Iterable[tuple[Key, Any]], size: int
    ) -> Iterator[tuple[Key, dict[str, np.ndarray]]]:
        """Yields each key with the network's outputs for its clip, (V, ...), in order.

        A key with None for a clip is yielded in its place, without outputs. Clips go in batches of
        `size`, one of which is on the device while the next one is read.
        """
        keys: list[tuple[Key, bool]] = []
        outputs: dict[str, jax.Array] = {}
        for next_keys, batch in _batches(clips, size):
            next_outputs = self._outputs(batch, size) if batch else {}
            yield from self._rows(keys, outputs)
            keys, outputs = next_keys, next_outputs
        yield from self._rows(keys, outputs)

    def _outputs(self, clips: list[Any], size: int) -> dict[str, jax.Array]:
        with memory.naming(self.config, "eval.batch_size"):
            stacked = self._stacked(clips, size)
            outputs: dict[str, jax.Array] = self._run(
                self.variables, self.network.devices.put_batch(stacked)
            )
            return outputs

    def _stacked(self, clips: list[Any], largest: int) -> Any:
        """Returns clips as one batch, (b, V, ...), the last one repeated up to b.

        b is a power of two for each device, so that few programs are compiled and one clip costs
        one.
        """
        size = self.network.devices.mesh.size
        while size < len(clips):
            size *= 2
        filled = clips + clips[-1:] * (min(size, largest) - len(clips))
        return jax.tree.map(lambda *arrays: np.stack(arrays), *filled)

    def _rows(
        self, keys: list[tuple[Key, bool]], outputs: dict[str, jax.Array]
    ) -> Iterator[tuple[Key, dict[str, np.ndarray]]]:
        with memory.naming(self.config, "eval.batch_size"):
            arrays = {name: np.asarray(value) for name, value in outputs.items()}
        i = 0
        for key, has_clip in keys:
            yield key, {name: value[i] for name, value in arrays.items()} if has_clip else {}
            i += has_clip


def _batches(
    clips: Iterable[tuple[Key, Any]], size: int
) -> Iterator[tuple[list[tuple[Key, bool]], list[Any]]]:
    """Yields keys, each with whether it has a clip, and the clips that they have."""
    keys: list[tuple[Key, bool]] = []
    batch: list[Any] = []
    for key, clip in clips:
        keys.append((key, clip is not None))
        if clip is not None:
            batch.append(clip)
        if len(batch) == size:
            yield keys, batch
            keys, batch = [], []
    yield keys, batch
