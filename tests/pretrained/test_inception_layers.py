"""Inflation in time, and the factorisation of kernels over space and time."""

import functools

import jax
import numpy as np
import pytest

from jaxvid import pretrained
from jaxvid.experiment.network import open_network
from jaxvid.models.layers.conv import conv3d
from jaxvid.pretrained.inception_layers import EPSILON, Layer, best_factors, fold_scale

pytestmark = pytest.mark.usefixtures("stages")
FACTORISED = {
    "i3d": {"model__backbone": "i3d"},
    "spatial first": {"model__backbone": "li3d"},
    "temporal first": {"model__backbone": "li3d", "model__kernel_order": "temporal_first"},
    "linear, temporal first": {
        "model__backbone": "li3d",
        "model__linear_factors": True,
        "model__kernel_order": "temporal_first",
    },
}


def normal(*shape):
    return np.random.default_rng(2).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("name", FACTORISED)
def test_inflated_network_on_a_still_video_is_the_one_on_the_frame(
    name, published_googlenet, make_config, start, tmp_path
):
    path = tmp_path / "googlenet.npz"
    np.savez(path, **published_googlenet())
    common = {"init__source": "googlenet", "init__path": str(path)}
    stem = name not in ("i3d", "spatial first")
    inflated = start(
        make_config(
            model__temporal_stride=1,
            model__factorised_stem=stem,
            **FACTORISED[name],
            **common,
        ),
        7,
    )
    flat = start(make_config(model__backbone="inception2d", **common), 7)
    assert not inflated.loaded.initial and not inflated.loaded.errors
    frame = normal(1, 1, 40, 33, 3)
    features = flat(frame).sequence[0, 0]
    sequence = inflated(np.repeat(frame, 20, axis=1)).sequence[0]
    # What goes into this step reaches back 8 frames (3 in the stem, 1 in conv_2c, in each of three
    # blocks and in a pooling) and ahead 10, with a pooling over two steps and the last mean.
    np.testing.assert_allclose(sequence[8], features, atol=1e-4, rtol=1e-4)
    assert np.ptp(features) > 0.1
    if name == "i3d":  # at the clip's ends the kernels reach beyond it
        assert np.abs(sequence[0] - features).max() > 1e-2


@pytest.mark.parametrize("scale", [1.0, 0.0, 1e-6, -2.0])
def test_a_scale_is_folded_exactly(scale):
    layer = Layer(normal(1, 1, 1, 5, 4), normal(4), normal(4) * 2, normal(4) ** 2, None, {})
    scales = np.array([scale, 1, 0.5, 1e3], np.float32)
    x = normal(6, 5)

    def computed(layer, scale):
        y = x @ layer.kernel[0, 0, 0]
        return scale * (y - layer.mean) / np.sqrt(layer.variance + EPSILON) + layer.offset

    folded = fold_scale(Layer(**{**vars(layer), "scale": scales}))
    assert folded.scale is None
    expected = computed(layer, scales)
    np.testing.assert_allclose(computed(folded, 1), expected, rtol=1e-4, atol=1e-4)


def convolve(x, kernel):
    return np.asarray(jax.jit(functools.partial(conv3d, lowering="native"))(x, kernel))


def composed(factors, order, paired, x):
    first, second, _ = factors
    y = convolve(x, np.float32(first))
    y = np.maximum(y, 0) if paired else y
    return convolve(y, np.float32(second))


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("order", ["spatial_first", "temporal_first"])
def test_separable_kernel_is_reproduced_exactly(order, paired):
    # Of each filter one temporal and one spatial kernel; with a ReLU between, of half as many.
    count = 8 if not paired else 4
    spatial, temporal = normal(3, 3, 6, count), normal(5, count)
    mixed = normal(count, 8) if paired else np.eye(8, dtype=np.float32)
    kernel = np.einsum("tm,hwim,mo->thwio", temporal, spatial, mixed)
    if order == "temporal_first":  # the same number of components, seen from the other side
        spatial, temporal = normal(3, 3, count, 8), normal(5, 6, count)
        kernel = np.einsum("tim,hwmo->thwio", temporal, spatial)
    factors = best_factors(kernel, order, paired)
    x = normal(2, 7, 9, 8, 6)
    expected = convolve(x, np.float32(kernel))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        composed(factors, order, paired, x), expected, atol=1e-5 * scale, rtol=0
    )
    assert factors[2] < 1e-6


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("order", ["spatial_first", "temporal_first"])
def test_factors_are_the_best_ones(order, paired):
    kernel = normal(3, 3, 3, 6, 8)
    first, second, error = best_factors(kernel, order, paired)
    rank = 4 if paired else 8
    if paired:  # the other half of the channels carries negatives
        np.testing.assert_array_equal(first[..., :4], -first[..., 4:])
        first, second = first[..., :4], second[..., :4, :]
    if order == "spatial_first":
        assert first.shape[:4] == (1, 3, 3, 6) and second.shape[:3] == (3, 1, 1)
        product = np.einsum("hwim,tmo->thwio", first[0], second[:, 0, 0])
        unfolded = np.moveaxis(kernel, 0, 3).reshape(54, 24)
    else:
        product = np.einsum("tim,hwmo->thwio", first[:, 0, 0], second[0])
        unfolded = np.moveaxis(kernel, 3, 1).reshape(18, 72)
    missed = np.linalg.norm(kernel - product)
    # Eckart and Young: no matrix of this rank comes nearer than the singular values left out.
    best = np.linalg.norm(np.linalg.svd(unfolded, compute_uv=False)[rank:])
    assert missed == pytest.approx(best, rel=1e-5)
    assert error == pytest.approx(best / np.linalg.norm(kernel), rel=1e-5)


@pytest.mark.parametrize("linear", [True, False], ids=["linear", "with a ReLU between"])
def test_kinetics_weights_in_li3d_and_the_error_that_they_make(
    linear, published_port, make_config, start, tmp_path
):
    path = tmp_path / "rgb.npz"
    common = {"init__source": "i3d_pytorch", "init__path": str(path)}
    np.savez(path, **published_port(rank=2))  # no more components than fit between the factors
    li3d = make_config(model__backbone="li3d", model__linear_factors=linear, **common)
    ours, whole = start(li3d, 7), start(make_config(model__backbone="i3d", **common), 7)
    assert not ours.loaded.initial and len(ours.loaded.errors) == 7
    assert max(ours.loaded.errors.values()) < 1e-5 and whole.loaded.errors is None
    x = normal(1, 16, 32, 32, 3)
    outputs, expected = ours(x), whole(x)
    np.testing.assert_allclose(outputs.sequence, expected.sequence, atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(outputs.logits, expected.logits, atol=1e-3, rtol=1e-4)
    assert np.ptp(expected.sequence) > 0.1

    tensors = published_port(rank=None)
    np.savez(path, **tensors)
    errors = start(li3d, 7).loaded.errors
    kernel = tensors["Mixed_4b.b1b.conv3d.weight"].transpose(1, 3, 4, 2, 0)  # (C,H,W,T,D)
    norm = "Mixed_4b.b1b.bn."  # which is folded into the kernel
    kernel *= tensors[f"{norm}weight"] / np.sqrt(tensors[f"{norm}running_var"] + 1e-3)
    values = np.linalg.svd(kernel.reshape(-1, 3 * kernel.shape[-1]), compute_uv=False)
    left_out = values[kernel.shape[-1] // (1 if linear else 2) :]
    relative = np.linalg.norm(left_out) / np.linalg.norm(values)
    assert errors["backbone/mixed_4b/branch_1"] == pytest.approx(relative, rel=1e-4)
    assert min(errors.values()) < errors["all"] < max(errors.values())


LOST = "batch norm between LI3D's two factors is the identity in evaluation alone"


@pytest.mark.parametrize(
    "fields, lost",
    [
        ({"model__backbone": "li3d"}, True),
        ({"model__backbone": "li3d", "model__linear_factors": True}, False),
        ({"model__backbone": "li3d", "train__freeze_batch_norm": True}, False),
        ({"model__backbone": "li3d", "train__freeze_backbone_epochs": 1e9}, False),
        ({"model__backbone": "i3d"}, False),
        (
            {
                "model__backbone": "two_stream",
                "model__rgb_backbone": "i3d",
                "model__flow_backbone": "li3d",
                "data__modality": "rgb+flow",
            },
            True,
        ),
    ],
)
def test_a_norm_that_training_would_undo_is_warned_of(
    fields, lost, published_googlenet, make_config, tmp_path, caplog
):
    path = tmp_path / "googlenet.npz"
    np.savez(path, **published_googlenet())
    config = make_config(init__source="googlenet", init__path=str(path), **fields)
    loaded = pretrained.load_for(config, open_network(config, 7).shapes)
    pretrained.warn_of_training(loaded)
    pretrained.write_account(loaded, config, tmp_path)
    account = (tmp_path / pretrained.ACCOUNT).read_text()
    for text in (caplog.text, account):
        assert (LOST in text) == lost
        assert ("config.model.linear_factors=true" in text) == lost
        assert ("config.train.freeze_batch_norm=true leaves it" in text) == lost
    assert LOST not in pretrained.describe(loaded, config)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_scale_that_training_divides_out_is_warned_of(
    scale, frozen, published_googlenet, make_config, tmp_path, caplog
):
    tensors = published_googlenet()
    tensors |= {name: np.ones_like(t) for name, t in tensors.items() if name.endswith("bn.weight")}
    tensors["inception4a.branch1.bn.weight"][3] = scale
    path = tmp_path / "googlenet.npz"
    np.savez(path, **tensors)
    fields = {"model__backbone": "inception2d", "train__freeze_batch_norm": frozen}
    config = make_config(init__source="googlenet", init__path=str(path), **fields)
    loaded = pretrained.load_for(config, open_network(config, 7).shapes)
    pretrained.warn_of_training(loaded)
    lost = scale != 1 and not frozen
    assert ("training with the batch's statistics divides the scale out" in caplog.text) == lost
    assert len(loaded.account()["notes"]) == len(loaded.notes) + lost
