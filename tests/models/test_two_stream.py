import jax
import numpy as np
import pytest

from jaxvid import config as configs
from jaxvid import models
from jaxvid.models.two_stream import TwoStream
from jaxvid.models.vgg import VGG16


def clips():
    rng = np.random.default_rng(0)
    shapes = {"rgb": (2, 3, 32, 32, 3), "flow": (2, 3, 32, 32, 2)}
    return {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("fusion", ["concat", "sum"])
def test_each_stream_is_its_own_backbone(fusion, initialise):
    module = TwoStream(VGG16(width=0.01), VGG16(width=0.01), fusion)
    variables = initialise(module, clips(), False)
    fused = jax.jit(module.apply, static_argnums=2)(variables, clips(), False)
    apply = jax.jit(VGG16(width=0.01).apply, static_argnums=2)
    alone = [
        np.asarray(apply({"params": variables["params"][name]}, clips()[name], False))
        for name in ("rgb", "flow")
    ]
    expected = np.concatenate(alone, -1) if fusion == "concat" else alone[0] + alone[1]
    np.testing.assert_allclose(fused, expected, rtol=1e-5, atol=1e-5)


def config(**fields):
    model = configs.default().model
    model.update(backbone="two_stream", **fields)
    return model


def test_wrong_pairs_are_refused():
    with pytest.raises(ValueError, match=r"rgb backbone gives 1 steps, the flow.* 16"):
        models.sequence_length(config(flow_backbone="vgg16"), 16)
    with pytest.raises(ValueError, match="unknown fusion 'max': one of concat, sum"):
        models.build(config(fusion="max"), 5)
    with pytest.raises(ValueError, match="'st_gcn' cannot be one of two streams"):
        models.build(config(flow_backbone="st_gcn"), 5)
    with pytest.raises(ValueError, match="unknown backbone 'i4d'"):
        models.build(config(rgb_backbone="i4d"), 5)
    unequal = TwoStream(VGG16(width=0.01), VGG16(width=0.05), "sum")
    with pytest.raises(ValueError, match="unequal widths 8 and 24"):
        jax.eval_shape(lambda key: unequal.init(key, clips(), False), jax.random.key(0))
