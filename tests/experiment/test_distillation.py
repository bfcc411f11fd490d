"""LI3D made of an I3D on unlabelled videos: factors that are the best on what the layers read."""

from pathlib import Path

import jax
import numpy as np
import pytest

import jaxvid
from jaxvid import main as command
from jaxvid.config import files as config_files
from jaxvid.experiment import distillation
from jaxvid.experiment.distillation import Moments
from jaxvid.experiment.experiment import open_experiment
from jaxvid.experiment.network import forward
from jaxvid.pretrained.inception_layers import best_factors

pytestmark = pytest.mark.usefixtures("one_device", "shallow")


def maps(rng, channels):
    """Smooth maps (T,H,W,C) of mixed channels, as a trained layer reads them."""
    x = rng.standard_normal((9, 8, 8, channels)).cumsum(axis=0).cumsum(axis=1)
    return np.maximum(x @ rng.standard_normal((channels, channels)) - 1, 0).astype(np.float32)


def read(x):
    moments = Moments()
    moments.add(x, np.random.default_rng(0))
    return moments


def test_moments_are_those_of_all_patches():
    x = maps(np.random.default_rng(1), 3)
    moments = read(x)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = [
        padded[t, h : h + 3, w : w + 3].ravel()
        for t in range(9)
        for h in range(8)
        for w in range(8)
    ]
    expected = np.cov(patches, rowvar=False, bias=True)
    shrunk = 0.99 * expected + 0.01 * np.trace(expected) / 27 * np.eye(27)
    np.testing.assert_allclose(moments.covariance, shrunk, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(moments.mean, np.mean(patches, axis=0), rtol=1e-5)
    centred = x - x.mean(axis=(0, 1, 2))
    for k in (1, 2):
        both = 0.5 * (centred[:-k] ** 2 + centred[k:] ** 2).sum()
        assert moments.correlation[0, k] == pytest.approx(
            (centred[:-k] * centred[k:]).sum() / both, rel=1e-4
        )


def missed(kernel, factors, weights, moments):
    """The weighted error of two factors on patches of these moments, and of other taps alone."""
    first, second = (factor.astype(np.float64) for factor in factors)
    product = np.einsum("hwcr,kro->khwco", first[0], second[:, 0, 0])
    left = (kernel - product).reshape(3, -1, kernel.shape[-1]) * weights
    return np.einsum("kad,ab,kl,lbd->", left, moments.covariance, moments.correlation, left)


def test_the_factors_are_the_best_of_their_rank():
    rng = np.random.default_rng(2)
    kernel, moments = rng.standard_normal((3, 3, 3, 2, 4)), read(maps(rng, 2))
    variance = rng.uniform(0.1, 4, 4)
    weights = 1 / np.sqrt(variance + 1e-3)
    *factors, shift = distillation.factors_on(kernel, variance, moments)
    found = missed(kernel, factors, weights, moments)
    *plain, _ = best_factors(kernel, "spatial_first", paired=False)
    assert found < 0.9 * missed(kernel, plain, weights, moments)
    # By another way: each factor in turn by least squares, from the plain ones on, until it rests.
    space = np.linalg.cholesky(moments.covariance).T
    time = np.linalg.cholesky(moments.correlation)
    target = np.einsum("ab,kbd,kl->lad", space, kernel.reshape(3, 18, 4), time) * weights
    stacked = np.concatenate(list(target), axis=1)
    left = space @ plain[0].reshape(18, 4)
    for _ in range(3000):
        right = np.linalg.lstsq(left, stacked, rcond=None)[0]
        left = np.linalg.lstsq(right.T, stacked.T, rcond=None)[0].T
    assert found == pytest.approx(((stacked - left @ right) ** 2).sum(), rel=1e-4)
    # The mean of the error over patches is what is to be taken from the batch norm's mean.
    product = np.einsum("hwcr,kro->khwco", factors[0][0], factors[1][:, 0, 0])
    rest = (kernel - product).reshape(3, 18, 4)
    np.testing.assert_allclose(shift, np.einsum("a,kad->d", moments.mean, rest), atol=1e-9)


@pytest.fixture
def trained(tiny, saved, tmp_path):
    """The run of an I3D, and the folder of its videos."""
    tiny.model.update(backbone="i3d", encoder="none", factorised_stem=False, width=0.25)
    saved(open_experiment(tiny), tmp_path / "i3d")
    return tmp_path / "i3d", Path(tiny.data.root) / "UCF-101"


def test_a_distilled_run_is_nearer_to_its_i3d_on_other_videos(trained, tmp_path, capsys):
    folder, videos = trained
    output = tmp_path / "li3d"
    arguments = ["jaxvid", "distill", str(folder), str(videos / "SitDown"), f"--output={output}"]
    assert command.main(arguments) == 0
    assert f"8 videos, is in {output}" in capsys.readouterr().out
    assert command.main(arguments) == 2
    assert f"{output} exists already" in capsys.readouterr().err

    config = config_files.read(output / "config.json")
    assert (config.model.backbone, config.model.linear_factors) == ("li3d", True)
    teacher, student = jaxvid.load(folder), jaxvid.load(output)
    blind = {name: Moments() for name in distillation.cubes()}
    for name, moments in blind.items():
        size = teacher.variables["params"]["backbone"]
        for part in (*name.split("/"), "conv", "kernel"):
            size = size[part]
        width = 9 * size.shape[3]
        moments.products, moments.sums, moments.patches = np.eye(width), np.zeros(width), 1
    plain = distillation.student(jax.device_get(teacher.variables), blind)
    clips = np.stack(teacher.preprocess(sorted((videos / "StandUp").glob("*.avi"))[:2]))[:, None]
    wanted = forward(teacher.module, teacher.variables, clips)["embedding"]

    def distance(variables):
        found = forward(student.module, variables, clips)["embedding"]
        return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)

    assert distance(student.variables) < 0.7 * distance(plain)


def test_what_is_no_i3d_is_refused(tiny, saved, tmp_path, capsys):
    saved(open_experiment(tiny), tmp_path / "run")
    arguments = ["jaxvid", "distill", str(tmp_path / "run"), str(tmp_path)]
    assert command.main(arguments) == 2
    assert "distill writes to --output=FOLDER" in capsys.readouterr().err
    assert command.main([*arguments, f"--output={tmp_path / 'new'}"]) == 2
    assert "config.model.backbone=li3d: LI3D is made of a run of one i3d" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
