"""Features of videos: what a workdir's network computes of every window, one file per video."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxvid.config import checks as config_checks
from jaxvid.config.fields import flatten
from jaxvid.data import loading
from jaxvid.data.windows import Cutter, Window
from jaxvid.errors import UserError
from jaxvid.experiment.batched import Inference
from jaxvid.inference import feature_files, video_files
from jaxvid.inference.feature_files import SUFFIX, Rows, Source
from jaxvid.inference.video_files import End
from jaxvid.runtime import files, progress
from jaxvid.runtime.devices import compute_dtype
from jaxvid.workdir import checkpoints

# What makes features differ, beside the checkpoint.
DETERMINED_BY = ("model.", "data.", "windows.")
FREE = (
    "root",
    "cache",
    "workers",
    "threads",
    "prefetch",
    "shard",
    "check_only",
    "split",
    "classes",
)


def run(config: ConfigDict, folder: Path, paths: list[str], output: str) -> int:
    """Writes the features of videos with a workdir's network, skipping what is done.

    `paths`: as `video_files.find` takes them. `output`: a folder for one .npz file per video, at
    the video's path below what was named. Returns the number of videos that were asked for and have
    none. Raises UserError for what is wrong with the folders, and where no video decodes.
    """
    check_system(config)
    if config.eval.shuffle_frames:
        raise UserError("config.eval.shuffle_frames=true: --mode=features keeps frames in order")
    if not output:
        raise UserError("--mode=features writes to --output=FOLDER")
    target = Path(output)
    if target.exists() and not target.is_dir():
        raise UserError(f"--output={target} is a file: a folder is wanted")
    found = video_files.find(paths, config)
    if not found.videos:
        video_files.tell(found.wrong, answered=0)
    names = _names(found.videos, target)
    network, about = opened(config, folder)
    feature_files.claim(target, about)
    modalities = video_files.modalities_of(config, network.class_names)
    skipped = dict(found.wrong)
    todo: list[Path] = []
    number, parts = config_checks.part(config.data.part)
    videos = list(found.videos)[number - 1 :: parts]
    if not videos:
        video_files.tell(skipped, len(found.videos))
        print(
            f"part {number} of {parts} is empty: there are {len(found.videos)} videos, and the "
            "parts before it have them all"
        )
        return len(skipped)
    for path in videos:
        if not feature_files.is_whole(names[path], Source.of(path, modalities), about["made_by"]):
            todo.append(path)
    with progress.Bar("features", len(videos), len(videos) - len(todo)) as bar:
        for path, reason in write(config, network, todo, names, about):
            bar.advance()
            if reason:
                skipped[path] = reason
    there = len(videos) - len(todo)
    new = len(todo) - (len(skipped) - len(found.wrong))
    video_files.tell(skipped, new + there)
    print(f"features of {new} videos are new in {target}, of {there} were there")
    return len(skipped)


def check_system(config: ConfigDict) -> None:
    """Raises UserError for a system that has no features."""
    if config.model.system == "sift":
        raise UserError("--mode=features reads a network's activations; the system sift has none")


def _names(videos: dict[Path, Path], target: Path) -> dict[Path, Path]:
    """Returns the file of each video. Raises UserError where two would have the same."""
    names: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for path, below in videos.items():
        name = target / below.with_name(below.name + SUFFIX)
        if name in taken:
            raise UserError(
                f"{taken[name]} and {path} would both be {name}: name a folder above both"
            )
        taken[name] = path
        names[path] = name
    return names


def opened(config: ConfigDict, folder: Path) -> tuple[Inference, dict[str, Any]]:
    """Returns a workdir's network, and what features.json says of it under a config.

    Raises UserError for a workdir without a network of this config.
    """
    network = Inference(config, folder, wanted=("embedding", "sequence", "logits"))
    determined = {
        field: value
        for field, value in flatten(config).items()
        if field.startswith(DETERMINED_BY) and field.removeprefix("data.") not in FREE
    }
    weights = checkpoints.checksums(folder / "checkpoints", network.step)
    content = [determined, weights, network.class_names, compute_dtype(config.train.dtype).name]
    about = {
        "made_by": files.fingerprint(content),
        "config": config.name,
        "step": network.step,
        "class_names": list(network.class_names),
        "fields": determined,
    }
    return network, about


def write(
    config: ConfigDict,
    network: Inference,
    todo: list[Path],
    names: dict[Path, Path],
    about: dict[str, Any],
) -> Iterator[tuple[Path, str]]:
    """Writes the features of the videos `todo`; yields each when it is done, with "" or a reason.

    `names`: the file of each video. `network`, `about`: what `opened` returns.
    """
    modalities = video_files.modalities_of(config, network.class_names)
    cutter = Cutter.of(config.windows, loading.clip_settings(config.data))

    sources: dict[Path, Source] = {}

    def cut(path: Path) -> Iterator[tuple[Window, Any]]:
        # Before it is read: one that changes meanwhile is then read again the next time.
        sources[path] = Source.of(path, modalities)
        yield from cutter.of_file(path, modalities)

    rows: dict[Path, Rows] = {}
    rates: dict[Path, float] = {}
    read = video_files.read(todo, cut, config)
    for (path, item), said in network(video_files.windows(read)):
        if not isinstance(item, End):
            if path not in rows:
                names[path].parent.mkdir(parents=True, exist_ok=True)
                rows[path] = Rows(names[path].parent)
            rates[path] = item.fps
            rows[path].append({"times": item.times, **said})
            continue
        if item.reason:
            if path in rows:
                rows.pop(path).close()
        else:
            said_of = _said_of(sources.pop(path), rates.pop(path), cutter, about)
            rows.pop(path).save(names[path], said_of)
        yield path, item.reason


def _said_of(source: Source, fps: float, cutter: Cutter, about: dict[str, Any]) -> dict[str, Any]:
    return {
        "made_by": about["made_by"],
        "video": str(source.path),
        "video_state": source.state,
        "fps": fps,
        "clip_fps": cutter.rate(fps),
        "step": about["step"],
        "class_names": np.array(about["class_names"]),
    }
