import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvid.models.transformer import Transformer, sinusoids


def draw(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def norm(params, x):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    return x * params["scale"] + params["bias"]


def dense(params, x):
    return x @ params["kernel"] + params["bias"]


def attend(params, x):
    """Self-attention for one clip (τ,D), one head and one step at a time."""
    heads, width = params["query"]["bias"].shape
    mixed = np.zeros((len(x), heads, width))
    for h in range(heads):
        query, key, value = (
            x @ params[name]["kernel"][:, h] + params[name]["bias"][h]
            for name in ("query", "key", "value")
        )
        for t in range(len(x)):
            weights = np.exp(key @ query[t] / np.sqrt(width))
            mixed[t, h] = weights / weights.sum() @ value
    return np.einsum("thd,hdo->to", mixed, params["out"]["kernel"]) + params["out"]["bias"]


def written_out(params, sequence, order, positions):
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    outputs = []
    for x in sequence.astype(np.float64):
        x = dense(params["projection"], x) + positions
        for n in range(2):
            layer = params[f"layer_{n}"]

            def mlp(y, layer=layer):
                return dense(layer["narrow"], np.maximum(dense(layer["widen"], y), 0))

            if order == "pre":
                x = x + attend(layer["attention"], norm(layer["attention_norm"], x))
                x = x + mlp(norm(layer["mlp_norm"], x))
            else:
                x = norm(layer["attention_norm"], x + attend(layer["attention"], x))
                x = norm(layer["mlp_norm"], x + mlp(x))
        outputs.append(norm(params["norm"], x) if order == "pre" else x)
    return np.stack(outputs)


@pytest.mark.parametrize("order", ["pre", "post"])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "none"])
def test_encoder_equals_the_written_out_equations(order, positions, initialise):
    sequence = draw(2, 5, 6)
    module = Transformer(8, num_layers=2, num_heads=2, norm=order, positions=positions)
    variables = initialise(module, sequence, False)
    # Norms that scale by about 0 would hide what they are given.
    variables = jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf + (path[-1].key == "scale"), variables
    )
    added = {
        "sinusoidal": sinusoids(5, 8),
        "learned": variables["params"].get("positions"),
        "none": 0,
    }[positions]
    expected = written_out(variables["params"], sequence, order, added)
    states = jax.jit(module.apply, static_argnums=2)(variables, sequence, False)
    assert states.dtype == jnp.float32
    np.testing.assert_allclose(states, expected, atol=2e-5)


def test_sinusoids_equal_their_definition():
    encoded = sinusoids(3, 4)
    for n in range(3):
        expected = [np.sin(n), np.cos(n), np.sin(n / 100), np.cos(n / 100)]
        np.testing.assert_allclose(encoded[n], expected, atol=1e-6)


@pytest.mark.parametrize("positions", ["none", "sinusoidal"])
def test_order_of_steps_is_seen_through_positions_alone(positions, initialise):
    sequence, order = draw(2, 5, 6), [3, 0, 4, 1, 2]
    module = Transformer(8, positions=positions)
    variables = initialise(module, sequence, False)
    apply = jax.jit(module.apply, static_argnums=2)
    states = np.asarray(apply(variables, sequence, False))
    permuted = apply(variables, sequence[:, order], False)
    assert np.allclose(permuted, states[:, order], atol=1e-5) == (positions == "none")


def test_learned_positions_ask_for_the_steps_of_initialisation(initialise):
    module = Transformer(8, positions="learned")
    variables = initialise(module, draw(1, 5, 6), False)
    with pytest.raises(flax.errors.ScopeParamShapeError):
        module.apply(variables, draw(1, 4, 6), False)


def test_dropout_acts_in_training_alone(initialise):
    sequence, module = draw(2, 5, 6), Transformer(8, dropout=0.5)
    variables = initialise(module, sequence, False)

    @jax.jit
    def train(seed):
        return module.apply(variables, sequence, True, rngs={"dropout": jax.random.key(seed)})

    assert not np.allclose(train(0), train(1))
    np.testing.assert_array_equal(train(0), train(0))


def test_half_precision_stays_near(initialise):
    sequence = draw(2, 5, 6)
    variables = initialise(Transformer(8), sequence, False)
    exact, states = (
        jax.jit(Transformer(8, dtype=dtype).apply, static_argnums=2)(variables, sequence, False)
        for dtype in (jnp.float32, jnp.bfloat16)
    )
    assert states.dtype == jnp.float32
    np.testing.assert_allclose(states, exact, atol=0.05)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"norm": "x"}, "unknown norm 'x': one of pre, post"),
        ({"positions": "x"}, "unknown positions 'x': one of sinusoidal, learned, none"),
        ({"num_heads": 3}, "hidden 8 is no multiple of 3 heads"),
        ({"hidden": 7, "num_heads": 7}, "hidden 7 is odd"),
    ],
)
def test_impossible_fields_raise(fields, message):
    with pytest.raises(ValueError, match=message):
        Transformer(**{"hidden": 8, **fields})
