import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid import models

EDGES = ((0, 1), (1, 2))
IMAGES = [
    *(models.I3D(width=0.05), models.LI3D(width=0.05), models.C3D(width=0.05)),
    *(models.VGG16(width=0.05), models.GoogLeNet(width=0.05)),
]
PAIRS = [
    models.ConvFusion(width=0.05),
    models.TwoStream(models.VGG16(width=0.05), models.VGG16(width=0.05)),
]
SYSTEMS = {
    "recognizer": models.Recognizer(models.VGG16(width=0.05), num_classes=3),
    "deep_fusion": models.DeepFusion(models.ConvFusion(width=0.05), num_classes=3),
}
LAYOUT = r"must .*\(B,T,H,W,C\)"


def shapes(module, clips):
    """Shapes of the outputs under `jax.eval_shape`, which knows shapes and types alone."""
    return jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x)[0], clips)


def clip(*shape, dtype=jnp.float32):
    return jax.ShapeDtypeStruct(shape, dtype)


def named(module):
    return type(module).__name__


def test_normalize_scales_bytes_alone():
    clips = {"rgb": np.array([[0, 51, 255]], np.uint8), "skeleton": np.array([2.0, 300.0])}
    scaled = models.normalize(clips)
    np.testing.assert_allclose(scaled["rgb"], [[-1, -0.6, 1]], atol=1e-7)
    np.testing.assert_array_equal(scaled["skeleton"], clips["skeleton"])
    assert {array.dtype for array in scaled.values()} == {jnp.dtype("float32")}


@pytest.mark.parametrize("module", [*IMAGES, SYSTEMS["recognizer"]], ids=named)
def test_unusable_images_are_refused(module):
    assert shapes(module, clip(2, 8, 32, 32, 3))
    with pytest.raises(TypeError, match=r"clips are uint8: pass models.normalize\(clips\)"):
        shapes(module, clip(2, 8, 32, 32, 3, dtype=jnp.uint8))
    with pytest.raises(ValueError, match=r"five axes \(B,T,H,W,C\), not .*\(8, 32, 32, 3\)"):
        shapes(module, clip(8, 32, 32, 3))
    for channels in (3, 2, 8):
        with pytest.raises(ValueError, match=rf"channels first: {LAYOUT}"):
            shapes(module, clip(2, channels, 16, 32, 48))
    with pytest.raises(TypeError, match=r"one array \(B,T,H,W,C\), not dict"):
        shapes(module, {"rgb": clip(2, 8, 32, 32, 3)})


@pytest.mark.parametrize("shape", [(2, 3, 32, 32, 2), (1, 2, 32, 48, 8), (2, 16, 48, 48, 22)])
def test_few_frames_and_stacked_flow_are_no_channels_first(shape):
    assert shapes(models.VGG16(width=0.05), clip(*shape)).shape[:2] == shape[:2]


@pytest.mark.parametrize("module", [*PAIRS, SYSTEMS["deep_fusion"]], ids=named)
def test_unusable_pairs_are_refused(module):
    rgb, flow = clip(2, 8, 32, 32, 3), clip(2, 8, 32, 32, 2)
    assert shapes(module, {"rgb": rgb, "flow": flow})
    for unusable in (rgb, {"rgb": rgb}):
        with pytest.raises(TypeError, match="clips must be a map"):
            shapes(module, unusable)
    with pytest.raises(TypeError, match="uint8"):
        shapes(module, {"rgb": rgb, "flow": clip(2, 8, 32, 32, 2, dtype=jnp.uint8)})
    with pytest.raises(ValueError, match="channels first"):
        shapes(module, {"rgb": clip(2, 3, 8, 32, 32), "flow": flow})


def test_unusable_skeletons_are_refused():
    module = models.STGCN(EDGES, width=0.05, layers_per_stage=1)
    assert shapes(module, clip(2, 3, 2, 3, 2)).shape == (2, 1, 16)
    with pytest.raises(TypeError, match="uint8"):
        shapes(module, clip(2, 8, 2, 3, 2, dtype=jnp.uint8))
    with pytest.raises(ValueError, match=r"five axes \(B,T,M,V,C\)"):
        shapes(module, clip(8, 2, 3, 2))
    for shape in [(2, 3, 16, 3, 2), (2, 3, 16, 2, 3)]:  # people last, as PyTorch's ST-GCN; joints
        with pytest.raises(ValueError, match=r"channels first: must be \(B,T,M,V,C\)"):
            shapes(module, clip(*shape))


def test_checks_hold_inside_jit():
    module = models.VGG16(width=0.05)
    with pytest.raises(TypeError, match="uint8"):
        jax.jit(lambda x: module.init(jax.random.key(0), x))(np.zeros((1, 2, 32, 32, 3), np.uint8))


def test_own_backbones_read_what_they_read():
    class Bytes(nn.Module):
        def __call__(self, clips, train=False):
            return clips.astype(jnp.float32)

    module = models.Recognizer(Bytes(), num_classes=3)
    assert shapes(module, clip(2, 5, 4, dtype=jnp.uint8)).logits.shape == (2, 3)
