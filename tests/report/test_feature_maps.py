from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.models.c3d import C3D
from jaxvid.models.layers.conv import ConvReLU
from jaxvid.models.two_stream import TwoStream
from jaxvid.models.vgg import VGG16
from jaxvid.report import feature_maps


@pytest.fixture(scope="module")
def clip():
    return np.random.default_rng(0).integers(0, 256, (1, 3, 32, 32, 3), np.uint8)


@pytest.fixture
def variables_of(drawn):
    def of(model, clip):
        clip = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, jnp.float32), clip)
        return drawn(jax.eval_shape(partial(model.init, train=False), jax.random.key(0), clip))

    return of


def test_maps_are_the_layers_output_on_the_frame(clip, variables_of):
    model = VGG16(width=0.125)
    variables = variables_of(model, clip)
    layers = feature_maps.compute(model, variables, clip, frame=2)
    assert [layer.layer for layer in layers] == ["conv1_1", "conv3_2", "conv4_2"]  # 1, 6, 9
    assert [layer.maps.shape[1:] for layer in layers] == [(32, 32), (8, 8), (4, 4)]

    first = layers[0]
    parameters = variables["params"]["conv1_1"]["conv"]
    maps = jax.lax.conv_general_dilated(
        clip[0, 2][None] / np.float32(127.5) - 1,
        parameters["kernel"][0],
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    maps = np.moveaxis(np.maximum(0, maps[0] + parameters["bias"]), -1, 0)
    np.testing.assert_allclose(first.maps, maps[:6], atol=1e-4)
    assert (first.frame, first.total, first.number) == (2, len(maps), 1)


def test_of_two_streams_the_colour_one_is_shown(clip, variables_of):
    model = TwoStream(VGG16(width=0.125), VGG16(width=0.125))
    both = {"rgb": clip, "flow": clip[..., :2]}
    variables = variables_of(model, both)
    [layer] = feature_maps.compute(model, variables, both, 0, wanted=[2])
    assert layer.layer == "rgb/conv1_2"


def test_a_step_that_stands_for_several_frames_says_which(clip, variables_of):
    class Strided(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            return ConvReLU(8, (1, 1, 1), name="conv_a")(x[:, ::2])

    long = np.repeat(clip, 4, axis=1)  # 12 frames, 6 steps
    model = Strided()
    variables = variables_of(model, long)
    [layer] = feature_maps.compute(model, variables, long, frame=7, wanted=[1])
    assert (layer.layer, layer.frame) == ("conv_a", 7)  # the step of frames 6 and 7
    [layer] = feature_maps.compute(model, variables, long, frame=6, wanted=[1])
    assert layer.frame == 7


def test_fewer_layers_than_wanted_are_fewer_rows_and_none_is_none(clip, variables_of, tmp_path):
    model = C3D(width=0.125, temporal_stride=1)
    variables = variables_of(model, clip)
    layers = feature_maps.compute(model, variables, clip, 1)
    assert [layer.number for layer in layers] == [1, 6]  # it has eight
    feature_maps.draw(clip[0, 1], layers, tmp_path / "maps.png")
    assert (tmp_path / "maps.png").stat().st_size > 1000

    class Dense(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            return nn.Dense(2)(x)

    variables = variables_of(Dense(), clip)
    assert feature_maps.compute(Dense(), variables, clip, 1) == []
