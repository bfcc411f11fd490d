"""Runs the network of this folder on a video: python example.py VIDEO

Needs jax, flatbuffers, numpy and OpenCV. A network that reads optical flow or joints takes instead
an .npz file with the arrays that about.json lists under "inputs", each with its axis b in front.
"""

import json
import sys
from pathlib import Path

import cv2
import jax
import numpy as np
from jax import export

here = Path(__file__).parent
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
    capture = cv2.VideoCapture(str(path))
    fps, frames = capture.get(cv2.CAP_PROP_FPS), []
    fps = fps if 1 <= fps <= 240 else 25.0
    while (got := capture.read())[0]:
        frames.append(got[1])
    total, rate, need = len(frames), cut["fps"] or fps, cut["frames"]
    if rate < fps:
        times = np.arange(max(1, round(total * rate / fps))) * fps / rate + 1e-6
        times = np.minimum(times.astype(int), total - 1)
    else:
        times = np.arange(total)
    if len(times) < need:
        chosen = np.resize(times, need)
    elif cut["sampling"] == "interval":
        chosen = times[len(times) // need * np.arange(1, need + 1) - 1]
    else:
        chosen = times[(len(times) - need) // 2 :][:need]
    return np.stack([picture(frames[i]) for i in chosen])[None]


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


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    path = Path(sys.argv[1])
    clips = dict(np.load(path)) if path.suffix == ".npz" else {"rgb": read(path)}
    said = {name: np.asarray(value)[0] for name, value in load()(clips).items()}
    for i in np.argsort(-said["probabilities"])[:5]:
        print(f"{about['class_names'][i]:30} {said['probabilities'][i]:.4f}")
