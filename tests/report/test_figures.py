import warnings
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from jaxvid.evaluation import metrics
from jaxvid.report import classes, curves, figures, tsne
from jaxvid.runtime import fonts

ODD = (
    "_hidden",
    "$x^2$ costs $",
    "跑步",
    "two\nlines\tand more",
    "",
    "HandstandPushupsOnAVeryNarrowBeamWhileEverybodyIsWatching",
)


def test_names_are_short_and_every_sign_is_drawn_as_itself():
    assert figures.drawn("Walk") == "Walk"
    assert figures.drawn("two\nlines\tmore") == "two lines more"
    assert figures.drawn("бег, αβ, ñ") == "бег, αβ, ñ"
    assert figures.drawn("_hidden") == " _hidden"  # a legend leaves out what begins so
    assert figures.drawn("$x^2$") == r"\$x^2\$"  # no formula
    assert figures.drawn("") == "(no name)"
    shortened = figures.drawn(ODD[-1])
    assert len(shortened) == figures.LONGEST
    assert shortened.startswith("HandstandPushups")
    assert shortened.endswith("Watching")


def test_signs_without_a_font_are_written_as_their_code(monkeypatch):
    monkeypatch.setattr(fonts, "missing", lambda text: {c for c in text if not c.isascii()})
    assert figures.drawn("跑 a") == r"\u8dd1 a"
    assert figures.drawn("\ud8ff") == r"\ud8ff"  # of a file name that is not UTF-8


@pytest.mark.parametrize("number", [2, 3, 5])
def test_the_title_of_a_small_matrix_is_beside_nothing(number, tmp_path, monkeypatch):
    kept = []

    @contextmanager
    def sheet(path, width, height, *names, **text):
        with figures.sheet(path, width, height, *names, **text) as figure:
            yield figure
            kept.append(figure)

    monkeypatch.setattr(classes, "sheet", sheet)
    labels = np.arange(1000) % number
    names = [f"c{k}" for k in range(number)]
    classes.confusion_matrix(labels, labels, names, tmp_path / "m.png")
    (figure,) = kept
    box = figure._suptitle.get_window_extent()
    assert box.x1 < figure.bbox.width
    assert not any(box.overlaps(axes.get_tightbbox()) for axes in figure.axes)


@pytest.mark.parametrize("number", [2, 6, 40, 170])
def test_figures_of_any_classes_are_drawn_without_a_warning(number, tmp_path):
    rng = np.random.default_rng(0)
    names = (*ODD, *(f"Action{k}" for k in range(number)))[:number]
    labels = np.arange(3 * number) % number
    probabilities = rng.dirichlet(np.ones(number), len(labels))
    points = rng.uniform(-1, 1, (len(labels), 2))
    predicted = probabilities.argmax(-1)
    lines = [{"epoch": 1.0, "loss": 2.0, "accuracy": 0.1}, {"epoch": 2.0, "test_loss": 1.0}]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classes.confusion_matrix(labels, predicted, names, tmp_path / "matrix.png", "a text")
        classes.per_class(probabilities, labels, names, tmp_path / "bars.png", "$ _ text")
        rocs = curves.class_rocs(probabilities, labels)
        curves.roc(rocs, names, tmp_path / "roc.png")
        panels = [("_run", points, labels), ("$run$", points, labels)]
        tsne.draw(panels, names, tmp_path / "tsne.png")
        tsne.draw(panels, names, tmp_path / "chosen.png", "", [0, 1])
        curves.training_curves({"_run": lines, "$b$": lines}, tmp_path / "curves.png")
    pictures = [cv2.imread(str(path)) for path in tmp_path.iterdir()]
    assert len(pictures) == 6
    assert all(picture.std() > 5 and picture.shape[0] < 4000 for picture in pictures)


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    with figures.sheet(tmp_path / "x.png", 2, 2, ["a"]) as figure:
        figure.subplots()
    assert dict(matplotlib.rcParams) == before


def test_wrong_cells_are_red_and_right_ones_blue(tmp_path):
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    classes.confusion_matrix(labels, predicted, ("a", "b"), tmp_path / "m.png")
    picture = cv2.imread(str(tmp_path / "m.png")).astype(int)
    blue, red = picture[..., 0] - picture[..., 2], picture[..., 2] - picture[..., 0]
    assert (blue > 60).any()
    assert (red > 60).any()
    classes.confusion_matrix(labels, labels, ("a", "b"), tmp_path / "m.png")
    right = cv2.imread(str(tmp_path / "m.png")).astype(int)[:, :260]  # without the scales
    assert not (right[..., 2] - right[..., 0] > 60).any()


def test_the_clips_of_a_class_are_counted_in_its_cells():
    counts = metrics.confused(np.array([0, 0, 2]), np.array([1, 1, 2]), 3)
    assert counts.tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 1]]
