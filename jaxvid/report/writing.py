"""The report of a run: all figures it can have as PNG files, and `report.html`."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxvid.classical.experiment import SiftExperiment
from jaxvid.data import pipeline
from jaxvid.errors import UserError
from jaxvid.experiment.data import PreparedData
from jaxvid.experiment.experiment import Experiment
from jaxvid.experiment.restore import restore
from jaxvid.report import attention, classes, clips, curves, feature_maps, page, runs, tsne
from jaxvid.report.preview import PICTURES
from jaxvid.report.runs import Run

FIGURES = "figures"
PAGE = "report.html"
ATTENDED = 4  # clips of the attention figure

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """The files of a report, and why others are not among them."""

    page: Path
    figures: list[Path]
    lacks: dict[str, str]


def write(
    workdir: Path,
    folder: Path,
    config: ConfigDict | None,
    experiment: Experiment | SiftExperiment | None,
    others: Sequence[Path] = (),
    chosen: str = "",
    lacks_clips: str = "",
) -> Written:
    """Draws the figures of an evaluation in `folder` and writes its `report.html`.

    `experiment`: the run's; None where its dataset is not available, for the reason `lacks_clips`.
    `others`: workdirs to compare with. `chosen`: the names of the classes of the second t-SNE,
    separated by commas; by default those most often confused. Raises UserError where a workdir has
    no evaluation or a class is not known.
    """
    compared = runs.read_all(runs.read(workdir, folder, config), list(others))
    run = compared[0]
    names = classes_of(chosen, run.scored.class_names)
    lacks = dict(run.lacks)
    if experiment is None:
        lacks["clips"] = f"no clips: {lacks_clips}"
    else:
        missing = sum(clip not in experiment.data.source for clip in run.scored.clips)
        if missing:
            lacks["clips"] = f"{missing} of {len(run.scored.clips)} clips are not in the dataset"
            experiment = experiment if missing < len(run.scored.clips) else None
    if run.places is None and "embeddings" not in lacks:
        lacks["embeddings"] = f"no t-SNE: it needs {tsne.FEWEST} clips that differ"
    drawer = _Drawer(run, compared, experiment, lacks, folder / FIGURES)
    drawer.draw(names)
    written = page.write(folder / PAGE, compared, drawer.footage, lacks)
    return Written(written, drawer.written, lacks)


def classes_of(chosen: str, class_names: tuple[str, ...]) -> list[int]:
    """Returns the numbers of the classes that `--classes` names. Raises UserError."""
    # A class name may have commas.
    names = [chosen] if chosen in class_names else chosen.split(",") if chosen else []
    for name in names:
        if name not in class_names:
            known = ", ".join(class_names[:8]) + (", ..." if len(class_names) > 8 else "")
            raise UserError(f"--classes: there is no class '{name}'; the run has {known}")
    return sorted({class_names.index(name) for name in names})


@dataclass
class _Drawer:
    """Draws the figures that a run can have; `lacks` has the reasons for the others."""

    run: Run
    compared: list[Run]
    experiment: Experiment | SiftExperiment | None
    lacks: dict[str, str]
    folder: Path

    @property
    def footage(self) -> PreparedData | None:
        return self.experiment.data if self.experiment else None

    def draw(self, chosen: list[int]) -> None:
        self.written: list[Path] = []
        scored, text = self.run.scored, self.run.about
        names, labels = scored.class_names, scored.labels
        matrix = self._new("confusion_matrix")
        classes.confusion_matrix(labels, scored.predicted, names, matrix, text)
        classes.per_class(scored.probabilities, labels, names, self._new("per_class"), text)
        if self.run.rocs:
            curves.roc(self.run.rocs, names, self._new("roc"), text)
        else:
            self.lacks["roc"] = "no ROC: clips of one class alone were evaluated"
        self._curves()
        self._tsne(chosen)
        self._attention()
        self._feature_maps()

    def _new(self, name: str) -> Path:
        self.written.append(self.folder / f"{name}.png")
        return self.written[-1]

    def _curves(self) -> None:
        if self.run.metrics:
            lines = {self.run.name: self.run.metrics}
            text = f"{self.run.about}{_smoothing([self.run])}"
            curves.training_curves(lines, self._new("training_curves"), text)
        trained = {run.name: run.metrics for run in self.compared if run.metrics}
        if len(self.compared) > 1 and trained:
            seeds = sorted({run.seed or 0 for run in self.compared if run.metrics})
            text = f"one run each, seed {', '.join(map(str, seeds))}{_smoothing(self.compared)}"
            curves.training_curves(trained, self._new("compared_curves"), text)

    def _tsne(self, chosen: list[int]) -> None:
        panels, drawn = [], []
        for run in self.compared:
            if run.places is not None and run.embeddings:
                panels.append((run.name, run.places, run.scored.labels))
                drawn.append((run, run.embeddings.components.shape[1]))
        if not drawn:
            return
        of = ", ".join(dict.fromkeys(str(run.scored.results.get("dataset")) for run, _ in drawn))
        seeds = ", ".join(map(str, sorted({run.seed or 0 for run, _ in drawn})))
        first, components = drawn[0]
        text = (
            f"{of}, {first.scored.results.get('split')} split; t-SNE, perplexity "
            f"{tsne.perplexity(len(first.scored.clips))}, of the first {components} principal "
            f"components; one run each, seed {seeds}"
        )
        scored, names = self.run.scored, self.run.scored.class_names
        tsne.draw(panels, names, self._new("tsne"), text)
        picked = chosen or tsne.most_confused(scored.labels, scored.predicted, len(names))
        if picked and len(picked) < len(names):
            why = "chosen classes" if chosen else "the classes most often confused"
            tsne.draw(panels, names, self._new("tsne_classes"), f"{why}; {text}", picked)

    def _attention(self) -> None:
        kept = self.run.embeddings
        if kept is None or kept.attention is None or kept.attention.shape[1] < 2:
            return
        if self.footage is None:
            self.lacks["attention"] = "no figure of attention: the clips are not available"
            return
        scored, rows = self.run.scored, []
        for i in self._examples(ATTENDED):
            shown = clips.pictures(self.footage, scored.clips[i], attention.STRIP)
            true, predicted = (scored.class_names[x[i]] for x in (scored.labels, scored.predicted))
            rows.append((shown, kept.attention[i], true, predicted))
        text = (
            f"{self.run.about}; the surest mistake, if any, and the surest right ones of other "
            "classes; a step is drawn as its equal part of the clip, of which it saw more"
        )
        attention.draw(rows, self._new("attention"), text)

    def _examples(self, count: int) -> list[int]:
        """Returns the surest error and the surest correct clips, of one class each."""
        scored, run = self.run.scored, self.run
        order = [i for i in run.order if self.footage and scored.clips[i] in self.footage.source]
        picked = [i for i in order if not run.correct[i]][:1]
        met = {int(scored.labels[i]) for i in picked}
        for i in (i for i in order if run.correct[i]):
            if len(picked) < count and scored.labels[i] not in met:
                picked.append(i)
                met.add(int(scored.labels[i]))
        return [int(i) for i in picked or order[:1]]

    def _feature_maps(self) -> None:
        experiment = self.experiment
        if not isinstance(experiment, Experiment):
            system = self.run.config.model.system if self.run.config is not None else "fusion"
            why = "the clips are not available"
            if system in ("sift", "fusion"):
                why = f"{system} has no layers"
            self.lacks["feature_maps"] = f"no feature maps: {why}"
            return
        [i] = self._examples(2)[-1:]
        clip_id = self.run.scored.clips[i]
        data = experiment.data
        views = pipeline.eval_clip(data.source[clip_id], data.clip_settings, views=1)
        middle = experiment.config.data.num_frames // 2
        try:
            _, variables = restore(experiment.network, self.run.workdir)
        except UserError as error:
            self.lacks["feature_maps"] = f"no feature maps: {error}"
            return
        layers = feature_maps.compute(experiment.network.model, variables, views, middle)
        if not layers:
            self.lacks["feature_maps"] = "no feature maps: the model has no convolutions of frames"
            return
        frame = _picture(views, middle, experiment.config)
        at = ", ".join(f"{layer.number}: {layer.frame}" for layer in layers)
        text = (
            f"{self.run.name}, {clip_id}, frame {middle} of {experiment.config.data.num_frames}; "
            f"the maps stand for frames around ({at}); each map on its own scale"
        )
        feature_maps.draw(frame, layers, self._new("feature_maps"), text)


def _smoothing(runs: list[Run]) -> str:
    """Returns a remark where the loss of training batches is of smoothed labels."""
    shares = {run.fields.get("train.label_smoothing", 0) for run in runs if run.metrics} - {0}
    shown = " or ".join(f"{share:g}" for share in sorted(shares))
    return f"; the loss of training batches is of labels smoothed by {shown}" if shown else ""


def _picture(views: Any, frame: int, config: ConfigDict) -> np.ndarray:
    """Returns a frame of a clip's first view as an image: RGB, or flow as colours."""
    by_name = views if isinstance(views, dict) else {config.data.modality: views}
    name, arrays = next(iter(by_name.items()))
    [shown] = PICTURES[name](np.asarray(arrays)[0, frame : frame + 1], config)
    return shown
