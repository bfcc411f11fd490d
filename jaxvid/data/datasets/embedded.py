"""The embedded dataset: rendered actions, written to disk in the layout of UCF101.

Every group is one actor in one room before one camera; clips of a group differ in tempo,
amplitude, position and direction. The folder can be read by whatever reads UCF101.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from jaxvid.data.rendering import clip
from jaxvid.data.rendering.motion import ACTIONS
from jaxvid.data.rendering.scene import LEVELS
from jaxvid.data.skeleton_files import JOINTS_SUFFIX
from jaxvid.runtime import files, process_pool, progress

CLASSES: tuple[str, ...] = tuple(ACTIONS)
DEFAULT_CLASSES: tuple[str, ...] = CLASSES[:10]

FORMAT = 1
CODEC = "XVID"
FOURCC = cv2.VideoWriter.fourcc(*CODEC)
VIDEOS = "UCF-101"
LISTS = "ucfTrainTestlist"
RECORD = "dataset.json"
UNFINISHED = "dataset.unfinished.json"


def render_clip(
    name: str, group: int, index: int, *, level: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Render one clip; a pure function of its arguments.

    name: a class of CLASSES; group, index: counted from 1 in the file names; level: "easy" or
    "hard". Returns frames (T,H,W,3), uint8 RGB, at 25 frames per second, and joints (M,T,V,2),
    float32 pixels (x, y). Raises ValueError on an unknown class or level.
    """
    _check_names([name], level)
    rng = np.random.default_rng(
        [seed, list(LEVELS).index(level), group, 1 + CLASSES.index(name), index]
    )
    return clip.render(name, clip.setting(seed, level, group), LEVELS[level], rng)


def generate(
    root: Path,
    *,
    level: str = "easy",
    classes: Sequence[str] = DEFAULT_CLASSES,
    groups: int = 25,
    clips_per_group: int = 6,
    seed: int = 0,
    workers: int = 0,
) -> Path:
    """Write the dataset under `root` in the layout of UCF101, and return `root`.

    Labels follow the order of `classes`. `workers`: processes; 0: one per core. Clips already
    present are kept, so that an interrupted run can be resumed; a finished dataset is returned at
    once. Raises ValueError on arguments out of range, or if `root` holds a dataset made with other
    arguments, and OSError if a file cannot be written.
    """
    root = Path(root)
    request = _request(level, classes, groups, clips_per_group, seed)
    if not _is_finished(root, request):
        with files.locked(root, waits=True):
            if not _is_finished(root, request):
                _generate(root, request, workers)
    return root


def _generate(root: Path, request: dict, workers: int) -> None:
    classes, groups = request["classes"], request["groups"]
    files.write_json(root / UNFINISHED, request)
    # Group after group: the clips of a group share a background, which a worker keeps.
    tasks = [(root, name, g, request) for g in range(1, groups + 1) for name in classes]
    _render_all(tasks, workers)
    _write_lists(root / LISTS, classes, groups, request["clips_per_group"])
    os.sync()  # the clips were not, one by one: it would take longer than rendering them
    (root / UNFINISHED).replace(root / RECORD)


def held_out_groups(split: int, groups: int) -> range:
    """The groups held out by split 1, 2 or 3: 1-7, 8-14 and 15-21 out of UCF101's 25."""
    count = max(1, groups * 7 // 25)
    start = (split - 1) * count % (groups - count + 1)
    return range(start + 1, start + count + 1)


def _check_names(classes: Sequence[str], level: str) -> None:
    unknown = [name for name in classes if name not in CLASSES]
    if unknown:
        raise ValueError(f"unknown classes {unknown}; the known ones are {', '.join(CLASSES)}")
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}; the known ones are {', '.join(LEVELS)}")


def _request(
    level: str, classes: Sequence[str], groups: int, clips_per_group: int, seed: int
) -> dict[str, object]:
    if isinstance(classes, str):
        raise ValueError(f"classes must be a sequence of names, got the string {classes!r}")
    _check_names(classes, level)
    if not classes or len(set(classes)) < len(classes):
        raise ValueError(f"classes must be distinct and at least one, got {list(classes)}")
    numbers = {"groups": groups, "clips_per_group": clips_per_group, "seed": seed}
    for (name, value), least in zip(numbers.items(), (2, 1, 0), strict=True):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
    return {"format": FORMAT, "level": level, "classes": list(classes), **numbers}


def _is_finished(root: Path, request: dict[str, object]) -> bool:
    """Whether `root` already holds what is requested; ValueError if it holds something else."""
    for name in (RECORD, UNFINISHED):
        path = root / name
        if not path.exists():
            continue
        try:
            present = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            present = None
        if not isinstance(present, dict):
            raise ValueError(f"{path} is damaged; delete {root} to render it anew")
        if present != request:
            differences = [
                f"{key} is {present.get(key)!r}, requested {value!r}"
                for key, value in request.items()
                if present.get(key) != value
            ]
            raise ValueError(
                f"{root} holds a dataset made with other arguments "
                f"({'; '.join(differences)}); choose another folder or delete it"
            )
        return name == RECORD
    for name in (VIDEOS, LISTS):
        if (root / name).exists():
            raise ValueError(f"{root / name} exists but was not made here; choose another folder")
    return False


def _render_all(tasks: list[tuple], workers: int) -> None:
    with progress.Bar("rendering", len(tasks)) as bar:
        for _ in process_pool.run(
            _render_group, tasks, workers, name=lambda t: f"{t[1]} g{t[2]:02d}"
        ):
            bar.advance()


def _render_group(task: tuple[Path, str, int, dict]) -> None:
    """Write all clips of one class in one group, unless they are there already."""
    root, name, group, request = task
    folder = root / VIDEOS / name
    for index in range(1, request["clips_per_group"] + 1):
        video = folder / f"{_stem(name, group, index)}.avi"
        joints_file = video.with_suffix(JOINTS_SUFFIX)
        if _is_whole(video) and _is_whole(joints_file):
            continue
        frames, joints = render_clip(
            name, group, index, level=request["level"], seed=request["seed"]
        )
        with _writing(joints_file) as temporary:
            np.savez(temporary, joints=joints)
        with _writing(video) as temporary:
            _encode(temporary, video, frames)


def _stem(name: str, group: int, index: int) -> str:
    return f"v_{name}_g{group:02d}_c{index:02d}"


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """Gives another name, which is renamed to `path` in the end; OSError names `path`."""
    # Without a sync, unlike `files.writing`: all files are synced together at the end.
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _encode(written: Path, path: Path, frames: np.ndarray) -> None:
    """Encode frames (T,H,W,3) to `written`; OSError naming `path` if that is not whole after."""
    steps, height, width = frames.shape[:3]
    writer = cv2.VideoWriter(str(written), cv2.CAP_FFMPEG, FOURCC, float(clip.FPS), (width, height))
    if not writer.isOpened():
        raise OSError(f"{path}: the video cannot be opened for writing ({CODEC})")
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    _check_video(written, path, steps)


def _check_video(written: Path, path: Path, steps: int) -> None:
    # The encoder reports nothing when the disk is full: it leaves a short file, or one whose
    # header, completed last, lacks the number of frames.
    size = written.stat().st_size if written.exists() else 0
    if size < 5000 + 40 * steps:
        raise OSError(f"{path}: only {size} bytes were written; is the disk full?")
    reader = cv2.VideoCapture(str(written), cv2.CAP_FFMPEG)
    found = int(reader.get(cv2.CAP_PROP_FRAME_COUNT))
    reader.release()
    if found != steps:
        raise OSError(f"{path}: {found} of {steps} frames were written; is the disk full?")


def _write_lists(folder: Path, classes: Sequence[str], groups: int, clips_per_group: int) -> None:
    labels = {name: label for label, name in enumerate(classes, start=1)}
    lines = [f"{label} {name}\n" for name, label in labels.items()]
    files.write_text(folder / "classInd.txt", "".join(lines))
    for split in (1, 2, 3):
        held_out = held_out_groups(split, groups)
        listed: dict[str, list[str]] = {"train": [], "test": []}
        numbers = range(1, groups + 1), range(1, clips_per_group + 1)
        for (name, label), group, index in product(labels.items(), *numbers):
            file = f"{name}/{_stem(name, group, index)}.avi"
            if group in held_out:
                listed["test"].append(f"{file}\n")
            else:
                listed["train"].append(f"{file} {label}\n")
        for side, files_of in listed.items():
            files.write_text(folder / f"{side}list{split:02d}.txt", "".join(files_of))
