import csv
import subprocess
import sys
from functools import partial

import jax
import numpy as np
import pytest

import jaxvid
from jaxvid import main as command
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.experiment.network import forward

pytestmark = pytest.mark.usefixtures("shallow")


@pytest.fixture
def workdir(each_stream, saved, tmp_path):
    saved(experiments.open_experiment(each_stream), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def videos(each_stream):
    experiment = experiments.open_experiment(each_stream)
    return [
        str(experiment.data.dataset.folder / clip.id) for clip in experiment.data.clips("test")[:3]
    ]


def test_importing_it_loads_nothing_slow():
    code = "import jaxvid, sys; print(jaxvid.__version__, *sys.modules); jaxvid.models; dir(jaxvid)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith(jaxvid.__version__)
    assert not {"jax", "numpy", "absl", "ml_collections", "flax"} & {*ran.stdout.split()}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = jaxvid.nothing
    assert jaxvid.pretrained.SOURCES
    assert jaxvid.jit(lambda x: x + 1)(1) == 2


def test_a_model_gives_what_the_command_line_writes(workdir, videos, tmp_path, capsys):
    model = jaxvid.load(workdir)
    assert model.class_names == ("SitDown", "StandUp")
    table = tmp_path / "labels.csv"
    given = [f"--workdir={workdir}", *videos, "--config.windows.stride=0.2"]
    assert command.main(["jaxvid", "--mode=predict", *given, f"--output={table}"]) == 0
    capsys.readouterr()
    labels = model.predict(videos)
    assert capsys.readouterr() == ("", "")
    with table.open() as file:
        for best, row in zip(labels, csv.DictReader(file), strict=True):
            assert {name: f"{share:.6f}" for name, share in best} == {
                name: row[name] for name in model.class_names
            }
            assert best[0][0] == row["predicted"]
    [[(label, share)]] = model.predict(videos[:1], top=1)
    assert model.predict(videos[0], top=1) == [(label, pytest.approx(share))]

    output = tmp_path / "features"
    assert command.main(["jaxvid", "--mode=features", *given, f"--output={output}"]) == 0
    model.config.windows.stride = 0.2
    for video, arrays in zip(videos, model.features(videos, progress=True), strict=True):
        with np.load(output / f"{video.rpartition('/')[2]}.npz") as written:
            assert set(arrays) == {"times", "embedding", "sequence", "logits"}
            for name, array in arrays.items():
                assert array.dtype == written[name].dtype
                np.testing.assert_array_equal(array, written[name])


def test_clips_give_outputs(workdir, videos):
    model = jaxvid.load(workdir, checkpoint="last")
    clips = model.preprocess(videos[:2])
    one = model(clips[0])
    batch = jax.tree.map(lambda *arrays: np.stack(arrays), *clips)
    two = model(batch)
    assert [len(value) for value in (one.logits, two.logits)] == [1, 2]
    with_views = jax.tree.map(lambda array: array[:, None], batch)
    expected = jax.jit(partial(forward, model.module))(model.variables, with_views)
    for name in ("logits", "embedding", "sequence"):
        np.testing.assert_allclose(getattr(two, name), expected[name], atol=1e-5)
        np.testing.assert_allclose(getattr(one, name)[0], expected[name][0], atol=1e-5)
    shares = dict(model.predict(videos[0]))
    np.testing.assert_allclose(
        jax.nn.softmax(one.logits[0]), [shares[name] for name in model.class_names], atol=1e-5
    )


@pytest.fixture
def model(tiny, saved, tmp_path):
    saved(experiments.open_experiment(tiny), tmp_path / "run")
    return jaxvid.load(str(tmp_path / "run"))


def test_images_are_uint8_or_scaled(model):
    clip = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
    scaled = clip.astype(np.float32) / 127.5 - 1
    np.testing.assert_allclose(model(clip).logits, model(scaled).logits, atol=1e-5)


@pytest.mark.parametrize(
    ("clips", "error", "message"),
    [
        (np.zeros((8, 32, 32, 3), int), TypeError, "uint8, or floats in .-1, 1., not int64"),
        (np.zeros((3, 8, 32, 32), np.uint8), ValueError, r"\(B,T,H,W,C\) or .*not \(3, 8, 32, 32"),
        (np.zeros((32, 32, 3), np.uint8), ValueError, r"\(B,T,H,W,C\) or \(T,H,W,C\)"),
        (
            {"flow": np.zeros((8, 32, 32, 2), np.uint8)},
            ValueError,
            "a dict with the modalities rgb",
        ),
    ],
)
def test_other_arrays_are_refused(model, clips, error, message):
    with pytest.raises(error, match=message):
        model(clips)


@pytest.mark.parametrize("each_stream", ["skeleton"], indirect=True)
def test_joints_are_floats(workdir):
    model = jaxvid.load(workdir)
    [shape] = model._network.clip_shapes.values()
    assert model(np.ones(shape, np.float32)).logits.shape == (1, 2)
    with pytest.raises(TypeError, match="skeleton clips must be floats, not uint8"):
        model(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match=r"\(B,T,M,V,3\) or \(T,M,V,3\)"):
        model(np.zeros((*shape[:2], 5, 3), np.float32))
    missing = np.ones((2, *shape), np.float32)
    missing[0, :, 0, 3] = 0
    missing[1, :, 0, 3, 1] = np.nan
    zeros, nan = model(missing).logits
    np.testing.assert_array_equal(nan, zeros)


def test_several_views_are_a_batch(model, tiny):
    model.config.eval.views = 2
    experiment = experiments.open_experiment(tiny)
    video = experiment.data.dataset.folder / experiment.data.clips("test")[0].id
    views = model.preprocess(video)
    assert views.shape == (2, 8, 32, 32, 3)
    mean = jax.nn.softmax(model(views).logits).mean(axis=0)
    shares = dict(model.predict(video))
    np.testing.assert_allclose(mean, [shares[name] for name in model.class_names], atol=1e-5)


def test_a_missing_run_or_video_is_one_line(model, tiny, tmp_path):
    with pytest.raises(UserError, match="is not a run's workdir"):
        jaxvid.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"eval\.checkpoint='first'"):
        jaxvid.load(tmp_path / "run", checkpoint="first")
    with pytest.raises(UserError, match=r"config\.eval\.checkpoint=last"):
        jaxvid.load(tmp_path / "run", checkpoint="best")
    (tmp_path / "empty.mp4").write_bytes(b"")
    for read in (model.predict, model.features, model.preprocess):
        with pytest.raises(UserError, match=r"empty\.mp4: the file is empty"):
            read(tmp_path / "empty.mp4")
        with pytest.raises(UserError, match=r"/nowhere\.mp4: "):
            read(["/nowhere.mp4"])
    config = (tmp_path / "run" / "config.json").read_text()
    (tmp_path / "run" / "config.json").write_text(config.replace('"recognizer"', '"sift"'))
    with pytest.raises(UserError, match="the system sift has no network"):
        jaxvid.load(tmp_path / "run")
