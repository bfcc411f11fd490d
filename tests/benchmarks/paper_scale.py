"""One training step at the paper's scale on this machine: time to compile, time, peak memory.

    python tests/benchmarks/paper_scale.py [--config=li3d_bilstm:ucf101] [--batch=2] [--steps=3]

Clips are random, with 101 classes, without the center loss. On a GPU the peak is the allocator's;
on a CPU it is the process's largest resident size.
"""

import argparse
import functools
import resource
import statistics
import time

import jax
import numpy as np

from jaxvid import models
from jaxvid.config import files as config_files
from jaxvid.data import loading
from jaxvid.data.clip_cutting import as_clip
from jaxvid.runtime import devices
from jaxvid.training import optimizers
from jaxvid.training.schedule import Schedule
from jaxvid.training.step import TrainState, train_step

CLASSES = 101


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="li3d_bilstm:ucf101")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    config = config_files.load(arguments.config)
    dtype = devices.compute_dtype(config.train.dtype)
    model = models.build(config.model, CLASSES, dtype)
    optimizer = optimizers.build(config.train, Schedule.of(config.train, config.train.batch_size))
    key, rng = jax.random.key(0), np.random.default_rng(0)
    shapes = loading.clip_shapes(config.data, config.model.skeleton)
    clips = {
        name: rng.integers(0, 256, (arguments.batch, *shape), np.uint8)
        for name, shape in shapes.items()
    }
    batch = {
        "clip": as_clip(clips),
        "label": rng.integers(0, CLASSES, arguments.batch).astype(np.int32),
    }

    def create(key: jax.Array) -> TrainState:
        blank = jax.tree.map(lambda clip: np.zeros((1, *clip.shape[1:]), np.float32), batch["clip"])
        variables = {"batch_stats": {}} | model.init(key, blank, train=False)
        opt_state = optimizer.init(variables["params"])
        step = jax.numpy.zeros((), jax.numpy.int32)
        return TrainState(step, variables["params"], variables["batch_stats"], opt_state)

    state = jax.jit(create, compiler_options={"xla_backend_optimization_level": 0})(key)
    step = functools.partial(train_step, model, optimizer, config.train)
    start = time.perf_counter()
    compiled = devices.jit(step, donate_argnums=0).lower(state, batch, key).compile()
    compiling = time.perf_counter() - start
    seconds = []
    for _ in range(arguments.steps):
        start = time.perf_counter()
        state, metrics = compiled(state, batch, key)
        loss = float(metrics["loss"])
        seconds.append(time.perf_counter() - start)
    statistic = jax.devices()[0].memory_stats()
    if statistic:
        peak = statistic["peak_bytes_in_use"]
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    counts = models.count_parameters(state.params, classifier=False)
    shown = " and ".join(f"{n} {'x'.join(map(str, shape))}" for n, shape in shapes.items())
    middle = statistics.median(seconds)
    print(f"| {'config':20} | clips of a step | parameters | compile | step | clips/s | peak |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print(
        f"| {arguments.config} | {arguments.batch} of {shown} {dtype} | {counts:,} | "
        f"{compiling:.0f} s | {middle:.2f} s ({min(seconds):.2f} to {max(seconds):.2f}) | "
        f"{arguments.batch / middle:.2f} | {peak / 2**30:.1f} GiB |"
    )
    print(f"device {jax.devices()[0].device_kind}, JAX {jax.__version__}, last loss {loss:.3f}")


if __name__ == "__main__":
    main()
