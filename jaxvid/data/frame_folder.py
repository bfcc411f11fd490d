"""Folders of frames: one image per frame, in the order of the numbers in their names.

The images of a folder are one series: their names differ in a number. Several series are refused,
but for the layout in which the large toolboxes keep a video's frames and its optical flow:
`img_00001.jpg`, `flow_x_00001.jpg`, `flow_y_00001.jpg` and so on.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from jaxvid.data.video_facts import VideoError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
FLOW = ("flow_x_*", "flow_y_*")  # names of the series of the toolboxes' layout that are no pictures
_DIGITS = re.compile(r"([0-9]+)")
# One number each: a name that is seconds, a date, a time of day, a date with its time; else digits.
_DATE = r"\d{4}(?:-\d\d-|_\d\d_|\.\d\d\.)\d\d"
_TIME = r"\d\d(?:-\d\d-|_\d\d_|\.\d\d\.|:\d\d:)\d\d(?:\.\d+)?"
_NUMBER = re.compile(rf"^\d+\.\d+$|(?<!\d)(?:{_DATE}[-_T ]{_TIME}|{_DATE}|{_TIME})(?!\d)|\d+")
_SHOWN = 4  # of the series of a folder

Series = dict[str, list[Path]]  # images by what their names have in common, such as img_*.jpg


def is_image(name: str) -> bool:
    """Returns whether a file's name is that of a frame."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def files(folder: Path) -> list[Path]:
    """Returns the images of a folder whose names are not hidden, frame 2 before frame 10."""
    images = [p for p in folder.iterdir() if is_image(p.name) and not p.name.startswith(".")]
    return sorted(images, key=_natural)


def has_flow(path: Path) -> bool:
    """Returns whether a video is a folder of frames in the toolboxes' layout."""
    try:
        return path.is_dir() and any(p.stem.startswith(FLOW[0][:-1]) for p in files(path))
    except OSError:  # decoding names it
        return False


def pictures(folder: Path) -> list[Path]:
    """Returns the frames of a folder in their order.

    Raises VideoError where it holds no image, or several series of them.
    """
    _, found = _divided(folder)
    if not found:
        raise VideoError("it holds images of optical flow, and no pictures")
    return found


def flow_images(folder: Path) -> list[tuple[Path, Path]]:
    """Returns the images of optical flow of a folder in the toolboxes' layout: x, and y, in order.

    As many as pictures, where there are any: the last one stands for one that is missing. Raises
    VideoError where there are none, or others.
    """
    (across, down), frames = _divided(folder)
    if not across:
        raise VideoError(f"it holds no images of optical flow ({', '.join(FLOW)})")
    if [_numbers(p) for p in across] != [_numbers(p) for p in down]:
        raise VideoError(f"the numbers of its {FLOW[0]} and {FLOW[1]} differ")
    pairs = list(zip(across, down, strict=True))
    if frames and len(frames) - len(pairs) not in (0, 1):
        raise VideoError(f"it holds {len(pairs)} images of optical flow and {len(frames)} pictures")
    return pairs + pairs[-1:] * (len(frames) - len(pairs))


def decode(folder: Path) -> Iterator[np.ndarray]:
    """Yields the frames of a folder, (H, W, 3) uint8 in BGR order.

    Raises VideoError as `pictures` does, and for one that is no image or of another size than the
    first.
    """
    return _images(pictures(folder), cv2.IMREAD_COLOR)


def decode_flow(folder: Path) -> Iterator[np.ndarray]:
    """Yields the optical flow of a folder in the toolboxes' layout, (H, W, 2) uint8: x and y.

    Raises VideoError as `flow_images` and `decode` do.
    """
    pairs = flow_images(folder)
    across, down = (_images(each, cv2.IMREAD_GRAYSCALE) for each in zip(*pairs, strict=True))
    for x, y in zip(across, down, strict=True):
        if x.shape != y.shape:
            raise VideoError(f"its {FLOW[0]} and {FLOW[1]} are of two sizes")
        yield np.stack([x, y], axis=-1)


def _images(paths: Sequence[Path], flags: int) -> Iterator[np.ndarray]:
    shape: tuple[int, ...] | None = None
    for path in paths:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, flags) if len(data) else None
        if image is None:
            raise VideoError(f"frame {path.name} is not an image that OpenCV can open")
        shape = shape or image.shape
        if image.shape != shape:
            raise VideoError(
                f"frame {path.name} is {image.shape[1]}x{image.shape[0]}, "
                f"{paths[0].name} {shape[1]}x{shape[0]}"
            )
        yield image


def _divided(folder: Path) -> tuple[tuple[list[Path], list[Path]], list[Path]]:
    """Returns the images of a folder: optical flow, x and y, and its pictures."""
    images = files(folder)
    if not images:
        raise VideoError(f"a folder without frames ({', '.join(IMAGE_SUFFIXES)})")
    found = _series(images)
    flow = {name: found[name] for name in found if name.rpartition(".")[0] in FLOW}
    others = [frames for name, frames in found.items() if name not in flow]
    if len(flow) == len(FLOW) and len(others) <= 1:
        across, down = (flow[name] for name in sorted(flow))
        return (across, down), others[0] if others else []
    if len(found) > 1:
        named = [f"{name} ({len(frames)})" for name, frames in found.items()]
        more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
        raise VideoError(
            f"its {len(images)} images are several series: {', '.join(named[:_SHOWN])}{more}; "
            "put the frames of each video into a folder of its own"
        )
    if len(set(map(str, map(_numbers, images)))) < len(images):
        raise VideoError("two of its images have the same number, such as 1.jpg and 01.jpg")
    return ([], []), images


def _series(images: Sequence[Path]) -> Series:
    """Returns images by series: those whose names differ in one number, or in several at once."""
    alike: Series = defaultdict(list)
    for path in images:
        suffix = path.suffix.lower().replace(".jpeg", ".jpg")
        alike[_NUMBER.sub("*", path.stem) + suffix].append(path)
    found: Series = {}
    for name, paths in alike.items():
        columns = list(zip(*map(_numbers, paths), strict=True))
        counts = [len(set(column)) for column in columns]
        if len(paths) == 1 or max(counts, default=0) == len(paths):
            found[name] = paths
            continue
        # The number that takes most values counts frames, and the others name the series.
        place = counts.index(max(counts)) if counts else 0
        for path in paths:
            label = iter("*" if i == place else str(n) for i, n in enumerate(_numbers(path)))
            own = _NUMBER.sub(lambda _, label=label: next(label), path.stem)  # type: ignore[misc]
            found.setdefault(own + path.suffix.lower(), []).append(path)
    return found


def _numbers(path: Path) -> list[int | str]:
    found = (match.group() for match in _NUMBER.finditer(path.stem))
    return [int(text) if text.isdecimal() else text for text in found]


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    # Digits and other text alternate, starting with text: like is compared with like.
    parts = _DIGITS.split(path.name)
    return [(int(part), "") if i % 2 else (0, part) for i, part in enumerate(parts)], path.name
