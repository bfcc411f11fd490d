import numpy as np

from jaxvid.report import tsne


def test_clips_of_one_group_stay_together_and_a_seed_gives_the_same_places():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    components = rng.normal(size=(60, 5)) + 20 * np.eye(5)[labels]
    places = tsne.places(components, seed=0)
    assert places.shape == (60, 2)
    assert np.abs(places).max() == 1
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + 9 * np.eye(60)
    assert (labels[apart.argmin(1)] == labels).all()
    np.testing.assert_array_equal(places, tsne.places(components, seed=0))


def test_too_few_clips_or_ones_all_alike_have_no_places():
    assert tsne.places(np.eye(4), 0) is None
    assert tsne.places(np.ones((9, 3)), 0) is None
    assert tsne.places(np.arange(9.0)[:, None], 0).shape == (9, 2)
    assert (tsne.perplexity(5), tsne.perplexity(10_000)) == (1, 30)


def test_the_classes_most_often_confused_are_chosen():
    #             2 and 5 three times, 0 and 1 twice (once each way), 3 and 4 never
    labels = np.array([2, 2, 5, 0, 1, 3, 4])
    predicted = np.array([5, 5, 2, 1, 0, 3, 4])
    assert tsne.most_confused(labels, predicted, 6) == [0, 1, 2, 5]
    assert tsne.most_confused(labels, labels, 6) == []
    many = np.arange(20)
    assert len(tsne.most_confused(many, many ^ 1, 20)) == tsne.CHOSEN
