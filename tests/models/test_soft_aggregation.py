from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid import models
from jaxvid.config.names import NORMS
from jaxvid.models.soft_aggregation import ENCODINGS, SoftBoF, SoftConcat, SoftFV, SoftVLAD
from jaxvid.training.cluster_init import initialize_from_features

BATCH, STEPS, WIDTH, CLUSTERS, FEATURES = 3, 5, 6, 4, 7
POOLINGS = [SoftBoF, SoftFV, SoftVLAD, SoftConcat]


def draw(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def pool(pooling, variables, sequence):
    return jax.device_get(jax.jit(pooling.apply)(variables, sequence))


def start(pooling, sequence, initialise):
    return initialise(pooling, sequence)


def unit(vector):
    return vector / np.linalg.norm(vector)


def equation_2(params, x):
    scores = np.array([x @ w + b for w, b in zip(params["weights"], params["biases"], strict=True)])
    return np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()


def normed(rows, norm):
    """Rows of numbers as one vector: each of length one, then all; all only; or as they are."""
    if norm == "usual":
        rows = [unit(row) if row.any() else row for row in rows]
    code = np.concatenate(rows)
    return code if norm == "none" else unit(code)


def bof(params, steps, assign, norm="usual"):
    counts = np.zeros(CLUSTERS)
    for x in steps:
        counts += assign(params, x)
    return counts if norm == "none" else unit(counts)


def vlad(params, steps, assign, norm="usual"):
    residuals = np.zeros((CLUSTERS, WIDTH))
    for x in steps:
        a = assign(params, x)
        for k in range(CLUSTERS):
            residuals[k] += a[k] * (x - params["centres"][k])
    return normed(residuals, norm)


def fv(params, steps, assign, norm="usual"):
    first, second = np.zeros((2, CLUSTERS, WIDTH))
    scales = np.exp(params["log_scales"])
    for x in steps:
        a = assign(params, x)
        for k in range(CLUSTERS):
            first[k] += a[k] * (x - params["centres"][k]) / scales[k]
            second[k] += a[k] * ((x - params["centres"][k]) ** 2 / scales[k] ** 2 - 1)
    return normed([*first, *second], norm)


def written_out(code, params, sequence, assign=equation_2, norm="usual"):
    """An encoding by its formulas, one clip, one step and one cluster at a time."""
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    codes = np.array([code(params, steps, assign, norm) for steps in sequence.astype(np.float64)])
    return codes @ params["projection"]["kernel"] + params["projection"]["bias"]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("encoding, code", [(SoftBoF, bof), (SoftFV, fv), (SoftVLAD, vlad)])
def test_encoding_equals_the_written_out_formulas(encoding, code, norm, initialise):
    sequence = draw(BATCH, STEPS, WIDTH)
    pooling = encoding(CLUSTERS, FEATURES, norm=norm)
    variables = start(pooling, sequence, initialise)
    embedding = pool(pooling, variables, sequence)
    assert embedding.shape == (BATCH, FEATURES)
    expected = written_out(code, variables["params"], sequence, norm=norm)
    np.testing.assert_allclose(embedding, expected, rtol=1e-4, atol=2e-4)


def test_concat_hands_its_norm_on_and_others_are_refused(initialise):
    sequence = draw(BATCH, STEPS, WIDTH)
    concat = SoftConcat(CLUSTERS, FEATURES, ("vlad",), norm="whole")
    variables = start(concat, sequence, initialise)
    expected = written_out(vlad, variables["params"]["vlad"], sequence, norm="whole")
    np.testing.assert_allclose(pool(concat, variables, sequence), expected, atol=2e-4)
    with pytest.raises(ValueError, match="unknown norm 'l1': one of usual, whole, none"):
        SoftVLAD(CLUSTERS, FEATURES, norm="l1")


@pytest.mark.parametrize("encoding, code", [(SoftBoF, bof), (SoftVLAD, vlad)])
def test_assignment_becomes_hard_as_alpha_grows(encoding, code, initialise):
    sequence, alpha = draw(BATCH, STEPS, WIDTH), 1e4
    centres = draw(CLUSTERS + 1, WIDTH)[1:]
    pooling = encoding(CLUSTERS, FEATURES, alpha=alpha)
    params = dict(start(pooling, sequence, initialise)["params"])
    params |= {"weights": 2 * alpha * centres, "biases": -alpha * (centres**2).sum(axis=1)}
    if "centres" in params:
        params["centres"] = centres

    def nearest(_, x):
        return np.eye(CLUSTERS)[np.argmin(((x - centres) ** 2).sum(axis=1))]

    embedding = pool(pooling, {"params": params}, sequence)
    expected = written_out(code, params, sequence, nearest)
    np.testing.assert_allclose(embedding, expected, atol=2e-4)


@pytest.mark.parametrize("alpha", [0.3, 1.0])
@pytest.mark.parametrize("encoding", [SoftFV, SoftVLAD])
def test_starts_where_equation_2_equals_equation_1(encoding, alpha):
    sequence = draw(BATCH, STEPS, WIDTH)
    pooling = encoding(CLUSTERS, FEATURES, alpha=alpha)
    params = jax.device_get(jax.jit(pooling.init)(jax.random.key(0), sequence))["params"]
    for x in sequence.reshape(-1, WIDTH):
        weights = np.exp(-alpha * ((x - params["centres"]) ** 2).sum(axis=1))
        np.testing.assert_allclose(equation_2(params, x), weights / weights.sum(), rtol=1e-5)
    if encoding is SoftFV:
        np.testing.assert_allclose(np.exp(2 * params["log_scales"]), 1 / (2 * alpha), rtol=1e-6)


def test_clips_of_a_batch_do_not_mix(initialise):
    sequence = draw(BATCH, STEPS, WIDTH)
    pooling = SoftConcat(CLUSTERS, FEATURES)
    variables = start(pooling, sequence, initialise)
    together = pool(pooling, variables, sequence)
    alone = [pool(pooling, variables, clip[None])[0] for clip in sequence]
    np.testing.assert_allclose(together, alone, atol=1e-6)

    encoded = np.stack(
        [
            pool(encoding(CLUSTERS, FEATURES), {"params": variables["params"][name]}, sequence)
            for name, encoding in ENCODINGS.items()
        ]
    )
    np.testing.assert_allclose(together, encoded.mean(axis=0), atol=1e-6)
    reshaped = encoded.reshape(-1, FEATURES).reshape(BATCH, len(ENCODINGS), FEATURES)
    assert np.abs(reshaped.mean(axis=1) - together).max() > 0.01


@pytest.mark.parametrize("methods", [("vlad",), ("fv", "bof")])
def test_concat_takes_the_methods_it_is_given(methods, initialise):
    sequence = draw(BATCH, STEPS, WIDTH)
    variables = start(SoftConcat(CLUSTERS, FEATURES, methods), sequence, initialise)
    assert set(variables["params"]) == set(methods)


@pytest.mark.parametrize("methods", [(), ("bof", "bof"), ("bow",)])
def test_concat_rejects_other_methods(methods, initialise):
    with pytest.raises(ValueError, match="methods"):
        start(SoftConcat(CLUSTERS, FEATURES, methods), draw(BATCH, STEPS, WIDTH), initialise)


@pytest.mark.parametrize("at_centre", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_are_finite_on_zero_input(pooling, at_centre, initialise):
    pooling = pooling(CLUSTERS, FEATURES)
    sequence = np.zeros((BATCH, STEPS, WIDTH), np.float32)
    variables = start(pooling, sequence, initialise)
    if at_centre:
        variables = jax.tree.map(lambda leaf: leaf if leaf.ndim == 1 else 0 * leaf, variables)

    def loss(variables, sequence):
        return pooling.apply(variables, sequence).sum()

    gradients = jax.jit(jax.grad(loss, argnums=(0, 1)))(variables, sequence)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_only_the_projection_runs_in_half_precision(pooling, initialise):
    sequence = draw(BATCH, STEPS, WIDTH)
    variables = start(pooling(CLUSTERS, FEATURES), sequence, initialise)
    half = pool(pooling(CLUSTERS, FEATURES, dtype=jnp.bfloat16), variables, sequence)
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(
        half, pool(pooling(CLUSTERS, FEATURES), variables, sequence), atol=0.05
    )


@pytest.mark.parametrize("clusters", [64, 128])
def test_parameters_at_paper_scale(clusters):
    width, features = 128, 64
    sequence = jax.ShapeDtypeStruct((2, 7, width), jnp.float32)
    pooling = SoftConcat(clusters, features)
    params = jax.eval_shape(partial(pooling.init, jax.random.key(0)), sequence)["params"]
    assignments = 3 * (width + 1) * clusters
    centres_and_scales = 3 * width * clusters
    projections = (1 + width + 2 * width) * clusters * features + 3 * features
    expected = assignments + centres_and_scales + projections
    assert models.count_parameters(params) == expected
    assert expected == {64: 1_626_496, 128: 3_252_800}[clusters]


def blobs():
    """Features around `CLUSTERS` far centres, with a spread of its own around each."""
    random = np.random.default_rng(2)
    centres = 10 * np.eye(CLUSTERS, WIDTH)
    scales = np.array([0.3, 0.5, 0.8, 1.2])
    noise = random.standard_normal((500, CLUSTERS, WIDTH)) * scales[:, None]
    return centres, scales, (centres + noise).reshape(-1, WIDTH).astype(np.float32)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_fit_recovers_blobs(pooling, initialise):
    centres, scales, features = blobs()
    params = start(pooling(CLUSTERS, FEATURES), features[None], initialise)["params"]
    fitted = initialize_from_features(params, features, seed=0, alpha=0.5)
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), params)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), fitted) == shapes
    before = params if pooling is SoftConcat else {"only": params}
    after = fitted if pooling is SoftConcat else {"only": fitted}
    for name, tree in after.items():
        assert tree["projection"] is before[name]["projection"]
        order = np.argmax(tree["weights"], axis=1)
        np.testing.assert_allclose(tree["weights"], centres[order], atol=0.2)
        norms = (tree["weights"] ** 2).sum(axis=1)
        np.testing.assert_allclose(tree["biases"], -0.5 * norms, rtol=1e-5)
        if "centres" in tree:
            np.testing.assert_array_equal(tree["centres"], tree["weights"])
        if "log_scales" in tree:
            expected = np.repeat(scales[order, None], WIDTH, axis=1)
            np.testing.assert_allclose(np.exp(tree["log_scales"]), expected, rtol=0.15)


def test_fit_is_deterministic_and_gives_finite_scales_to_lone_features(initialise):
    features = draw(CLUSTERS, WIDTH)
    params = start(SoftConcat(CLUSTERS, FEATURES), features[None], initialise)["params"]
    once = initialize_from_features(params, features, seed=3)
    again = initialize_from_features(params, features, seed=3)
    jax.tree.map(np.testing.assert_array_equal, once, again)
    assert np.isfinite(once["fv"]["log_scales"]).all()


@pytest.mark.parametrize(
    "features, message",
    [
        (np.ones((50, WIDTH)), "1 different features are too few for 4 clusters"),
        (draw(CLUSTERS - 1, WIDTH), "3 different features"),
        (draw(50, WIDTH + 1), "7 wide"),
        (draw(5, 10, WIDTH), "shape"),
        (np.full((50, WIDTH), np.nan), "finite"),
    ],
)
def test_fit_rejects_unusable_features(features, message, initialise):
    sequence = draw(BATCH, STEPS, WIDTH)
    params = start(SoftConcat(CLUSTERS, FEATURES), sequence, initialise)["params"]
    with pytest.raises(ValueError, match=message):
        initialize_from_features(params, features, seed=0)


def test_fit_rejects_other_parameters():
    with pytest.raises(ValueError, match="not those of a soft aggregation"):
        initialize_from_features({"backbone": {}}, draw(50, WIDTH), seed=0)
