import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.models.build import count_parameters
from jaxvid.models.i3d import BRANCH_WIDTHS, Inception3D


def shapes(module, *clips):
    """Shapes of the features and of the variables, without computing either."""
    clips = jax.ShapeDtypeStruct(clips, jnp.float32)
    return jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x, False), clips)


def draw(*shape):
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize(
    "fields, parameters",
    [
        ({}, 12_279_984),
        ({"factorised": True}, 8_037_552),
        ({"factorised": True, "factorised_stem": True}, 7_899_440),
        ({"factorised": True, "kernel_order": "temporal_first"}, 10_229_424),
    ],
)
def test_published_sizes(fields, parameters):
    features, variables = shapes(Inception3D(**fields), 2, 64, 224, 224, 3)
    assert count_parameters(variables["params"]) == parameters
    assert features.shape == (2, 7, 1024)


@pytest.mark.parametrize(
    "order, spatial, temporal",
    [
        ("spatial_first", (1, 3, 3, 96, 128), (3, 1, 1, 128, 128)),
        ("temporal_first", (1, 3, 3, 128, 128), (3, 1, 1, 96, 128)),
    ],
)
def test_both_factors_are_as_wide_as_the_output(order, spatial, temporal):
    module = Inception3D(factorised=True, factorised_stem=True, kernel_order=order)
    params = shapes(module, 1, 8, 32, 32, 3)[1]["params"]
    assert params["mixed_3b"]["branch_1"]["spatial"]["conv"]["kernel"].shape == spatial
    assert params["mixed_3b"]["branch_1"]["temporal"]["conv"]["kernel"].shape == temporal
    assert params["conv_1a"]["spatial"]["conv"]["kernel"].shape[:3] == (1, 7, 7)
    assert params["conv_1a"]["temporal"]["conv"]["kernel"].shape[:3] == (7, 1, 1)


@pytest.mark.usefixtures("stages")
@pytest.mark.parametrize("stride", [8, 4, 2, 1])
def test_sequence_length_is_the_number_of_steps(stride):
    module = Inception3D(width=0.05, temporal_stride=stride)
    _, variables = shapes(module, 1, 8, 32, 32, 3)
    for frames in (8, 9, 16, 17, 64):
        clips = jax.ShapeDtypeStruct((1, frames, 32, 32, 3), jnp.float32)
        features = jax.eval_shape(module.apply, variables, clips)
        assert features.shape[1] == module.sequence_length(frames)


def test_width_rounds_channels_to_multiples_of_eight():
    features, variables = shapes(Inception3D(width=0.3), 1, 8, 32, 32, 3)
    kernels = [leaf for leaf in jax.tree.leaves(variables["params"]) if leaf.ndim == 5]
    assert all(kernel.shape[-1] % 8 == 0 for kernel in kernels)
    assert features.shape[-1] == 112 + 2 * 40 + 112


@pytest.mark.usefixtures("stages")
@pytest.mark.parametrize(
    "frames, height, width, fields",
    [
        (8, 32, 32, {"temporal_stride": 4, "factorised": True, "factorised_stem": True}),
        (9, 33, 47, {"temporal_stride": 8}),
        (16, 47, 33, {"temporal_stride": 2, "factorised": True, "kernel_order": "temporal_first"}),
    ],
)
def test_any_size_from_32_up_runs(frames, height, width, fields, initialise):
    module = Inception3D(width=0.05, **fields)
    clips = draw(2, frames, height, width, 3)
    variables = initialise(module, clips, False)
    features = jax.jit(module.apply, static_argnums=2)(variables, clips, False)
    assert features.shape[:2] == (2, module.sequence_length(frames))
    assert np.isfinite(features).all() and np.ptp(features) > 0


@pytest.mark.usefixtures("stages")
def test_gradients_reach_every_parameter(initialise):
    module = Inception3D(factorised=True, factorised_stem=True, width=0.05, temporal_stride=4)
    clips = draw(2, 8, 32, 32, 3)
    variables = initialise(module, clips, False)

    def loss(params):
        features = module.apply({**variables, "params": params}, clips, False)
        return jnp.sum(features**2)

    for gradient in jax.tree.leaves(jax.jit(jax.grad(loss))(variables["params"])):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_every_feature_map_can_be_captured():
    module = Inception3D(factorised=True)
    clips = jax.ShapeDtypeStruct((1, 16, 112, 112, 3), jnp.float32)

    def maps(clips):
        _, variables = module.init_with_output(
            jax.random.key(0), clips, False, capture_intermediates=True, mutable=True
        )
        return variables["intermediates"]

    captured = jax.eval_shape(maps, clips)
    assert captured["conv_1a"]["__call__"][0].shape == (1, 8, 56, 56, 64)
    assert captured["conv_2c"]["__call__"][0].shape == (1, 8, 28, 28, 192)
    assert captured["mixed_3c"]["__call__"][0].shape == (1, 8, 14, 14, 480)
    assert captured["mixed_4f"]["__call__"][0].shape == (1, 4, 7, 7, 832)
    assert captured["mixed_5c"]["branch_3"]["__call__"][0].shape == (1, 2, 4, 4, 128)


@pytest.mark.parametrize(
    "field, value, known",
    [
        ("temporal_stride", 3, "8, 4, 2, 1"),
        ("kernel_order", "x", "spatial_first, temporal_first"),
        ("lowering", "x", "auto, native, decomposed"),
    ],
)
def test_unknown_choice_raises_and_names_the_known_ones(field, value, known):
    with pytest.raises(ValueError, match=f"unknown {field} {value!r}: one of {known}"):
        Inception3D(**{field: value})


def test_linear_factors_have_one_norm():
    module = Inception3D(factorised=True, linear_factors=True)
    _, variables = shapes(module, 1, 8, 32, 32, 3)
    # An offset less for each output of the 18 factorised kernels.
    outputs = sum(widths[2] + widths[4] for widths in BRANCH_WIDTHS.values())
    assert count_parameters(variables["params"]) == 8_037_552 - outputs
    unit = variables["params"]["mixed_4b"]["branch_2"]
    assert unit["spatial"].keys() == {"conv"} and unit["temporal"].keys() == {"conv", "norm"}
