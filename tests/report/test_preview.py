import cv2
import numpy as np
import pytest

from jaxvid import config as configs
from jaxvid import main as command
from jaxvid.data import flow, loading, pipeline
from jaxvid.report import preview


def test_the_sheet_is_of_the_first_training_clips(tiny_file, tiny, tmp_path, monkeypatch, capsys):
    drawn = {}
    monkeypatch.setitem(
        preview.PICTURES, "rgb", lambda frames, _: drawn.setdefault(len(drawn), frames)
    )
    workdir = tmp_path / "run"
    arguments = ["jaxvid", f"--config={tiny_file}", f"--workdir={workdir}", "--mode=preview"]
    assert command.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "rgb      8x32x32x3 uint8 a clip" in printed
    assert f"shown in {workdir / 'preview.png'}" in printed
    sheet = cv2.imread(str(workdir / "preview.png"))
    assert sheet.shape[0] > 8 * 100 and sheet.shape[1] > 8 * 100

    dataset = loading.load(tiny.data)
    source = loading.open_records(dataset, tiny.data)
    settings = loading.clip_settings(tiny)
    modality = pipeline.train_batches(
        source, dataset.split("train"), settings, 8, tiny.seed, 0, 1, pipeline.Reading(1)
    )
    np.testing.assert_array_equal(next(modality)["clip"], [drawn[i] for i in range(8)])


def test_sift_has_no_clips_to_show(tmp_path, capsys):
    arguments = ["jaxvid", "--config=sift", "--mode=preview", f"--workdir={tmp_path / 'run'}"]
    assert command.main(arguments) == 2
    assert "sift reads whole frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (0, 0, (255, 255, 255)),
        (5, 0, (255, 0, 0)),
        (-5, 0, (0, 255, 255)),
        (0, 5, (128, 255, 0)),
    ],
)
def test_directions_of_flow_are_hues_and_rest_is_white(x, y, expected):
    vectors = np.zeros((2, 3, 3, 6), np.float32)
    vectors[..., 2:4] = x, y  # the middle one of three that are stacked
    vectors[..., :2], vectors[..., 4:] = 9, -9
    [picture, _] = preview.PICTURES["flow"](flow.quantise(vectors, 5), configs.default())
    np.testing.assert_allclose(picture[1, 1], expected, atol=3)
