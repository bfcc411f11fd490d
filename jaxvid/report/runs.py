"""An evaluated run, read from its folder: the source of the figures and the page."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxvid.config import files as config_files
from jaxvid.config.fields import flatten
from jaxvid.errors import UserError
from jaxvid.report import curves, tsne
from jaxvid.workdir import embeddings
from jaxvid.workdir import layout as workdirs
from jaxvid.workdir import results as result_files
from jaxvid.workdir.embeddings import Embeddings
from jaxvid.workdir.metrics_log import read_metrics
from jaxvid.workdir.results import Predictions


@dataclass(frozen=True)
class Run:
    """A run and one evaluation of it.

    `workdir` holds the run, `folder` the evaluation: another one under other settings. `config` is
    None for a fusion of other runs. `lacks`: what there is none of, such as embeddings, and why.
    """

    name: str
    workdir: Path
    folder: Path
    config: ConfigDict | None
    scored: Predictions
    metrics: list[dict[str, Any]]
    embeddings: Embeddings | None
    lacks: dict[str, str] = field(default_factory=dict)

    @property
    def seed(self) -> int | None:
        return None if self.config is None else self.config.seed

    @property
    def fields(self) -> dict[str, Any]:
        """The config as one level of dotted names; empty for a fusion."""
        return {} if self.config is None else flatten(self.config)

    @cached_property
    def about(self) -> str:
        """One line about what was measured, for a caption."""
        dataset, split = (self.scored.results.get(key) for key in ("dataset", "split"))
        seed = "" if self.seed is None else f"; one run, seed {self.seed}"
        return f"{self.name}, {dataset}: {len(self.scored.clips)} clips of the {split} split{seed}"

    @cached_property
    def order(self) -> np.ndarray:
        """The clips from the surest to the least sure, as numbers (B,)."""
        return np.argsort(-self.scored.probabilities.max(-1), kind="stable")

    @property
    def correct(self) -> np.ndarray:
        """Whether the prediction is the label, for each clip (B,)."""
        return self.scored.predicted == self.scored.labels

    @cached_property
    def places(self) -> np.ndarray | None:
        """The clips' places by t-SNE, (B, 2), or None where there are none."""
        if self.embeddings is None:
            return None
        return tsne.places(self.embeddings.components, self.seed or 0)

    @cached_property
    def rocs(self) -> curves.Rocs:
        """The ROC of each class, as `curves.class_rocs` returns them."""
        return curves.class_rocs(self.scored.probabilities, self.scored.labels)


def read(workdir: Path, folder: Path | None = None, config: ConfigDict | None = None) -> Run:
    """Reads a run from its workdir, and its evaluation from `folder`, by default the workdir.

    `config`: of the run, where it is known. Raises UserError where it was not evaluated.
    """
    folder = folder or workdir
    scored = result_files.read(folder)
    if config is None and (workdir / workdirs.CONFIG).is_file():
        config = config_files.read(workdir / workdirs.CONFIG)
    lacks, kept = {}, None
    try:
        kept = embeddings.read(folder, scored.results.get("step"), len(scored.clips))
    except UserError as error:
        why = f"{error}; --mode=eval --workdir={workdir} writes them"
        lacks["embeddings"] = f"no embeddings: {why if config else 'a fusion of scores has none'}"
    metrics = read_metrics(workdir)
    if not metrics:
        fitted = config is not None and config.model.system == "sift"
        why = "this system is fitted, not trained in steps"
        lacks["curves"] = f"no curves: {why if fitted else 'the workdir has no metrics.jsonl'}"
    if kept is None or kept.attention is None:
        lacks["attention"] = _why_no_attention(config)
    name = workdir.resolve().name + (f" ({folder.name})" if folder != workdir else "")
    return Run(name, workdir, folder, config, scored, metrics, kept, lacks)


def read_all(first: Run, others: list[Path]) -> list[Run]:
    """Reads the runs to compare with a first one, which comes first.

    Raises UserError for one that is named twice or has other classes.
    """
    runs = [first]
    for workdir in others:
        run = read(workdir)
        if any(run.folder.resolve() == each.folder.resolve() for each in runs):
            raise UserError(f"{workdir} is named twice")
        if run.scored.class_names != first.scored.class_names:
            raise UserError(f"{workdir} has other classes than {first.workdir}")
        runs.append(run)
    names = [run.name for run in runs]
    return [
        run if names.count(run.name) == 1 else replace(run, name=str(run.folder)) for run in runs
    ]


def _why_no_attention(config: ConfigDict | None) -> str:
    if config is None:
        return "no attention: a fusion of scores has none"
    recognizer = config.model.system == "recognizer"
    kind = config.model.pooling if recognizer else config.model.system
    if kind != "attention":
        return f"no attention: this system ({kind}) does not weigh its steps"
    return "no attention: it is kept for one view with its frames in order"
