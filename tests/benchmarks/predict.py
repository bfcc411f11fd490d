"""Latency of one clip and clips per second in full batches, and from video files to labels.

    python tests/benchmarks/predict.py [--systems=i3d,li3d,li3d_bilstm] [--scale=small] [--batch=8]
        [--frames=16] [--size=112] [--rounds=9] [--no-compiled] [--parts=network,files]

All weights are random, and our sides are `batched.Inference`, as `--mode=predict` uses it,
in batches of `eval.batch_size`, which --batch sets. Times are median (lowest to highest).

First table: the network alone, from uint8 clips in memory to logits in memory. Ours against the
same network with the same weights in PyTorch (`torch_i3d.py`, channels-last-3d, inference mode),
eager and compiled; the logits are compared first. All sides take turns in one process, and a ratio,
PyTorch's time by ours, is taken within each round: above 1 we are faster. `torch_i3d.py` has the
papers' width and a temporal stride of 8, and so these networks have them at --scale=small too,
where clips are --frames of --size; --scale=paper has 64x224x224. On a GPU both compute in bfloat16.
Second table: from video files of 320x240 to labels, with LI3D-BiLSTM as the embedded dataset trains
it (16x48x48, a quarter of the width; three-second videos), or with --scale=paper as UCF101 does
(64x224x224; ten seconds): decoding and sampling alone, the network alone, and all of it.
"""

import argparse
import functools
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the GPU is shared with PyTorch

import features_memory
import jax
import numpy as np
import pytorch  # noqa: F401
import sides
import torch
import torch_i3d
from ml_collections import ConfigDict

from jaxvid.config import files as config_files
from jaxvid.experiment.batched import Inference
from jaxvid.experiment.network import open_network
from jaxvid.inference import predict as labelling
from jaxvid.inference import video_files
from jaxvid.runtime import files
from jaxvid.workdir import checkpoints
from jaxvid.workdir import layout as workdirs

CLASSES = tuple(f"class {i}" for i in range(101))
ON_GPU = jax.default_backend() == "gpu"
DEVICE = "cuda" if ON_GPU else "cpu"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", default="i3d,li3d,li3d_bilstm")
    parser.add_argument("--scale", default="small", choices=("small", "paper"))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--no-compiled", action="store_true")
    parser.add_argument("--parts", default="network,files")
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    print(f"{jax.devices()[0].device_kind}, JAX {jax.__version__}, PyTorch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        if "network" in parts:
            _network(arguments, Path(folder))
        if "files" in parts:
            _files(arguments, Path(folder))


def _network(arguments: argparse.Namespace, folder: Path) -> None:
    sizes = (1, arguments.batch)
    passes: dict[str, Callable[[], Any]] = {}
    kinds = ("ours", "PyTorch") if arguments.no_compiled else ("ours", "PyTorch", "compiled")
    systems = arguments.systems.split(",")
    for system in systems:
        config = config_files.load(f"{system}:ucf101")
        if arguments.scale == "small":
            config.data.num_frames, config.data.image_size = arguments.frames, arguments.size
        ours = _untrained(config, arguments.batch, folder / system)
        shape = (arguments.batch, *ours.network.clip_shapes["rgb"])
        clips = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        eager = _theirs(config.model, ours.variables["params"])
        networks = {"PyTorch": eager, "compiled": torch.compile(eager, dynamic=False)}
        ours_said = functools.partial(_ours, ours)
        _check(ours_said(clips), _forward(eager, clips))
        for kind in kinds:
            said = functools.partial(_forward, networks[kind]) if kind in networks else ours_said
            for size in sizes:
                passes[f"{system} {kind} {size}"] = functools.partial(said, clips[:size])
    seconds = sides.take_turns(passes, arguments.rounds)
    rows = []
    for system in systems:
        for kind in kinds:
            one, many = (seconds[f"{system} {kind} {size}"] for size in sizes)
            first, full = (seconds[f"{system} ours {size}"] for size in sizes)
            against = (
                ("", "") if kind == "ours" else (sides.ratio(one, first), sides.ratio(many, full))
            )
            rows.append((system, kind, sides.milliseconds(one), _rate(many, sizes[1]), *against))
    shown = "x".join(map(str, shape[1:4]))
    print(f"\nThe network alone, clips of {shown}\n")
    columns = ("one clip, ms", f"clips/s in batches of {sizes[1]}", "one clip, PyTorch / ours")
    print(sides.table(("system", "side", *columns, "batches, PyTorch / ours"), rows))


def _files(arguments: argparse.Namespace, folder: Path) -> None:
    small = arguments.scale == "small"
    config = config_files.load(f"li3d_bilstm:{'embedded' if small else 'ucf101'}")
    network = _untrained(config, arguments.batch, folder / "files")
    videos = [folder / f"{number}.mp4" for number in range(arguments.batch)]
    for video in videos:
        features_memory.render(video, 3 if small else 10)
    cut = labelling.clip_of(config, CLASSES)

    def read(paths: list[Path]) -> list[Any]:
        return list(video_files.infer(lambda clips: iter(clips), cut, config, paths, {}))

    def label(paths: list[Path]) -> list[Any]:
        size = config.eval.batch_size
        forward = functools.partial(network, size=size)
        return list(video_files.infer(forward, cut, config, paths, {}, ahead=size))

    clips = np.concatenate([clip for *_, clip in read(videos)])
    passes: dict[str, Callable[[], Any]] = {}
    for count in (1, arguments.batch):
        passes[f"decode and sample {count}"] = functools.partial(read, videos[:count])
        passes[f"network {count}"] = functools.partial(_ours, network, clips[:count])
        passes[f"file to label {count}"] = functools.partial(label, videos[:count])
    seconds = sides.take_turns(passes, arguments.rounds)
    rows = []
    for name in ("decode and sample", "network", "file to label"):
        one, many = (seconds[f"{name} {count}"] for count in (1, arguments.batch))
        rows.append((name, sides.milliseconds(one), _rate(many, arguments.batch)))
    shown = "x".join(map(str, clips.shape[1:4]))
    print(f"\nFrom video file to label, {config.name}, clips of {shown}\n")
    print(sides.table(("", "one video, ms", f"videos/s of {arguments.batch} at once"), rows))


def _untrained(config: ConfigDict, batch: int, folder: Path) -> Inference:
    """Makes a workdir with random weights, and returns its network as the modes open it."""
    config.eval.batch_size = batch
    network = open_network(config, len(CLASSES))
    quickly = {"xla_backend_optimization_level": 0}
    variables = jax.jit(network.init, compiler_options=quickly)(jax.random.key(0))
    files.write_json(folder / workdirs.DATASET, {"class_names": CLASSES})
    files.write_text(folder / workdirs.CONFIG, config_files.to_json(config))
    writer = checkpoints.Writer(folder / "checkpoints", keep=1)
    writer.save(0, {"variables": variables})
    writer.close()
    return Inference(config, folder, wanted=("logits", "probabilities"))


def _ours(network: Inference, clips: np.ndarray) -> np.ndarray:
    views = ((number, clip[None]) for number, clip in enumerate(clips))
    return np.stack([said["logits"] for _, said in network(views, network.config.eval.batch_size)])


def _theirs(model: ConfigDict, params: Any) -> torch.nn.Module:
    hidden = model.hidden if model.encoder == "bilstm" else 0
    network = torch_i3d.Network(len(CLASSES), model.backbone == "li3d", hidden)
    torch_i3d.fill(network, jax.device_get(params))
    return network.eval().to(DEVICE, memory_format=torch.channels_last_3d)


def _forward(network: Callable, clips: np.ndarray) -> np.ndarray:
    # Ours lie in memory as channels-last-3d does: no copy is made.
    given = torch.from_numpy(clips).permute(0, 4, 1, 2, 3).to(DEVICE)
    with torch.inference_mode(), torch.autocast(DEVICE, torch.bfloat16, enabled=ON_GPU):
        return network(given).float().cpu().numpy()


def _check(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Raises AssertionError where the two are not the same network."""
    tolerance = (0.05 if ON_GPU else 1e-3) * np.abs(ours).max()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def _rate(seconds: list[float], clips: int) -> str:
    """Returns clips per second: the median (lowest to highest)."""
    low, middle, high = (
        clips / value for value in (max(seconds), statistics.median(seconds), min(seconds))
    )
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
