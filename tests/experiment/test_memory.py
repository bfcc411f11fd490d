"""How many clips go through a network at once."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.data import records
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.experiment import memory
from jaxvid.experiment.batched import Inference
from jaxvid.experiment.memory import HOST_BUDGET, Room
from jaxvid.experiment.network import Network, open_network
from jaxvid.inference import predict
from jaxvid.runtime import devices

pytestmark = pytest.mark.usefixtures("shallow")

GIB = 2**30


@pytest.mark.parametrize(
    ("asked", "devices", "most", "clips"),
    [
        (0, 1, 0, 32),
        (0, 8, 0, 4),
        (0, 6, 0, 4),  # 24 clips: equal shares, in a power of two
        (0, 64, 0, 1),  # one each, however many there are
        (0, 1, 3, 4),
        (0, 2, 3, 2),
        (0, 1, 100, 32),
        (12, 2, 0, 6),
        (12, 2, 100, 6),
        (32, 1, 1, 1),  # one clip needs no more than itself
    ],
)
def test_the_batch_that_is_wanted(asked, devices, most, clips):
    assert memory.wanted(asked, devices, most) == clips


def test_a_machine_is_shared_by_devices_processes_and_parts():
    [room] = memory.rooms(16 * GIB, None, sharing=1, parts=1, local=1, ahead=6)
    assert (room.free, room.usual) == (16 * GIB, HOST_BUDGET)
    [room] = memory.rooms(6 * GIB, None, sharing=1, parts=1, local=1, ahead=6)
    assert (room.free, room.usual) == (6 * GIB, 3 * GIB)
    [room] = memory.rooms(16 * GIB, None, sharing=2, parts=2, local=2, ahead=6)
    assert (room.free, room.usual) == (4 * GIB, GIB)
    card, host = memory.rooms(16 * GIB, 80 * GIB, sharing=1, parts=1, local=1, ahead=6)
    assert (card.free, card.usual) == (80 * GIB, 72 * GIB)
    assert (host.free, host.usual) == (16 * GIB, HOST_BUDGET)
    assert card.need(planned=100, clip=10) == 120
    assert host.need(planned=100, clip=10) == 60


def test_a_clip_takes_its_plan_and_its_copies():
    assert Room(1000, 500, plans=1.5, batches=4).need(planned=100, clip=10) == 190


def test_the_message_says_what_fits():
    need = GIB // 2
    assert memory.refusal(32, 32, 18, 1, need, 9 * GIB, 1) == (
        "config.eval.batch_size=32: 32 clips need 16 GiB, and 9 GiB are free: 18 is the largest "
        "batch that fits; 0 takes as many as fit"
    )
    views = memory.refusal(0, 4, 0, 2, 9 * GIB, 8 * GIB, 10)
    assert views == (
        "config.eval.batch_size=0: 1 clip of 10 views on each of 2 devices need 9 GiB, and 8 GiB "
        "are free: none fits; take a smaller config.eval.views"
    )


def test_the_bound_adds_what_every_step_computes():
    def program(x):
        return jax.jit(lambda x: x * 2)(x) + 1

    jaxpr = jax.make_jaxpr(program)(jnp.zeros(8)).jaxpr
    assert memory.bound(jaxpr) == 3 * 8 * 4  # the product, as the inner result too, and the sum


@pytest.fixture
def inference(tiny, saved, tmp_path, monkeypatch) -> Inference:
    """The network of a workdir on one device, under `eval.batch_size=0`."""
    saved(experiments.open_experiment(tiny), tmp_path / "run")
    monkeypatch.setattr(jax, "devices", lambda: jax.local_devices()[:1])
    tiny.eval.batch_size = 0
    return Inference(tiny, tmp_path / "run", wanted=("logits",))


def test_less_memory_makes_smaller_batches_with_the_same_outputs(inference, monkeypatch):
    clips = np.random.default_rng(0).integers(0, 256, (6, 1, 8, 32, 32, 3), np.uint8)

    def logits(size):
        return np.stack([found["logits"] for _, found in inference(enumerate(clips), size)])

    sizes = []
    for host in (8 * GIB, 2**27, 2**25, 2**24, 2**23, 2**22, 2**21):
        monkeypatch.setattr(memory.memory, "of_host", lambda host=host: host)
        sizes.append(inference.batch_size())
        if sizes[-1] == 1:
            break
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 32 and {1, 2, 4, 8, 16, 32}.issuperset(sizes) and min(sizes) < 6
    expected = logits(32)
    for size in {1, 4, min(sizes)}:
        np.testing.assert_allclose(logits(size), expected, rtol=1e-5, atol=1e-5)


def test_what_cannot_fit_is_refused_before_a_video_is_read(inference, monkeypatch):
    monkeypatch.setattr(memory.memory, "of_host", lambda: 2**23)
    monkeypatch.setattr(records, "decode", lambda *_: pytest.fail("a video was read"))
    inference.config.eval.batch_size = 640
    with pytest.raises(UserError, match=r"^config.eval.batch_size=640: 640 clips need .* GiB, and"):
        predict.label(inference, [f"{n}.avi" for n in range(1000)])


def test_one_clip_that_does_not_fit_is_refused(inference, monkeypatch):
    monkeypatch.setattr(memory.memory, "of_host", lambda: 1000)
    with pytest.raises(UserError, match=r"batch_size=0: 1 clip need.*: none fits; use a machine"):
        inference.batch_size()


@pytest.mark.parametrize("error", [jax.errors.JaxRuntimeError, MemoryError])
def test_exhausted_memory_names_the_field(tiny, error):
    raised = error("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes")
    message = "config.eval.batch_size=8: memory ran out; take a smaller one$"
    with pytest.raises(UserError, match=message), memory.naming(tiny, "eval.batch_size"):
        raise raised
    message = "config.train.batch_size=8: memory ran out; .*larger config.train.accumulate$"
    with pytest.raises(UserError, match=message), memory.naming(tiny, "train.batch_size"):
        raise raised


def test_other_errors_of_a_device_stay(tiny):
    error = jax.errors.JaxRuntimeError("INTERNAL: a bug")
    with (
        pytest.raises(jax.errors.JaxRuntimeError, match="a bug"),
        memory.naming(tiny, "eval.batch_size"),
    ):
        raise error


def test_parts_that_fit_divide_the_batch(tiny):
    fits = partial(memory.parts_that_fit, tiny.train, 1)
    assert fits(need=1100, free=600, fixed=100) == 2
    assert fits(need=1100, free=599, fixed=100) == 4
    assert fits(need=1100, free=150, fixed=100) == 0
    tiny.train.accumulate = 2
    assert fits(need=1100, free=600, fixed=100) == 4
    assert memory.parts_that_fit(tiny.train, 8, 1100, 600, 100) == 0  # one clip each


def test_a_step_that_cannot_fit_is_refused(tiny, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda: jax.local_devices()[:1])
    network: Network = open_network(tiny, 2)
    step = devices.jit(lambda x: jnp.outer(x, x))  # its result has 4 MiB
    memory.check_step(network, step, jnp.zeros(1024))
    monkeypatch.setattr(memory.memory, "of_host", lambda: 2**21)
    message = r"config.train.batch_size=8: a step needs 0.0039 GiB .* config.train.accumulate=\d"
    with pytest.raises(UserError, match=message):
        memory.check_step(network, step, jnp.zeros(1024))
