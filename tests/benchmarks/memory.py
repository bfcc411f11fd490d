"""Peak memory of a training step against the batch: plain, recomputing blocks, in parts.

    python tests/benchmarks/memory.py [--config=li3d_bilstm:ucf101] [--batches=1,2,4,8]
        [--variants=plain,remat,accumulate 2,accumulate 4]

Clips are as large as the config's, 101 classes, without the center loss. The GiB are those that the
compiler plans for the step, compiled for this machine: its arguments, which are the weights, the
optimiser's state and the clips, its outputs less those that take an argument's place, and what it
keeps in between. Nothing is run. On a GPU each step is then run once, and the second number is the
allocator's peak, with the initial state made beforehand; on a CPU there is no such count.

plain: the config as it is. remat: `model.remat=True`. accumulate: `train.accumulate` parts of the
batch one after the other; these are compiled for the largest batch alone, where they divide it.
Every cell is a process of its own, so that no step's peak hides another's.
"""

import argparse
import functools
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp
import numpy as np
import sides

from jaxvid import models
from jaxvid.config import files as config_files
from jaxvid.data import loading
from jaxvid.data.clip_cutting import as_clip
from jaxvid.runtime import devices
from jaxvid.training import optimizers
from jaxvid.training.schedule import Schedule
from jaxvid.training.step import TrainState, train_step

CLASSES = 101
VARIANTS = ("plain", "remat", "accumulate 2", "accumulate 4")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="li3d_bilstm:ucf101")
    parser.add_argument("--batches", default="1,2,4,8")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    arguments = parser.parse_args()
    batches = sorted(int(batch) for batch in arguments.batches.split(","))
    variants = arguments.variants.split(",")
    rows = []
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh, max_tasks_per_child=1) as pool:
        for batch in batches:
            cells = [
                pool.submit(measure, arguments.config, batch, variant).result()
                if batch % parts(variant) == 0 and (parts(variant) == 1 or batch == batches[-1])
                else ""
                for variant in variants
            ]
            print(batch, *cells, flush=True)
            rows.append([str(batch), *cells])
        print(pool.submit(describe, arguments.config).result())
    print(sides.table(["batch", *(f"{variant}, GiB" for variant in variants)], rows))


def parts(variant: str) -> int:
    """Counts the parts of the batch that a variant takes one after the other."""
    return int(variant.removeprefix("accumulate ")) if variant.startswith("accumulate") else 1


def describe(name: str) -> str:
    """Returns the machine and the clips in a line."""
    config = config_files.load(name)
    shapes = loading.clip_shapes(config.data, config.model.skeleton)
    clips = " and ".join(f"{n} {'x'.join(map(str, shape))}" for n, shape in shapes.items())
    dtype = devices.compute_dtype(config.train.dtype)
    return f"\n{name}, {clips}, {dtype}, {devices.Devices()}, JAX {jax.__version__}\n"


def measure(name: str, batch_size: int, variant: str) -> str:
    """Returns the GiB that a step is planned to take and, on a GPU, those that it took."""
    config = config_files.load(name)
    config.model.remat = variant == "remat" or config.model.remat
    config.train.accumulate = parts(variant)
    model = models.build(config.model, CLASSES, devices.compute_dtype(config.train.dtype))
    optimizer = optimizers.build(config.train, Schedule.of(config.train, config.train.batch_size))
    shapes = loading.clip_shapes(config.data, config.model.skeleton)

    def create(key: jax.Array) -> TrainState:
        blank = {name: jnp.zeros((1, *shape)) for name, shape in shapes.items()}
        variables = {"batch_stats": {}} | model.init(key, as_clip(blank), train=False)
        opt_state = optimizer.init(variables["params"])
        step = jnp.zeros((), jnp.int32)
        return TrainState(step, variables["params"], variables["batch_stats"], opt_state)

    clips = {name: np.zeros((batch_size, *shape), np.uint8) for name, shape in shapes.items()}
    batch = {"clip": as_clip(clips), "label": np.zeros(batch_size, np.int32)}
    key = jax.random.key(0)
    step = functools.partial(train_step, model, optimizer, config.train)
    try:
        lowered = devices.jit(step, donate_argnums=0).lower(jax.eval_shape(create, key), batch, key)
        compiled = lowered.compile()
        cell = _gib(_planned(compiled.memory_analysis()))
        return cell + (f", {_gib(_taken(compiled, create, batch, key))}" if _counts() else "")
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return "does not fit"


def _planned(plan: Any) -> int:
    outputs = plan.output_size_in_bytes - plan.alias_size_in_bytes
    return plan.temp_size_in_bytes + plan.argument_size_in_bytes + outputs


def _counts() -> bool:
    return bool(jax.devices()[0].memory_stats())


def _taken(compiled: Any, create: Any, batch: dict[str, Any], key: jax.Array) -> int:
    # Unoptimised, as the random numbers take longer to compile than to draw.
    state = jax.jit(create, compiler_options={"xla_backend_optimization_level": 0})(key)
    jax.block_until_ready(compiled(state, jax.device_put(batch), key))
    return jax.devices()[0].memory_stats()["peak_bytes_in_use"]


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f}"


if __name__ == "__main__":
    main()
