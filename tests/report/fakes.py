"""Evaluations that were not run: scores, curves and clips made up from a seed."""

import json
from pathlib import Path

import numpy as np

from jaxvid import config as configs
from jaxvid.config import files as config_files
from jaxvid.data.datasets import Video
from jaxvid.evaluation.evaluate import Scores, write_results
from jaxvid.report import page, page_data, runs
from jaxvid.runtime import files

ODD = ("<script>document.title='run'</script>", "跑步 и бег", "_private $x^2$", "a,b;\"c\"'d'")
LONG = "HandstandPushupsOnAVeryNarrowBeamWhileEverybodyIsWatchingTheVideo"


def class_names(count: int) -> tuple[str, ...]:
    """Names of which some are hard to show."""
    names = [*ODD, LONG, *(f"Action{k:03}" for k in range(count))]
    return tuple(names[:count])


def evaluated(
    workdir: Path, names: tuple[str, ...], clips: int, seed: int = 0, attention: bool = True
) -> Path:
    """Writes a workdir as a run and its evaluation leave it, without a checkpoint."""
    rng = np.random.default_rng(seed)
    count = len(names)
    labels = np.sort(np.arange(clips) % count)
    logits = rng.normal(size=(clips, count)) + 4.5 * np.eye(count)[labels]
    twins = labels // 2 * 2 + 1
    logits += 2.5 * np.eye(count)[np.minimum(twins, count - 1)]
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    centres = rng.normal(size=(count, 16)) * 3
    weights = rng.dirichlet(np.full(8, 4.0), clips) if attention else None
    scores = Scores(
        [
            Video(Path(f"{names[k].replace('/', '-')}/v_{i:05}.avi"), int(k), "test", "g")
            for i, k in enumerate(labels)
        ],
        probabilities,
        labels,
        0.004,
        centres[labels] + rng.normal(size=(clips, 16)),
        weights,
    )
    about = {"parameters": 666_666, "parameters_without_classifier": 600_000, "step": 900}
    about |= {"split": "test", "dataset": "made up", "config": "fake"}
    about["flops_per_clip"] = 153_500_000
    workdir.mkdir(parents=True, exist_ok=True)
    write_results(scores, about, names, workdir)
    config = configs.for_dataset()
    config.name = "fake"
    config.model.pooling = "attention" if attention else "mean"
    files.write_text(workdir / "config.json", config_files.to_json(config.lock()))
    epochs = np.linspace(0.1, 10, 100)
    lines = [
        {"step": i + 1, "epoch": e, "loss": 2.4 * np.exp(-e / 3) + 0.1, "accuracy": 1 - 0.9**e}
        for i, e in enumerate(epochs)
    ]
    lines += [
        {"step": 50, "epoch": 5.0, "test_loss": 0.8, "test_accuracy": 0.6},
        {"step": 100, "epoch": 10.0, "test_loss": 0.4, "test_accuracy": 0.8},
    ]
    files.write_text(workdir / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    return workdir


def sprite(rng: np.random.Generator, frames: int = 4) -> list:
    """A moving square as the page reads a clip."""
    from jaxvid.report import clips

    pictures = np.full((frames, 54, 72, 3), rng.integers(60, 200, 3), np.uint8)
    for place, picture in enumerate(pictures):
        picture[20:34, 10 * place : 10 * place + 14] = 250
    return list(clips.as_sprite(clips.Pictures(pictures, np.arange(frames), frames, 1.0)))


def write_page(path: Path, workdirs: list[Path], pictures: list) -> Path:
    """Writes the page of runs with made-up clips."""
    first, *others = workdirs
    compared = runs.read_all(runs.read(first), others)
    data = page_data.of(compared, {})
    files.write_text(path, page.render(compared[0].name, data, pictures))
    return path
