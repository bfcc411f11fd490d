"""How a clip is cut from the records of a video: its frames, the crop, what is made of joints."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxvid.data import augment, skeleton_input
from jaxvid.data.modalities import Modality, Skeletons
from jaxvid.data.records import Record
from jaxvid.data.skeleton_input import SkeletonInput

Arrays = np.ndarray | dict[str, np.ndarray]  # of one modality, or of several by name
VideoRecords = list[tuple[Modality, Record]]  # each modality of a video with its record


@dataclass(frozen=True)
class ClipSettings:
    """How clips are cut from videos.

    `fps` 0 keeps the video's own frames per second. `intervals`: the range of the training clips'
    interval between frames. `least_share`: clips are whole videos, resampled, those of training
    random parts of at least this share. Neither: runs of consecutive frames. `mirror`: half of the
    training clips are mirrored. `crop`: what evaluation sees of a frame: `center`, the middle
    square, `whole`, all of it, scaled, or `auto`, what training sees most. `flow_stack`: L, the
    flow frames around each frame, as 2 L channels. `joints`: what is made of skeletons. `draws`:
    how many clips a training video has beside the one that evaluation sees; None: a new one in each
    pass.
    """

    num_frames: int
    image_size: int
    fps: float = 0.0
    augment: bool = False
    intervals: tuple[int, int] | None = None
    mirror: bool = False
    crop: str = "auto"
    flow_stack: int = 1
    draws: int | None = None
    least_share: float | None = None
    joints: SkeletonInput = field(default_factory=SkeletonInput)

    @property
    def is_centred(self) -> bool:
        """Whether evaluation sees the middle square of a frame, else all of it."""
        return self.augment if self.crop == "auto" else self.crop == "center"


def cut(
    video: VideoRecords,
    times: np.ndarray,
    chosen: np.ndarray,
    settings: ClipSettings,
    choose: Callable[[int, int], augment.Crop],
    mirrored: bool = False,
    turn: np.ndarray | None = None,
) -> Arrays:
    """Returns the frames `times[chosen]` of each modality, (V, T, ...), under one crop for all.

    `chosen` (V, T): the frames of each of V views, by their numbers among the frames `times` of the
    record; joints are taken between frames, too. `turn`: the rotation (3, 3) of joints.
    """
    crop: augment.Crop | None = None

    def choose_once(height: int, width: int) -> augment.Crop:
        nonlocal crop
        crop = crop or choose(height, width)
        return crop

    arrays: dict[str, np.ndarray] = {}
    for modality, record in video:
        if isinstance(modality, Skeletons):
            how = settings.joints
            arrays[modality.name] = _joints(modality, record, times, chosen, how, mirrored, turn)
            continue
        stack = settings.flow_stack if modality.name == "flow" else 1
        around = times[chosen][..., None] + np.arange(stack) - stack // 2
        around = np.clip(around, 0, len(record.frames) - 1)
        distinct, places = np.unique(around, return_inverse=True)
        cut_one = functools.partial(modality.cut, choose=choose_once, size=settings.image_size)
        frames = record.read(modality, distinct, cut_one)
        frames = modality.mirror(frames) if mirrored else frames
        places = places.reshape(around.shape)
        if stack == 1:
            in_order = np.array_equal(places.reshape(-1), np.arange(len(frames)))
            shape = (*chosen.shape, *frames.shape[1:])
            arrays[modality.name] = frames.reshape(shape) if in_order else frames[places[..., 0]]
        else:  # (V, T, L, H, W, 2) to (V, T, H, W, 2 L)
            stacked = np.moveaxis(frames[places], 2, 4)
            arrays[modality.name] = stacked.reshape(*stacked.shape[:4], -1)
    return as_clip(arrays)


def as_clip(arrays: dict[str, Any]) -> Any:
    """Returns the modalities' arrays as networks take them: a single one itself, or all by name."""
    return arrays if len(arrays) > 1 else next(iter(arrays.values()))


def _joints(
    modality: Skeletons,
    record: Record,
    times: np.ndarray,
    chosen: np.ndarray,
    how: SkeletonInput,
    mirrored: bool,
    turn: np.ndarray | None,
) -> np.ndarray:
    ends = times[np.stack([np.floor(chosen), np.ceil(chosen)]).astype(int)]
    distinct, places = np.unique(ends, return_inverse=True)
    before, after = record.read(modality, distinct)[places.reshape(ends.shape)]
    joints = skeleton_input.between(before, after, chosen % 1)
    if how.view_normalised:
        frames = (record.read(modality, times[i : i + 1])[0] for i in range(len(times)))
        view = skeleton_input.body_view(frames, modality.skeleton)
        joints = skeleton_input.seen_from(view, joints)
    joints = modality.mirror(joints) if mirrored else joints
    joints = joints if turn is None else joints @ turn.T
    made = (how.of_clip(*clip, modality.skeleton) for clip in zip(joints, chosen, strict=True))
    return np.stack(list(made))
