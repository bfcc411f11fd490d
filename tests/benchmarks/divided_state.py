"""What each device holds of a training's state where `train.shards` divides it.

    python tests/benchmarks/divided_state.py [--config=deep_fusion:ucf101] [--shards=4,8]

Makes the parameters and the optimiser's state on eight simulated devices, as a training does, and
adds up the bytes that are on each of them. Takes a minute on two CPU cores, and 6 GB; with
`--shards=1`, eight whole copies, 19 GB.
"""

import argparse
import os

os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0",
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

from jaxvid.config import files as config_files
from jaxvid.experiment.network import open_network
from jaxvid.training import optimizers
from jaxvid.training.schedule import Schedule

CLASSES = 101


def held(config_name: str, shards: int) -> tuple[dict[str, list[int]], int]:
    """Returns the bytes on each device of parameters and optimiser state, and of one whole copy."""
    config = config_files.load(f"configs/{config_name.replace(':', '.py:', 1)}")
    network = open_network(config, CLASSES, shards)
    optimizer = optimizers.build(config.train, Schedule.of(config.train, config.train.batch_size))

    def create(key: jax.Array) -> dict[str, object]:
        params = network.init(key)["params"]
        return {"parameters": params, "optimiser": optimizer.init(params)}

    shapes = jax.eval_shape(create, jax.random.key(0))
    layout = network.devices.divided(shapes)
    state = jax.jit(create, out_shardings=layout)(jax.random.key(0))
    found = {}
    for name, tree in state.items():
        on_device = dict.fromkeys(jax.devices(), 0)
        for leaf in jax.tree.leaves(tree):
            for part in leaf.addressable_shards:
                on_device[part.device] += part.data.nbytes
        found[name] = list(on_device.values())
    return found, sum(leaf.nbytes for leaf in jax.tree.leaves(state))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="deep_fusion:ucf101")
    parser.add_argument("--shards", default="4,8")
    options = parser.parse_args()
    print(f"{options.config}, 8 simulated devices, JAX {jax.__version__}\n")
    print("| shards | parameters, MB a device | optimiser, MB a device | of a whole copy |")
    print("| --- | --- | --- | --- |")
    for shards in map(int, options.shards.split(",")):
        found, whole = held(options.config, shards)
        most = {name: max(sizes) for name, sizes in found.items()}
        share = sum(most.values()) / whole
        sizes = " | ".join(f"{most[name] / 1e6:.1f}" for name in ("parameters", "optimiser"))
        print(f"| {shards} | {sizes} | {share:.3f} |", flush=True)


if __name__ == "__main__":
    main()
