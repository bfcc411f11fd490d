"""Features of videos: embedding, sequence and logits of every window, one file per video."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxvid.config.fields import flatten
from jaxvid.config.files import RENAMED
from jaxvid.data.windows import Window
from jaxvid.errors import UserError
from jaxvid.experiment.batched import Inference
from jaxvid.inference import video_files
from jaxvid.inference.feature_files import Rows, source_of
from jaxvid.inference.video_files import Done
from jaxvid.runtime import files
from jaxvid.runtime.devices import compute_dtype
from jaxvid.workdir import checkpoints

OUTPUTS = ("embedding", "sequence", "logits")
# The fields that features depend on, beside the checkpoint: these sections without those names.
DETERMINED_BY = ("model.", "data.", "windows.")
FREE = (
    *("root", "prefix", "cache", "workers", "threads", "prefetch", "part", "check_only"),
    *("split", "classes"),
)
# Under the names that fields had first: features that are written stay valid.
FIRST_NAMES = {new: old for old, new in RENAMED.items()}


def opened(config: ConfigDict, folder: Path) -> tuple[Inference, dict[str, Any]]:
    """Returns a workdir's network and the features.json of what it computes under a config.

    Raises UserError for a system or a workdir without a network.
    """
    if config.model.system == "sift":
        raise UserError("--mode=features reads a network's activations; the system sift has none")
    network = Inference(config, folder, wanted=OUTPUTS)
    determined = {
        FIRST_NAMES.get(field, field): value
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
    network: Inference,
    about: dict[str, Any],
    names: dict[Path, Path],
    done: Done = video_files.ignore,
) -> dict[Path, str]:
    """Writes the features of videos to the files `names`; returns the reasons for those skipped.

    `network`, `about`: what `opened` returns.
    """
    modalities = video_files.modalities_of(network.config, network.class_names)
    cutter = video_files.cutter_of(network.config)
    sources: dict[Path, dict[str, Any]] = {}
    rows: dict[Path, Rows] = {}
    skipped: dict[Path, str] = {}

    def cut(path: Path) -> Iterator[tuple[Window, Any]]:
        # Before it is read: a video that changes meanwhile is read again the next time.
        sources[path] = {"made_by": about["made_by"], **source_of(path, modalities)}
        yield from cutter.of_file(path, modalities)

    def save(path: Path) -> None:
        if path not in skipped:
            made = {"step": about["step"], "class_names": np.array(about["class_names"])}
            rows.pop(path).save(sources.pop(path) | made)
        elif path in rows:
            rows.pop(path).close()
        done(path)

    size = network.batch_size()
    forward = partial(network, size=size)
    found = video_files.infer(forward, cut, network.config, names, skipped, save, size)
    for path, window, outputs in found:
        if path not in rows:
            names[path].parent.mkdir(parents=True, exist_ok=True)
            rows[path] = Rows(names[path])
            sources[path] |= {"fps": window.fps, "clip_fps": cutter.rate(window.fps)}
        rows[path].append({"times": window.times, **outputs})
    return skipped
