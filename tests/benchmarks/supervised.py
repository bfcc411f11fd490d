"""Labelling videos with decoding in processes of its own, beside decoding in the program's threads.

    python tests/benchmarks/supervised.py RUN VIDEO... [--repeat=5]

RUN is a trained run's folder or a model's name; one whose network is small shows the most. Both
ways label all videos by turns in one process, after a first time that does not count. Prints the
seconds of each way, and the ratios of their least and of the least CPU seconds.
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import jaxvid
from jaxvid.data import supervised
from jaxvid.data.modalities import Modality
from jaxvid.data.video import Facts, decoded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    model = jaxvid.load(arguments.run)
    ways = {"in processes": supervised.encode, "in threads": in_this_process}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    used: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(-1, arguments.repeat):
        for way, encode in list(ways.items())[:: 1 if turn % 2 else -1]:
            start, before = time.perf_counter(), cpu_seconds()
            with mock.patch.object(supervised, "encode", encode):
                model.predict(arguments.videos)
            if turn >= 0:
                seconds[way].append(time.perf_counter() - start)
                used[way].append(cpu_seconds() - before)
    for way, taken in seconds.items():
        print(f"{way:12} {' '.join(f'{each:.2f}' for each in taken)} s")
    for what, figures in (("seconds", seconds), ("CPU seconds", used)):
        ours, theirs = (min(figures[way]) for way in ways)
        print(f"{what}: in processes {ours / theirs:.3f} of in threads")


def in_this_process(path: Path, modality: Modality, facts: Facts) -> Iterator[bytes]:
    return decoded(modality.encode(path, facts))


def cpu_seconds() -> float:
    """Returns what this process and its children that still live took of the cores."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
