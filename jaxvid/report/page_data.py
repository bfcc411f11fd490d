"""The data of `report.html`, as JSON-able values."""

from collections import Counter
from typing import Any

import numpy as np

import jaxvid
from jaxvid.config.fields import default, flatten
from jaxvid.evaluation import metrics
from jaxvid.report import curves, tsne
from jaxvid.report.figures import spaced
from jaxvid.report.runs import Run

TOP = 3  # classes of each clip that are shown with their scores
POINTS, CORNERS = 300, 60  # of a curve, and of a class's ROC, at most


def of(runs: list[Run], lacks: dict[str, str]) -> dict[str, Any]:
    """Returns the data of the page of the first of `runs`, beside the pictures."""
    run = runs[0]
    return {
        "version": jaxvid.__version__,
        "name": run.name,
        "about": run.about,
        "folder": str(run.folder),
        "workdir": str(run.workdir),
        "seed": run.seed,
        "classes": list(run.scored.class_names),
        "config": _config(run),
        "lacks": lacks,
        "clips": _clips(run),
        "perClass": _per_class(run),
        "roc": _roc(run),
        "runs": [_run(each, run) for each in runs],
    }


def shown_order(run: Run) -> list[int]:
    """Returns the clips' numbers: the surest errors first, then one clip of each class in turn."""
    errors = [int(i) for i in run.order if not run.correct[i]]
    turn: Counter[int] = Counter()
    others = []
    for i in (int(i) for i in run.order if run.correct[i]):
        turn[run.scored.labels[i]] += 1
        others.append((turn[run.scored.labels[i]], i))
    return errors + [i for _, i in sorted(others, key=lambda each: each[0])]


def _run(run: Run, first: Run) -> dict[str, Any]:
    scored = run.scored
    same = scored.clips == first.scored.clips
    return {
        "name": run.name,
        "results": {k: v for k, v in scored.results.items() if isinstance(v, str | int | float)},
        "seed": run.seed,
        "interval": metrics.interval(int(run.correct.sum()), len(scored.clips)),
        "top5": _top5(run),
        "sameClips": same,
        "places": None if run.places is None else run.places.round(3).tolist(),
        "perplexity": tsne.perplexity(len(scored.clips)),
        "labels": None if same else scored.labels.tolist(),
        "ids": None if same else list(scored.clips),
        "predicted": scored.predicted.tolist(),
        "width": None if run.embeddings is None else run.embeddings.width,
        "curves": {name: _curves(run, name) for name in curves.AXES},
    }


def _top5(run: Run) -> float | None:
    if len(run.scored.class_names) <= 5:
        return None
    best = np.argpartition(-run.scored.probabilities, 4, axis=-1)[:, :5]
    return float((best == run.scored.labels[:, None]).any(axis=-1).mean())


def _curves(run: Run, name: str) -> list[dict[str, Any]]:
    shown = []
    epochs, values = curves.measured(run.metrics, name)
    if len(epochs):
        shown.append({"kind": "training", "points": _thinned(epochs, curves.smooth(values))})
    for split in curves.evaluated_splits(run.metrics):
        points = _thinned(*curves.measured(run.metrics, f"{split}_{name}"))
        shown.append({"kind": split, "points": points})
    return shown


def _thinned(x: np.ndarray, y: np.ndarray, most: int = POINTS) -> list[list[float]]:
    points = np.stack([x, y], axis=1)[spaced(len(x), most)]
    return points[np.isfinite(points).all(axis=1)].round(5).tolist()


def _clips(run: Run) -> dict[str, Any]:
    scored = run.scored
    count = min(TOP, len(scored.class_names))
    best = np.argsort(-scored.probabilities, axis=-1, kind="stable")[:, :count]
    shares = np.take_along_axis(scored.probabilities, best, axis=-1)
    kept = run.embeddings.attention if run.embeddings else None
    return {
        "ids": list(scored.clips),
        "labels": scored.labels.tolist(),
        "predicted": scored.predicted.tolist(),
        "top": best.tolist(),
        "shares": shares.round(4).tolist(),
        "order": [int(i) for i in run.order],
        "attention": None if kept is None or kept.shape[1] < 2 else kept.round(4).tolist(),
    }


def _per_class(run: Run) -> list[dict[str, Any]]:
    scored = run.scored
    counts = metrics.confused(scored.labels, scored.predicted, len(scored.class_names))
    np.fill_diagonal(counts, 0)
    rows = metrics.per_class(scored.probabilities, scored.labels)
    return [
        {
            **row,
            "auc": run.rocs[k][2] if k in run.rocs else None,
            "takenFor": int(counts[k].argmax()) if counts[k].any() else None,
            "takenTimes": int(counts[k].max()),
        }
        for k, row in enumerate(rows)
    ]


def _roc(run: Run) -> dict[str, Any] | None:
    if not run.rocs:
        return None
    mean = np.mean([rates for rates, _, _ in run.rocs.values()], axis=0)
    return {
        "mean": np.stack([curves.GRID, mean], axis=1).round(5).tolist(),
        "auc": float(np.mean([area for _, _, area in run.rocs.values()])),
        "classes": [
            {"class": k, "auc": area, "points": _thinned(corners[:, 0], corners[:, 1], CORNERS)}
            for k, (_, corners, area) in run.rocs.items()
        ],
    }


def _config(run: Run) -> list[list[Any]]:
    """Returns each field's name, value, and whether it differs from the default."""
    usual = flatten(default())
    return [[name, json_text(v), v != usual.get(name)] for name, v in run.fields.items()]


def json_text(value: Any) -> str:
    """Returns a field's value as the command line takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
