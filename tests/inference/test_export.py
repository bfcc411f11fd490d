import runpy
import subprocess
import sys

import numpy as np
import pytest

from jaxvid.data import clip_cutting, pipeline, records, sampling
from jaxvid.data.modalities import Rgb
from jaxvid.data.video import Facts
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.inference import export, predict

pytestmark = pytest.mark.usefixtures("shallow")

ISOLATED = """
import runpy, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("jaxvid", "flax", "grain"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_exported_example_runs_without_the_package(tiny, saved, tmp_path):
    with tiny.unlocked():
        tiny.data.fps = 12.0
    experiment = experiments.open_experiment(tiny)
    saved(experiment, tmp_path / "run")
    video = experiment.data.dataset.folder / experiment.data.clips("test")[0].id
    labels = predict.predict(tiny, tmp_path / "run", [video])
    export.write(tiny, tmp_path / "run", tmp_path / "export")
    example = tmp_path / "export" / "example.py"
    ran = subprocess.run(
        [sys.executable, "-I", "-c", ISOLATED, example, video],
        capture_output=True,
        text=True,
        env={"JAX_PLATFORMS": "cpu"},
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    shown = dict(line.split() for line in ran.stdout.splitlines())
    expected = dict(zip(labels.class_names, labels.probabilities[0], strict=True))
    assert shown == {name: f"{share:.4f}" for name, share in expected.items()}

    # It cuts the clips that evaluation cuts, whatever the rule.
    module = runpy.run_path(str(example))
    for changed in (
        {},
        {"fps": 0.0, "crop": "whole frame"},
        {"sampling": "interval", "image_size": 50},
        {"frames": 64, "short_side": 300},
    ):
        module["cut"].update(changed)
        rule = module["cut"]
        settings = clip_cutting.ClipSettings(
            rule["frames"],
            rule["image_size"],
            rule["fps"],
            augment=rule["crop"] == "middle square",
            intervals=(1, 2) if rule["sampling"] == "interval" else None,
        )
        modality = Rgb(rule["short_side"], rule["jpeg_quality"])
        clip = pipeline.eval_clip([(modality, records.decode(video, modality))], settings, views=1)
        np.testing.assert_array_equal(module["read"](video), clip)
    # It takes the frames that the package takes, at the header's rate, another and a varying one.
    for seconds in (
        np.arange(60) / 25,
        3 + np.arange(60) / 30,
        np.r_[np.arange(30), np.arange(30, 330, 10)] / 25,
        np.zeros(60),
        np.r_[np.arange(30), 1e9 + np.arange(30)] / 25,
        np.zeros(1),
    ):
        for target in (0.0, 5.0, 12.0, 30.0):
            module["cut"]["fps"] = target
            fps, times = Facts(fps=25.0, times=list(seconds)).clock()
            expected = sampling.resample(len(seconds), fps, target, times)
            np.testing.assert_array_equal(module["sampled"](len(seconds), fps, times), expected)
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(SystemExit, match=r"a\.mp4 cannot be decoded"):
        module["read"](tmp_path / "a.mp4")


def test_an_export_replaces_nothing_and_is_of_a_network(tiny, saved, tmp_path):
    saved(experiments.open_experiment(tiny), tmp_path / "run")
    with pytest.raises(UserError, match=r"run exists already"):
        export.write(tiny, tmp_path / "run", tmp_path / "run")
    tiny.model.system = "sift"
    with pytest.raises(UserError, match=r"the system sift has none"):
        export.write(tiny, tmp_path / "run", tmp_path / "new")
