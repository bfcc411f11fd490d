import functools

import jax
import jax.numpy as jnp
import pytest

from jaxvid import main as command
from jaxvid.config import files as config_files
from jaxvid.config.names import DATASETS
from jaxvid.data.datasets import embedded, hmdb51, ntu60
from jaxvid.experiment import flops
from jaxvid.experiment.network import open_network
from jaxvid.models.layers.conv import conv3d
from jaxvid.models.recurrent import LSTM
from jaxvid.runtime import files

# Carreira and Zisserman 2017, figure 3: channels in, and of 1x1x1, 3x3x3 reduced, 3x3x3, the
# second 3x3x3 reduced, the second 3x3x3, 1x1x1 after pooling; at T/2 and H/8, T/4 and H/16, ...
INCEPTION = {
    32 * 28 * 28: [(192, 64, 96, 128, 16, 32, 32), (256, 128, 128, 192, 32, 96, 64)],
    16 * 14 * 14: [
        (480, 192, 96, 208, 16, 48, 64),
        (512, 160, 112, 224, 24, 64, 64),
        (512, 128, 128, 256, 24, 64, 64),
        (512, 112, 144, 288, 32, 64, 64),
        (528, 256, 160, 320, 32, 128, 128),
    ],
    8 * 7 * 7: [(832, 256, 160, 320, 32, 128, 128), (832, 384, 192, 384, 48, 128, 128)],
}
I3D_STEM = 32 * 112 * 112 * 7**3 * 3 * 64
I3D_OTHERS = 32 * 56 * 56 * (64 * 64 + 27 * 64 * 192) + sum(
    positions * (c * (a + b1 + c1 + d) + 27 * (b1 * b3 + c1 * c3))
    for positions, modules in INCEPTION.items()
    for c, a, b1, b3, c1, c3, d in modules
)


def counted(function, *shapes):
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return flops.count_flops(jax.make_jaxpr(function)(*arrays).jaxpr)


def network(name, **model):
    config = config_files.load(name)
    config.model.update(model)
    return open_network(config, DATASETS[config.data.dataset])


@pytest.mark.parametrize(("strides", "places"), [((1, 1, 1), 8 * 15 * 14), ((2, 2, 2), 4 * 8 * 7)])
def test_a_convolution_counts_its_taps_at_each_place(strides, places):
    def convolve(x, kernel):
        return conv3d(x, kernel, strides, "native")

    shapes = (2, 8, 15, 14, 3), (3, 3, 3, 3, 5)
    forward = 2 * 2 * places * 27 * 3 * 5
    assert counted(convolve, *shapes) == forward
    # The gradients of the input and of the kernel take as many products as the convolution.
    both = jax.grad(lambda x, kernel: convolve(x, kernel).sum(), argnums=(0, 1))
    assert counted(both, *shapes) == 3 * forward


def test_groups_are_not_connected():
    def convolve(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (1,), "SAME", feature_group_count=4, dimension_numbers=("NTC", "TIO", "NTC")
        )

    forward = 2 * 2 * 10 * 3 * 2 * 12
    assert counted(convolve, (2, 10, 8), (3, 2, 12)) == forward
    both = jax.grad(lambda x, kernel: convolve(x, kernel).sum(), argnums=(0, 1))
    assert counted(both, (2, 10, 8), (3, 2, 12)) == 3 * forward


def test_a_product_without_padding_is_what_xla_counts():
    def product(x, kernel):
        return jnp.einsum("btc,cd->btd", x, kernel)

    shapes = (2, 7, 5), (5, 3)
    arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    expected = jax.jit(product).lower(*arrays).cost_analysis()["flops"]
    assert counted(product, *shapes) == expected == 2 * 2 * 7 * 5 * 3


def test_every_step_of_an_lstm_counts():
    batch, steps, width, hidden = 2, 7, 5, 4
    lstm = LSTM(hidden, num_layers=2)
    sequence = jax.ShapeDtypeStruct((batch, steps, width), jnp.float32)
    init = functools.partial(lstm.init, train=False)
    variables = jax.eval_shape(init, jax.random.key(0), sequence)
    program = jax.make_jaxpr(lambda v, s: lstm.apply(v, s, train=False))(variables, sequence)
    gates = 4 * hidden
    expected = 2 * batch * steps * gates * ((width + hidden) + (hidden + hidden))
    assert flops.count_flops(program.jaxpr) == expected


def test_the_dearest_branch_counts_and_an_endless_loop_is_refused():
    def either(x):
        return jax.lax.cond(x.sum() > 0, lambda x: x @ x @ x, lambda x: x @ x, x)

    assert counted(either, (3, 3)) == 2 * 2 * 27

    def endless(x):
        return jax.lax.while_loop(lambda x: x.sum() > 0, lambda x: x @ x, x)

    with pytest.raises(ValueError, match="while loop"):
        counted(endless, (3, 3))


def test_i3d_has_the_flops_of_its_table():
    i3d = network("i3d:kinetics")
    head = DATASETS["kinetics"] * 1024
    products = I3D_STEM + I3D_OTHERS
    assert flops.forward_flops(i3d) == 2 * (products + head)
    # Xie et al. 2018 print 107.9 G for 64 frames; how they count padding and pooling is not said.
    assert products == pytest.approx(107.9e9, rel=0.04)
    # The first layer has no gradient of its input, the others have two.
    assert flops.training_flops(i3d) == 2 * (2 * I3D_STEM + 3 * (I3D_OTHERS + head))


def test_c3d_has_the_flops_that_are_printed_of_it():  # 38.5 G of multiply-adds, Tran et al. 2017
    assert flops.forward_flops(network("c3d:ucf101")) == pytest.approx(2 * 38.5e9, rel=0.01)


@pytest.mark.usefixtures("stages")
def test_the_lowering_changes_nothing():
    counted = {
        flops.forward_flops(network("li3d:embedded", lowering=lowering))
        for lowering in ("native", "decomposed", "winograd")
    }
    assert len(counted) == 1


def test_the_known_numbers_of_classes_are_the_datasets():
    assert DATASETS["embedded"] == len(embedded.DEFAULT_CLASSES)
    assert DATASETS["hmdb51"] == hmdb51.CLASSES
    assert DATASETS["ntu60"] == len(ntu60.CLASSES)
    assert {name for name, classes in DATASETS.items() if classes is None} == {"folder", "csv"}


def run(*arguments):
    return command.main(["jaxvid", "--mode=count", *arguments])


def test_a_config_is_counted_without_its_dataset(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("--config=vgg16:ucf101") == 0
    shown = {line[:30].strip(): line[31:] for line in capsys.readouterr().out.splitlines()}
    assert shown["classes"] == "101 (ucf101)"
    assert shown["clip"] == "rgb 17x224x224x3"
    # VGG-16's published 138,357,544 without the 1000 outputs of FC8; ours reads 4096 features.
    bare = 138_357_544 - 4097 * 1000
    assert shown["parameters"] == f"{bare + 4097 * 101:,} (538.7 MB in float32)"
    assert shown["parameters without classifier"] == f"{bare:,} (537.0 MB in float32)"
    # 15.47 G of multiply-adds a frame of 224 x 224.
    assert shown["forward pass"] == "525.9 GFLOP a clip"
    assert not list(tmp_path.iterdir())


def test_the_number_of_classes_can_be_said(capsys):
    name = "--config=vgg16:folder,scale=small"
    assert run(name) == 2
    assert "dataset=folder: its number of classes is not known" in capsys.readouterr().err
    assert run(name, "--num_classes=7") == 0
    assert "7 (--num_classes)" in capsys.readouterr().out
    assert run(name, "--config.data.classes=('Fly','Swim')") == 0
    assert "2 (config.data.classes)" in capsys.readouterr().out
    assert run(name, "--num_classes=0") == 2


def test_a_workdir_knows_its_classes(capsys, tmp_path):
    config = config_files.load("vgg16:folder,scale=small")
    files.write_text(tmp_path / "config.json", config_files.to_json(config))
    files.write_json(tmp_path / "dataset.json", {"class_names": ["a", "b", "c"]})
    assert run(f"--workdir={tmp_path}") == 0
    assert f"3 (of the run in {tmp_path})" in capsys.readouterr().out


def test_sift_is_refused(capsys):
    assert run("--config=sift:embedded") == 2
    assert "model.system=sift: --mode=count counts networks" in capsys.readouterr().err
