"""Peak memory of --mode=features over a short and a long video: the longer may take no more.

    python tests/benchmarks/features_memory.py [--modalities=rgb] [--scale=embedded]
        [--seconds=10,600]

Each video is rendered noise on a gradient, 320x240 at 30 frames per second, and is read in a
process of its own by an untrained LI3D-BiLSTM (two-stream: a VGG-16 for each). --scale=ucf101 is
the papers' clip, 64 frames of 224x224, in batches of two.
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import jax
import numpy as np

from jaxvid.config import files as config_files
from jaxvid.experiment.network import open_network
from jaxvid.runtime import files
from jaxvid.workdir import checkpoints
from jaxvid.workdir import layout as workdirs

CLASSES = ["a", "b"]
FPS, WIDTH, HEIGHT = 30, 320, 240


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--modalities", default="rgb", choices=("rgb", "flow", "rgb+flow"))
    parser.add_argument("--scale", default="embedded", choices=("embedded", "ucf101"))
    parser.add_argument("--seconds", default="10,600")
    parser.add_argument("--stride", default="1.0")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        return one(*arguments.one.split("|"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        workdir(folder / "run", arguments.modalities, arguments.scale)
        peaks = []
        for seconds in map(int, arguments.seconds.split(",")):
            video = folder / f"{seconds}.mp4"
            render(video, seconds)
            task = "|".join(map(str, (folder / "run", video, folder / "out", arguments.stride)))
            started = time.perf_counter()
            ran = subprocess.run(
                [sys.executable, __file__, f"--one={task}"], capture_output=True, text=True
            )
            took = time.perf_counter() - started
            if ran.returncode:
                sys.exit(ran.stderr)
            peaks.append(int(re.search(r"peak (\d+)", ran.stdout)[1]))
            with np.load(folder / "out" / f"{video.name}.npz") as there:
                windows = len(there["times"])
            print(f"{seconds:5} s of video, {windows:4} windows: {took:.1f} s, {peaks[-1]} MB peak")
        print(f"the longest takes {peaks[-1] - peaks[0]:+} MB")


def one(workdir: str, video: str, output: str, stride: str) -> None:
    """Runs the mode on one video and prints this process's largest resident size."""
    from jaxvid import main as command

    given = [f"--workdir={workdir}", f"--output={output}", video]
    status = command.main(
        ["jaxvid", "--mode=features", *given, f"--config.windows.stride={stride}"]
    )
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}")
    sys.exit(status)


def workdir(folder: Path, modalities: str, scale: str) -> None:
    """Makes a workdir with an untrained network."""
    config = config_files.load(f"li3d_bilstm:{scale}")
    with config.unlocked():
        config.data.modality = modalities
        if modalities == "rgb+flow":
            config.model.backbone = "two_stream"
            config.model.rgb_backbone = config.model.flow_backbone = "vgg16"
        if scale == "ucf101":
            config.eval.batch_size = 2
    network = open_network(config, len(CLASSES))
    variables = jax.jit(network.init)(jax.random.key(0))
    files.write_json(folder / workdirs.DATASET, {"class_names": CLASSES})
    files.write_text(folder / workdirs.CONFIG, config_files.to_json(config))
    writer = checkpoints.Writer(folder / "checkpoints", keep=1)
    writer.save(0, {"variables": variables})
    writer.close()


def render(path: Path, seconds: int) -> None:
    """Writes a video in which something moves."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (HEIGHT, 4 * WIDTH, 3), np.uint8)
    noise = cv2.GaussianBlur(noise, (9, 9), 0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    for i in range(seconds * FPS):
        writer.write(np.roll(noise, 3 * i, axis=1)[:, :WIDTH])
    writer.release()


if __name__ == "__main__":
    main()
