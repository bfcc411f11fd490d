import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxvid.models.layers.batch_norm import BatchNormReLU, channel_sum, normalise

EPSILON = 1e-3
# The second has prime numbers of steps, rows and columns, the third one place per clip.
SHAPES = [(2, 4, 6, 8, 16), (3, 5, 7, 11, 6), (5, 1, 1, 1, 3), (1, 1, 37, 1, 8)]


def draw(seed, shape, dtype=np.float32):
    """Numbers whose channels have means and deviations of their own."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-2, 2, shape[-1])
    return (rng.standard_normal(shape) * rng.uniform(0.5, 2, shape[-1]) + places).astype(dtype)


def formula(x, bias):
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axes), x.var(axes)
    return (x - mean) / (var + EPSILON) ** 0.5 + bias, mean, var


class Reference(nn.Module):
    """The same by Flax's own batch norm."""

    @nn.compact
    def __call__(self, x, use_running_average):
        norm = nn.BatchNorm(momentum=0.75, epsilon=EPSILON, use_scale=False, name="norm")
        return nn.relu(norm(x, use_running_average))


def reference_variables(variables):
    return {collection: {"norm": tree} for collection, tree in variables.items()}


def trained(module, variables, x, weights):
    """Output, new statistics and the gradients by the parameters and by x."""

    def loss(params, x):
        y, updates = module.apply(variables | {"params": params}, x, False, mutable=["batch_stats"])
        return jnp.sum(y * weights), (y, updates["batch_stats"])

    gradients, (y, stats) = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(
        variables["params"], x
    )
    return y, stats, gradients


@pytest.fixture
def variables():
    return {
        "params": {"bias": draw(1, (6,))},
        "batch_stats": {"mean": draw(2, (6,)), "var": np.abs(draw(3, (6,))) + 0.1},
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_statistics_are_the_formulas(shape):
    x, bias = draw(0, shape), draw(1, shape[-1:])
    y, mean, var = jax.jit(normalise, static_argnums=2)(x, bias, EPSILON)
    normal, expected_mean, expected_var = formula(x.astype(np.float64), bias)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-6)
    np.testing.assert_allclose(var, expected_var, rtol=1e-5)
    np.testing.assert_allclose(y, np.maximum(normal, 0), atol=1e-5)
    assert 0.1 < (np.asarray(y) == 0).mean() < 0.9


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_those_of_the_plain_formula(shape):
    with jax.enable_x64(True):
        x, bias = draw(0, shape, np.float64), 0.3 * draw(1, shape[-1:], np.float64)
        weights = draw(2, shape, np.float64)

        def gradients(function):
            return jax.jit(jax.grad(lambda *args: jnp.sum(function(*args) * weights), (0, 1)))(
                x, bias
            )

        actual = gradients(lambda x, bias: normalise(x, bias, EPSILON)[0])
        expected = gradients(lambda x, bias: jnp.maximum(formula(x, bias)[0], 0))
        for a, e in zip(actual, expected, strict=True):
            assert a.dtype == jnp.float64 and np.abs(e).max() > 0.1
            np.testing.assert_allclose(a, e, rtol=0, atol=1e-9)


def test_no_gradient_comes_through_a_unit_that_is_switched_off():
    x = draw(0, (2, 3, 4, 5, 6))
    gradients = jax.jit(jax.grad(lambda x, b: normalise(x, b, EPSILON)[0].sum(), (0, 1)))
    bias = np.array([-100, 100, -100, 0, 0, 0], np.float32)
    of_x, of_bias = jax.device_get(gradients(x, bias))
    assert not of_x[..., [0, 2]].any() and not of_bias[[0, 2]].any()
    assert of_bias[1] == 120  # one for each place
    np.testing.assert_allclose(of_x[..., 1], 0, atol=1e-6)  # the mean takes all off
    assert np.abs(of_x[..., 3:]).max() > 0.1


def test_a_constant_channel_has_variance_zero():
    x = np.full((2, 3, 5, 7, 2), 1000.1, np.float32)
    y, _, var = jax.jit(normalise, static_argnums=2)(x, np.ones(2, np.float32), EPSILON)
    y, var = jax.device_get((y, var))
    assert (var >= 0).all() and np.isfinite(y).all()


def test_half_precision_has_statistics_in_single():
    x = jnp.asarray(draw(0, (2, 5, 7, 11, 6)), jnp.bfloat16)
    bias = draw(1, (6,))

    @jax.jit
    def pulled(x, bias):
        outputs, pull = jax.vjp(lambda x, bias: normalise(x, bias, EPSILON), x, bias)
        return *outputs, *pull((jnp.ones_like(outputs[0]), jnp.zeros(6), jnp.zeros(6)))

    y, mean, var, of_x, of_bias = pulled(x, bias)
    assert y.dtype == of_x.dtype == jnp.bfloat16
    assert mean.dtype == var.dtype == of_bias.dtype == jnp.float32
    normal, expected_mean, expected_var = formula(np.asarray(x, np.float64), bias)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-6)
    np.testing.assert_allclose(var, expected_var, rtol=1e-5)
    np.testing.assert_allclose(
        np.asarray(y, np.float64), np.maximum(normal, 0), rtol=2**-8, atol=1e-5
    )


@pytest.mark.parametrize("shape", [*SHAPES, (4, 9), (2, 2, 32, 32, 1)])
def test_channel_sum_is_numpys(shape):
    x = draw(0, shape)
    expected = x.astype(np.float64).reshape(-1, shape[-1]).sum(axis=0)
    actual = jax.jit(channel_sum)(x)
    assert actual.shape == shape[-1:] and actual.dtype == jnp.float32
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-4)


def test_training_equals_flaxs_batch_norm(variables):
    x, weights = draw(0, (2, 5, 7, 3, 6)), draw(4, (2, 5, 7, 3, 6))
    y, stats, (of_params, of_x) = trained(BatchNormReLU(0.75), variables, x, weights)
    expected = trained(Reference(), reference_variables(variables), x, weights)
    np.testing.assert_allclose(y, expected[0], atol=1e-5)
    for name in ("mean", "var"):
        np.testing.assert_allclose(stats[name], expected[1]["norm"][name], atol=1e-5)
    bias = expected[2][0]["norm"]["bias"]
    np.testing.assert_allclose(of_params["bias"], bias, atol=1e-5 * np.abs(bias).max())
    of_input = expected[2][1]
    np.testing.assert_allclose(of_x, of_input, atol=1e-5 * np.abs(of_input).max())


def test_evaluation_uses_the_running_statistics(variables):
    x = draw(0, (2, 5, 7, 3, 6))
    y, updates = BatchNormReLU(0.75).apply(variables, x, True, mutable=["batch_stats"])
    old = variables["batch_stats"]
    expected = (x - old["mean"]) / np.sqrt(old["var"] + EPSILON) + variables["params"]["bias"]
    np.testing.assert_allclose(y, np.maximum(expected, 0), atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, updates["batch_stats"], old)
    flax_y = Reference().apply(reference_variables(variables), x, True)
    np.testing.assert_allclose(y, flax_y, atol=1e-5)


def test_initial_variables_are_those_of_flaxs_batch_norm():
    x = draw(0, (2, 5, 7, 3, 6))
    variables = BatchNormReLU(0.75).init(jax.random.key(0), x, False)
    expected = Reference().init(jax.random.key(0), x, False)
    jax.tree.map(np.testing.assert_array_equal, reference_variables(variables), expected)


def test_devices_that_share_a_batch_have_the_statistics_of_all_of_it(variables):
    x, weights = draw(0, (16, 2, 3, 5, 6)), draw(4, (16, 2, 3, 5, 6))
    x += np.arange(16, dtype=np.float32).reshape(-1, 1, 1, 1, 1) / 4  # no clip is like another
    mesh = Mesh(np.array(jax.devices()), ("data",))
    assert mesh.size == 8
    divided = jax.device_put((x, weights), NamedSharding(mesh, PartitionSpec("data")))
    whole = jax.device_put(variables, NamedSharding(mesh, PartitionSpec()))
    actual = trained(BatchNormReLU(0.75), whole, *divided)
    assert not actual[0].sharding.is_fully_replicated
    expected = trained(BatchNormReLU(0.75), variables, x, weights)
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=0, atol=1e-5 * np.abs(e).max())
    _, mean, _ = formula(x.astype(np.float64), 0)
    old = variables["batch_stats"]["mean"]
    np.testing.assert_allclose(actual[1]["mean"], 0.75 * old + 0.25 * mean, atol=1e-5)
