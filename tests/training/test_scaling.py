"""What tests/benchmarks say of the collectives of a training step, and their model of clusters."""

import argparse

import collectives
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scaling_model
from jax.sharding import Mesh, PartitionSpec

from jaxvid import models

CLASSES = 3


@pytest.fixture
def mesh():
    return Mesh(np.array(jax.devices()), ("data",))


def compiled(config, per_device):
    lowered, state = collectives.lower(config, CLASSES, per_device)
    return collectives.read(lowered.compile().as_text()), state


def test_only_gradients_and_statistics_move_whatever_the_clips(tiny, shallow):
    tiny.model.update(encoder="none", lowering="native")
    found, state = compiled(tiny, 1)
    norms = collectives.norms(state.variables)
    totals = collectives.totals(found, norms)
    assert {collective.kind for collective in found} == {"all-reduce"}
    # Mean and mean of squares forward; backward the sums of the gradient and of it by the value.
    channels = sum(leaf.size for leaf in jax.tree.leaves(state.batch_stats))
    for way in ("batch norm forward", "batch norm backward"):
        assert totals[way]["arrays"] == 2 * len(norms) > 0
        assert totals[way]["bytes"] == 4 * channels
    # The one half of the latter is the gradient of the offsets.
    parameters = models.count_parameters(state.params)
    assert totals["gradients"]["bytes"] + 2 * channels == 4 * parameters
    assert sum(collectives.sizes(found, norms, "gradients")) == totals["gradients"]["bytes"]
    assert totals["rest"]["bytes"] == 8  # loss and accuracy

    tiny.data.update(num_frames=12, image_size=48)
    larger, _ = compiled(tiny, 3)
    assert larger == found


def test_a_collective_in_a_loop_counts_as_often_as_the_loop_runs(mesh):
    def summed(x):
        def step(total, row):
            return total + jax.lax.psum(row * total, "data"), None

        return jax.lax.scan(step, jnp.zeros(3), x)[0] + jax.lax.psum(x[0], "data")

    def once(x):
        return jax.lax.while_loop(lambda x: x.sum() < 9, lambda x: jax.lax.psum(x, "data"), x)

    def program(function, *shape):
        everywhere = PartitionSpec()
        divided = jax.shard_map(
            function, mesh=mesh, in_specs=everywhere, out_specs=everywhere, check_vma=False
        )
        return jax.jit(divided).lower(jnp.ones(shape)).compile().as_text()

    found = collectives.read(program(summed, 5, 3))
    assert sorted((c.times, [a.nbytes for a in c.arrays]) for c in found) == [(1, [12]), (5, [12])]
    with pytest.raises(ValueError, match="all-reduce in a loop whose length is not known"):
        collectives.read(program(once, 3))


def arrays(*shapes, name=""):
    return tuple(collectives.Array("f32", shape, name) for shape in shapes)


def test_collectives_are_run_alone_as_they_were_found(mesh):
    found = [
        collectives.Collective("all-reduce", arrays((4, 3), (2,)), times=3),
        collectives.Collective("all-reduce", arrays((4, 3)), times=1),
    ]
    collectives.alone(found, mesh)()  # which checks what XLA made of them
    collectives.alone(found, mesh, silent=True)()
    other = [collectives.Collective("all-gather", arrays((4, 3)), times=1)]
    with pytest.raises(ValueError, match="not all-gather"):
        collectives.alone(other, mesh)


def test_a_collective_of_several_is_told_apart_by_name():
    line = (
        "ENTRY %main (p: f32[3]) -> f32[3] {\n"
        "  %a = (f32[3]{0}, f32[3]{0}, f32[2,3]{1,0}, /*index=3*/f32[]) all-reduce(%p, %p), "
        'metadata={op_name="jit(step)/(transpose(jvp(R))/(b/norm/sum:b/checkpoint/'
        'rematted_computation/norm/sum:c/dot):jvp()/sum)"}\n}\n'
    )
    [found] = collectives.read(line)
    assert [array.name for array in found.arrays][2:] == [
        "jit(step)/transpose(jvp(R))/c/dot",
        "jit(step)/jvp()/sum",
    ]
    purposes = [collectives.purpose(array, {"b/norm"}) for array in found.arrays]
    assert purposes == ["batch norm backward", "batch norm forward", "gradients", "rest"]


def test_rings_and_trees():
    ring, tree = scaling_model.ring, scaling_model.tree
    assert ring(10**9, 1, 1e9, 1.0) == tree(10**9, 1, 1e9, 1.0) == 0
    assert ring(10**9, 4, 1e9, 0.0) == 1.5
    assert ring(0, 4, 1e9, 1.0) == 6
    assert tree(10**9, 512, 1e9, 1.0) == 2 + 18
    assert scaling_model.together((10**9, 0), 4, 1e9, 1e-3) == 1.5 + 6e-3 + 4e-3


def test_the_model_names_what_limits():
    arguments = argparse.Namespace(
        **{"gpus_per_machine": 4, "inside": 100.0, "latency_inside": 0.0, "between": 1.0},
        **{"latency_between": 1000.0, "clips": 2, "rate": 20.0, "overlap": False, "record": 10**6},
        **{"decoding": 10.0, "videos": 800, "cores": 8, "storage": 1.0, "disk": 1.0},
    )
    step = scaling_model.Step(1, 1, 10**6, 10**9, gradients=(10**9,), norms=(0,) * 10)
    inside = scaling_model.model(arguments, step, 4)
    assert inside["gradients, ms"] == "15.00"
    assert inside["share of the step that is computing"] == "87%"
    assert inside["decoding limits from, clips/s a GPU"] == "20"
    assert inside["shared storage limits from, clips/s a GPU"] == "250"
    assert inside["a checkpoint, s"] == "1.00"
    across = scaling_model.model(arguments, step, 8)
    assert across["gradients, ms"] == "1764"  # 1.75 s at 1 GB/s, and 14 ms of latency
    assert across["batch norm in rings, ms"] == "140"
    assert across["batch norm, ms"] == "60.00"
    arguments.overlap = True
    assert scaling_model.model(arguments, step, 4)["share of the step that is computing"] == "100%"
