import jax
import numpy as np
import pytest


def _initialise(module, *args):
    """Random variables without the compilation of initialisers, most of a small test's time."""
    shapes = jax.eval_shape(lambda key: module.init(key, *args), jax.random.key(0))
    random = np.random.default_rng(0)

    def fill(path, leaf):
        name = path[-1].key
        if name == "kernel":
            scale = np.sqrt(2 / np.prod(leaf.shape[:-1]))
            return scale * random.standard_normal(leaf.shape, np.float32)
        if name == "var":
            return random.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        return 0.1 * random.standard_normal(leaf.shape, np.float32)

    return jax.tree_util.tree_map_with_path(fill, shapes)


@pytest.fixture
def initialise():
    return _initialise
