from itertools import pairwise

import numpy as np
import pytest

from jaxvid.errors import UserError
from jaxvid.workdir import embeddings


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def test_components_keep_the_distances_of_narrow_embeddings(tmp_path):
    embedding = np.random.default_rng(0).normal(size=(30, 12)).astype(np.float32)
    weights = np.full((30, 4), 0.25, np.float32)
    embeddings.save(tmp_path, 7, embedding, weights)
    kept = embeddings.read(tmp_path, 7, 30)
    assert kept.width == 12
    np.testing.assert_allclose(distances(kept.components), distances(embedding), atol=1e-4)
    np.testing.assert_array_equal(kept.attention, weights)


def test_wide_embeddings_are_cut_to_the_directions_that_vary_most(tmp_path):
    scales = np.linspace(10, 0.1, 200)
    embedding = np.random.default_rng(0).normal(size=(90, 200)) * scales
    embeddings.save(tmp_path, [7, 8], embedding, None)
    kept = embeddings.read(tmp_path, [7, 8], 90)
    assert kept.components.shape == (90, embeddings.COMPONENTS)
    assert kept.attention is None
    spread = kept.components.std(axis=0)
    assert all(a >= b for a, b in pairwise(spread))
    assert spread[0] > 8


def test_an_evaluation_without_embeddings_leaves_none_of_an_earlier_one(tmp_path):
    embeddings.save(tmp_path, 7, np.eye(3), None)
    embeddings.save(tmp_path, 7, None, None)
    with pytest.raises(UserError, match="kept no embeddings"):
        embeddings.read(tmp_path, 7, 3)


def test_those_of_another_evaluation_or_damaged_ones_are_refused(tmp_path):
    embeddings.save(tmp_path, 7, np.eye(3), None)
    for step, clips in ((8, 3), (7, 4)):
        with pytest.raises(UserError, match="of another evaluation"):
            embeddings.read(tmp_path, step, clips)
    (tmp_path / embeddings.FILE).write_bytes(b"PK nothing")
    with pytest.raises(UserError, match="is damaged"):
        embeddings.read(tmp_path, 7, 3)
