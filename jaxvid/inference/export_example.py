"""Runs the network of this folder on a video: python example.py VIDEO

Requires jax, flatbuffers, numpy, OpenCV and PyAV (pip install av). A network that reads optical
flow or joints takes an .npz file instead, with the arrays that about.json lists under "inputs",
their axis b in front. Joints are those of each clip's frames, NaN where one is missing; bones,
motions and the normalised view are made of them here.
"""

import json
import sys
from pathlib import Path

import cv2
import jax
import numpy as np
from jax import export

here = Path(__file__).parent
sys.path.insert(0, str(here))
from video_container import frames  # noqa: E402
from video_facts import Facts, VideoError  # noqa: E402

about = json.loads((here / "about.json").read_text(encoding="utf-8"))
cut = about["preprocessing"]


def load():
    """Returns the network: a map of clips to a map of probabilities, logits and embedding."""
    file = here / about["programs"][jax.default_backend()]
    program = export.deserialize(bytearray(file.read_bytes()))
    weights = dict(np.load(here / "weights.npz"))
    call = jax.jit(program.call)
    return lambda clips: call(weights, clips)


def read(path):
    """Returns the clip in the middle of a video, (1, T, H, W, 3) uint8, cut as about.json says."""
    facts = Facts()
    try:
        pictures = list(frames(Path(path), facts))
    except VideoError as error:
        sys.exit(f"{path} cannot be decoded: {error}")
    shown = sampled(len(pictures), *facts.clock())
    need = cut["frames"]
    if len(shown) < need:
        chosen = np.resize(shown, need)
    elif cut["sampling"] == "interval":
        chosen = shown[len(shown) // need * np.arange(1, need + 1) - 1]
    else:
        chosen = shown[(len(shown) - need) // 2 :][:need]
    return np.stack([picture(pictures[i]) for i in chosen])[None]


def sampled(total, fps, seconds):
    """Returns the frames on screen at the network's rate, as numbers.

    `seconds`: each one's time, where they come at a rate that varies around `fps`.
    """
    target, varies = cut["fps"], seconds is not None
    if not target or (target >= fps and not varies):
        return np.arange(total)
    rate = min(target, fps)
    ticks = np.arange(max(1, round(total * rate / fps)))
    if varies:
        shown = np.searchsorted(seconds, ticks / rate + 1e-6, side="right") - 1
    else:
        shown = (ticks * fps / rate + 1e-6).astype(int)
    return np.minimum(shown, total - 1)


def picture(frame):
    """Returns a frame's crop at the network's size, as RGB."""
    height, width = frame.shape[:2]
    scale, size = cut["short_side"] / min(height, width), cut["image_size"]
    if scale < 1:
        to = (max(1, round(width * scale)), max(1, round(height * scale)))
        frame = cv2.resize(frame, to, interpolation=cv2.INTER_AREA)
    # The network was trained on frames stored as JPEG: the same loss, the same numbers.
    stored = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, cut["jpeg_quality"]])[1]
    frame = cv2.imdecode(stored, cv2.IMREAD_COLOR_RGB)
    height, width = frame.shape[:2]
    if cut["crop"] == "middle square":
        side = min(size, height, width)
        top, left = (height - side) // 2, (width - side) // 2
        frame = frame[top : top + side, left : left + side]
    if frame.shape[:2] == (size, size):
        return frame
    shrinks = min(frame.shape[:2]) >= size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(frame, (size, size), interpolation=method)


def of_joints(clips):
    """Returns what the network reads of clips (b, T, M, V, 3), each a video of its own."""
    from skeleton_input import SkeletonInput
    from skeletons import SKELETONS

    rule = dict(cut["joints"])
    skeleton = SKELETONS[rule.pop("skeleton")]
    return np.stack([SkeletonInput(**rule).of_video(clip, skeleton) for clip in clips])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    path = Path(sys.argv[1])
    clips = dict(np.load(path)) if path.suffix == ".npz" else {"rgb": read(path)}
    if "skeleton" in clips:
        clips["skeleton"] = of_joints(clips["skeleton"])
    probabilities = np.asarray(load()(clips)["probabilities"])[0]
    for i in np.argsort(-probabilities)[:5]:
        print(f"{about['class_names'][i]:30} {probabilities[i]:.4f}")
