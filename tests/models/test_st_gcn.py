import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.models.build import count_parameters
from jaxvid.models.st_gcn import PARTITIONS, STGCN, STGCNUnit, adjacency

# A chain 0-1-2 with a fork at 1.
EDGES = ((0, 1), (1, 2), (3, 1))

# A body of 18 joints with arms, legs and a head.
BODY = (
    *((0, 1), (1, 2), (2, 3), (2, 4), (4, 5), (5, 6), (2, 7), (7, 8), (8, 9)),
    *((0, 10), (10, 11), (11, 12), (12, 13), (0, 14), (14, 15), (15, 16), (16, 17)),
)


def draw(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def shapes(module, *clips):
    """Shapes of the features and of the variables, without computing either."""
    clips = jax.ShapeDtypeStruct(clips, jnp.float32)
    return jax.eval_shape(lambda x: module.init_with_output(jax.random.key(0), x, False), clips)


def batch_norm(params, stats, x):
    x = (x - stats["mean"]) / np.sqrt(stats["var"] + 1e-5)
    return x * params["scale"] + params["bias"]


def test_partition_of_a_small_graph():
    own, nearer, farther = adjacency(EDGES, centre=0)
    np.testing.assert_array_equal(own, np.eye(4))
    expected = np.zeros((4, 4))
    expected[1, 0] = expected[2, 1] = expected[3, 1] = 1
    np.testing.assert_array_equal(nearer, expected)
    expected = np.zeros((4, 4))
    expected[0, 1] = 1
    expected[1, 2] = expected[1, 3] = 0.5
    np.testing.assert_array_equal(farther, expected)


def test_neighbours_as_far_from_the_centre_share_the_own_subset():
    own, nearer, farther = adjacency(((0, 1), (0, 2), (1, 2)), centre=0)
    np.testing.assert_array_equal(own, [[1, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]])
    np.testing.assert_array_equal(nearer, [[0, 0, 0], [1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(farther, [[0, 0.5, 0.5], [0, 0, 0], [0, 0, 0]])


def test_joint_without_edges_to_the_centre_raises():
    with pytest.raises(ValueError, match=r"no edges connect the joints \[2, 3\] with the centre 0"):
        adjacency(((0, 1), (2, 3)), centre=0)


def written_out(variables, x, graph, stride):
    """A unit by its equations, one clip, step and joint at a time."""
    params, stats = (
        jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables[name])
        for name in ("params", "batch_stats")
    )
    batch, steps, joints, channels = x.shape
    if "alpha" in params:
        kernels = np.stack([params["spatial"]["kernel"]] * len(graph), axis=1)
        learned = params["alpha"][:, None, None]
    else:
        kernels = params["spatial"]["kernel"].reshape(channels, len(graph), -1)
        learned = params["edges"]
    weights, features = learned * graph, kernels.shape[-1]

    spatial = np.zeros((batch, steps, joints, features))
    for b, t, i in np.ndindex(batch, steps, joints):
        for k, j in np.ndindex(len(graph), joints):
            spatial[b, t, i] += weights[k, i, j] * (x[b, t, j] @ kernels[:, k])
    spatial = np.maximum(batch_norm(params["spatial_norm"], stats["spatial_norm"], spatial), 0)

    # The middles of the windows: with an even number of steps SAME padding centres on odd ones.
    middles = range(stride - 1 if steps % 2 == 0 else 0, steps, stride)
    temporal = np.zeros((batch, len(middles), joints, features))
    taps = params["temporal"]["kernel"][:, 0, 0]
    for n, middle in enumerate(middles):
        for k in range(9):
            if 0 <= middle + k - 4 < steps:
                temporal[:, n] += spatial[:, middle + k - 4] @ taps[k]
    y = batch_norm(params["temporal_norm"], stats["temporal_norm"], temporal)

    if "shortcut" in params:
        x = x[:, list(middles)] @ params["shortcut"]["kernel"]
        x = batch_norm(params["shortcut_norm"], stats["shortcut_norm"], x)
    return np.maximum(x + y, 0)


@pytest.mark.parametrize(
    "partition, expected",
    [
        ("uniform", [[[3, 3, 0, 0], [1.5] * 4, [0, 3, 3, 0], [0, 3, 0, 3]]]),
        ("distance", [6 * np.eye(4), [[0, 6, 0, 0], [2, 0, 2, 2], [0, 6, 0, 0], [0, 6, 0, 0]]]),
    ],
)
def test_partitions_by_distance_and_in_one_part(partition, expected):
    np.testing.assert_allclose(6 * adjacency(EDGES, 0, partition), expected)


def test_powers_are_the_shares_of_walks_of_so_many_steps():
    parts = adjacency(EDGES, 0, "powers", powers=3)
    # From an outer joint the walk goes to joint 1, and from there to each of the three.
    outer = np.array([1, 0, 1, 1])
    step = np.outer(outer, [0, 1, 0, 0]) + np.outer(1 - outer, outer / 3)
    twice = np.outer(outer, outer / 3) + np.outer(1 - outer, [0, 1, 0, 0])
    np.testing.assert_allclose(parts, [np.eye(4), step, twice, step], rtol=1e-6)
    assert len(adjacency(EDGES, 0, "powers")) == 3


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize(
    "steps, channels, stride", [(1, 8, 1), (6, 8, 2), (6, 3, 1), (11, 3, 1), (11, 8, 2)]
)
def test_unit_equals_the_written_out_equations(steps, channels, stride, partition, initialise):
    x, graph = draw(2, steps, 4, channels), adjacency(EDGES, 0, partition)
    unit = STGCNUnit(8, stride, 0.5, 0.9, "auto", jnp.float32, powers=partition == "powers")
    variables = initialise(unit, x, graph, False)
    assert ("shortcut" in variables["params"]) == (channels != 8 or stride != 1)
    assert ("alpha" in variables["params"]) == (partition == "powers")
    variables = jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf + (path[-1].key in ("scale", "edges", "alpha")), variables
    )
    y = jax.jit(lambda v, x: unit.apply(v, x, graph, False))(variables, x)
    np.testing.assert_allclose(y, written_out(variables, x, graph, stride), atol=2e-5)


def test_edges_start_at_one_and_learn_where_joints_are_connected():
    x, graph = draw(1, 3, 4, 3), adjacency(EDGES, centre=0)
    unit = STGCNUnit(8, 1, 0.0, 0.9, "auto", jnp.float32)
    variables = jax.jit(lambda key: unit.init(key, x, graph, False))(jax.random.key(0))
    np.testing.assert_array_equal(variables["params"]["edges"], np.ones((3, 4, 4)))

    def loss(params):
        return jnp.sum(unit.apply({**variables, "params": params}, x, graph, False) ** 3)

    gradient = jax.jit(jax.grad(loss))(variables["params"])["edges"]
    np.testing.assert_array_equal(gradient != 0, graph != 0)


def test_published_size():
    features, variables = shapes(STGCN(BODY), 2, 64, 2, 18, 3)
    assert count_parameters(variables["params"]) == 3_018_264
    assert features.shape == (2, 16, 256) and features.dtype == jnp.float32
    assert len([name for name in variables["params"] if name.startswith("unit")]) == 9


@pytest.mark.parametrize("stride", [4, 2, 1])
@pytest.mark.parametrize("frames", [1, 8, 9, 15])
def test_sequence_length_is_the_number_of_steps(stride, frames):
    module = STGCN(EDGES, width=0.1, layers_per_stage=1, temporal_stride=stride)
    features, _ = shapes(module, 1, frames, 2, 4, 2)
    assert features.shape[1:] == (module.sequence_length(frames), 24)


def test_people_count_the_same_and_are_averaged(initialise):
    module, clips = STGCN(EDGES, width=0.1, layers_per_stage=1), draw(2, 8, 2, 4, 2)
    variables = initialise(module, clips, False)
    apply = jax.jit(module.apply, static_argnums=2)
    features = apply(variables, clips, False)
    np.testing.assert_allclose(apply(variables, clips[:, :, ::-1], False), features, atol=1e-6)
    alone = [apply(variables, clips[:, :, m : m + 1], False) for m in (0, 1)]
    assert np.ptp(features) > 0
    np.testing.assert_allclose(features, np.mean(alone, axis=0), atol=1e-6)


def test_input_is_normalised_per_joint_and_coordinate(initialise):
    module, clips = STGCN(EDGES, width=0.1, layers_per_stage=1, dropout=0.0), draw(4, 8, 2, 4, 2)
    variables = initialise(module, clips, False)
    moved = clips * np.arange(1, 9).reshape(4, 2) + 100 * np.arange(4)[:, None]

    @jax.jit
    def train(clips):
        features, updates = module.apply(variables, clips, True, mutable=["batch_stats"])
        return features, updates["batch_stats"]["norm"]["mean"]

    (features, _), (after, mean) = train(clips), train(moved)
    np.testing.assert_allclose(after, features, atol=1e-3)
    expected = 0.01 * moved.mean((0, 1, 2)).reshape(-1)
    expected += 0.99 * variables["batch_stats"]["norm"]["mean"]
    np.testing.assert_allclose(mean, expected, rtol=1e-4)


def test_gradients_reach_every_parameter_and_dropout_is_random(initialise):
    module, clips = STGCN(EDGES, width=0.1, layers_per_stage=1), draw(2, 8, 1, 4, 2)
    variables = initialise(module, clips, False)

    @jax.jit
    def gradients_and_features(params, key):
        def loss(params):
            features, _ = module.apply(
                {**variables, "params": params},
                clips,
                True,
                rngs={"dropout": key},
                mutable=["batch_stats"],
            )
            return jnp.sum(features**3), features

        return jax.grad(loss, has_aux=True)(params)

    gradients, features = gradients_and_features(variables["params"], jax.random.key(0))
    for gradient in jax.tree.leaves(gradients):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
    _, others = gradients_and_features(variables["params"], jax.random.key(1))
    assert not np.allclose(features, others)


def test_half_precision_gives_float32_features(initialise):
    clips = draw(1, 8, 1, 4, 2)
    fields = {"edges": EDGES, "width": 0.1, "layers_per_stage": 1}
    variables = initialise(STGCN(**fields), clips, False)
    exact, features = (
        jax.jit(STGCN(**fields, dtype=dtype).apply, static_argnums=2)(variables, clips, False)
        for dtype in (jnp.float32, jnp.bfloat16)
    )
    assert features.dtype == jnp.float32
    np.testing.assert_allclose(features, exact, atol=0.05 * np.abs(exact).max())


def test_other_number_of_joints_raises():
    with pytest.raises(ValueError, match="5 joints, but the edges connect 4"):
        shapes(STGCN(EDGES), 1, 4, 1, 5, 2)


@pytest.mark.parametrize(
    "field, known",
    [("temporal_stride", "4, 2, 1"), ("lowering", "auto"), ("partition", "spatial, distance")],
)
def test_unknown_choice_raises_and_names_the_known_ones(field, known):
    with pytest.raises(ValueError, match=f"unknown {field} 'x': one of {known}"):
        STGCN(EDGES, **{field: "x"})
