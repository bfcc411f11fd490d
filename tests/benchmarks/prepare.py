"""Frames prepared a second, with one worker process and with one per core, with and without flow.

    python tests/benchmarks/prepare.py [--config=li3d_bilstm] [--clips=500] [--repeat=3]
        [--modalities=rgb,flow] [--root=FOLDER]

The videos of a config's dataset, by default the embedded one, are prepared again and again into a
temporary folder, by turns. Of each, the best time counts: others may be at work on the machine, and
then the CPU seconds tell more. The peak is the largest resident size that a worker process had.
"""

import argparse
import json
import re
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path


def main() -> None:
    # Here, because worker processes import this file, too, and need none of it.
    from jaxvid.config import files as config_files
    from jaxvid.data import loading
    from jaxvid.data.prepare import preparation, report
    from jaxvid.runtime import process_pool

    parser = argparse.ArgumentParser()
    parser.add_argument("--config", default="li3d_bilstm")
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--modalities", default="rgb,flow")
    parser.add_argument("--root", default="")
    arguments = parser.parse_args()
    data = config_files.load(arguments.config).data.copy_and_resolve_references()
    data.root = arguments.root
    dataset = loading.load(data)
    step = max(1, len(dataset.videos) // arguments.clips)
    dataset = replace(dataset, videos=dataset.videos[::step][: arguments.clips])
    crews = (1, process_pool.cores())
    print(f"{len(dataset.videos)} clips of {dataset.name}, {crews[1]} cores")
    print(
        "| modality | workers | seconds | CPU seconds | frames/s | of one worker | peak a worker |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in arguments.modalities.split(","):
        data.modality = name
        [modality] = loading.modalities(dataset, data)
        seconds: dict[int, list[float]] = {workers: [] for workers in crews}
        used: dict[int, list[float]] = {workers: [] for workers in crews}
        highest: dict[int, list[float]] = {}
        for _ in range(arguments.repeat):
            for workers in crews:
                with tempfile.TemporaryDirectory() as folder, peak_of_workers() as peaks:
                    start, before = time.perf_counter(), cpu_seconds()
                    prepared = preparation.prepare(dataset, modality, Path(folder), workers)
                    seconds[workers].append(time.perf_counter() - start)
                    used[workers].append(cpu_seconds() - before)
                    highest[workers] = peaks
                    frames = json.loads((prepared / report.JSON).read_text())["frames"]
        for workers in crews:
            best = min(seconds[workers])
            gain = min(seconds[1]) / best
            peak = max(highest[workers])
            figures = f"{best:.2f} | {min(used[workers]):.2f} | {frames / best:,.0f} | {gain:.2f}"
            print(f"| {name} | {workers} | {figures} | {peak:.0f} MiB |")


def cpu_seconds() -> float:
    """Returns what the worker processes that have ended took of the cores."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def peak_of_workers() -> Iterator[list[float]]:
    """Gives a list of the largest resident sizes that worker processes had so far, MiB."""
    peaks, stop = [0.0], threading.Event()

    def look() -> None:
        while not stop.wait(0.05):
            for children in Path("/proc/self/task").glob("*/children"):
                with suppress(OSError):  # one has just ended
                    for process in children.read_text().split():
                        status = Path(f"/proc/{process}/status").read_text()
                        if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                            peaks.append(int(found[1]) / 1024)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peaks
    finally:
        stop.set()
        watcher.join()


if __name__ == "__main__":
    main()
