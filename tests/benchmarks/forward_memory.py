"""Memory and time of forward passes against the batch: does a larger batch pay?

    python tests/benchmarks/forward_memory.py [--config=i3d:ucf101] [--batches=1,2,4]

Clips are as large as the config's, one view each, 101 classes, weights of zero. Of each batch: the
GiB that the compiler plans beside weights and clips, the process's largest resident size so far,
and the seconds for a clip, the fastest of three passes.
"""

import argparse
import resource
import time

import jax
import numpy as np
import sides

from jaxvid.config import files as config_files
from jaxvid.data.clip_cutting import as_clip
from jaxvid.experiment.network import forward, open_network
from jaxvid.runtime import devices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="i3d:ucf101")
    parser.add_argument("--batches", default="1,2,4")
    arguments = parser.parse_args()
    network = open_network(config_files.load(arguments.config), 101)
    run = devices.jit(lambda variables, clips: forward(network.model, variables, clips)["logits"])
    variables = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), network.shapes)
    variables = jax.device_put(variables, network.devices.replicated)
    rows = []
    for batch in sorted(map(int, arguments.batches.split(","))):
        shapes = {name: (batch, 1, *shape) for name, shape in network.clip_shapes.items()}
        clips = as_clip({name: np.zeros(shape, np.uint8) for name, shape in shapes.items()})
        clips = network.devices.put_batch(clips)
        compiled = run.lower(variables, clips).compile()
        planned = compiled.memory_analysis().temp_size_in_bytes
        taken = []
        for _ in range(3):
            started = time.perf_counter()
            jax.block_until_ready(compiled(variables, clips))
            taken.append((time.perf_counter() - started) / batch)
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        gib = [f"{size / 2**30:.2f}" for size in (planned, resident)]
        rows.append([str(batch), *gib, f"{min(taken):.2f}"])
    print(sides.table(["batch", "planned, GiB", "resident, GiB", "s/clip"], rows))


if __name__ == "__main__":
    main()
