import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxvid import main as command
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.inference import retrieval, search
from jaxvid.inference.retrieval import Index

pytestmark = pytest.mark.usefixtures("shallow")


def by_hand(vectors, labels, k):
    """Recall and mean average precision, one video after the other."""
    hits, precisions = [], []
    for i in range(len(vectors)):
        others = [j for j in range(len(vectors)) if j != i]
        others.sort(key=lambda j: -float(vectors[i] @ vectors[j]))
        right = [labels[j] == labels[i] for j in others]
        if not any(right):
            continue
        hits.append(any(right[:k]))
        at = [sum(right[: rank + 1]) / (rank + 1) for rank in range(len(right)) if right[rank]]
        precisions.append(sum(at) / len(at))
    return sum(hits) / len(hits), sum(precisions) / len(precisions), len(hits)


@pytest.mark.parametrize("block", [7, 512])
def test_recall_and_precision_are_those_of_the_definition(block, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK", block)
    rng = np.random.default_rng(0)
    labels = np.array([*rng.integers(0, 5, 40), 9])  # nobody else has the last one
    vectors = retrieval.unit(rng.normal(size=(41, 6)) + np.eye(10, 6)[labels])
    results = retrieval.evaluate(vectors, labels, ks=(1, 3))
    for k in (1, 3):
        recall, precision, queries = by_hand(vectors, labels, k)
        assert results[f"recall_at_{k}"] == pytest.approx(recall)
        assert (results["map"], results["queries"]) == (pytest.approx(precision), queries)
    assert 0.1 < results["recall_at_1"] < results["recall_at_3"] < 1


def test_neighbours_and_groups_are_by_cosine():
    angles = np.radians([0, 3, 6, 90, 93, 200])
    index = Index(tuple("abcdef"), np.stack([np.cos(angles), np.sin(angles)], axis=1))
    places, likeness = index.search(2 * index.vectors[4:5], top=2)
    assert places.tolist() == [[4, 3]]
    np.testing.assert_allclose(likeness, [[1, np.cos(np.radians(3))]], atol=1e-12)
    # a and c are linked by b.
    assert index.groups(np.cos(np.radians(4))) == [[0, 1, 2], [3, 4]]
    assert index.groups(0.99999) == []


@pytest.mark.parametrize("size", [64, 1024])
def test_exact_copies_are_grouped_at_a_likeness_of_one(size):
    drawn = np.random.default_rng(0).normal(size=(200, size)).astype(np.float32)
    index = Index(("",) * 400, np.tile(retrieval.unit(drawn), (2, 1)))
    assert index.groups(1.0) == [[i, 200 + i] for i in range(200)]


def test_a_videos_vector_is_the_mean_direction_of_its_windows():
    windows = np.array([[3.0, 0.0], [0.0, 10.0]])
    np.testing.assert_allclose(retrieval.vector(windows), [0.5**0.5, 0.5**0.5])
    assert not retrieval.vector(np.zeros((2, 2))).any()


def test_duplicates_and_queries_are_found(tiny, saved, tmp_path, capsys):
    saved(experiments.open_experiment(tiny), tmp_path / "run")
    videos = tmp_path / "videos"
    for name in ("SitDown", "StandUp"):
        source = sorted((Path(tiny.data.root) / "UCF-101" / name).glob("*.avi"))[:2]
        (videos / name).mkdir(parents=True)
        for video in source:
            shutil.copy(video, videos / name)
    one = source[0]
    shutil.copy(one, videos / "StandUp" / "again.avi")

    def run(mode, *given):
        given = [f"--mode={mode}", f"--workdir={tmp_path / 'run'}", *map(str, given)]
        return command.main(["jaxvid", *given])

    made = tmp_path / "features"
    assert run("features", videos, f"--output={made}", "--config.windows.stride=0.1") == 0
    capsys.readouterr()
    table = tmp_path / "groups.csv"
    assert run("search", f"--features={made}", "--likeness=0.9999999", f"--output={table}") == 0
    printed = capsys.readouterr().out
    assert "2 of 5 videos are in 1 groups" in printed
    assert "recall_at_1" in printed
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"group": "1", "video": str(videos / "StandUp" / name)} for name in ("again.avi", one.name)
    ]

    hits = tmp_path / "hits.csv"
    given = (f"--features={made}", one, "/nowhere.mp4", "--top=3", f"--output={hits}")
    assert run("search", *given) == 1  # the windows are those of the features
    assert "skipped /nowhere.mp4" in capsys.readouterr().err
    with hits.open() as file:
        rows = list(csv.DictReader(file))
    assert {Path(row["video"]).name for row in rows[:2]} == {"again.avi", one.name}
    assert [float(row["likeness"]) for row in rows[:2]] == [1.0, 1.0]
    assert float(rows[2]["likeness"]) < 1

    other = (f"--features={made}", one, "--config.data.augment=false")
    assert run("search", *other) == 2
    assert "of another model or other settings" in capsys.readouterr().err
    assert run("search", one) == 2
    assert "looks in --features=FOLDER" in capsys.readouterr().err
    assert run("search", f"--features={videos}") == 2
    assert "holds no features.json" in capsys.readouterr().err
    damaged = made / "StandUp" / "again.avi.npz"
    damaged.write_bytes(damaged.read_bytes()[:-30])
    assert run("search", f"--features={made}") == 2
    assert f"{damaged} is damaged" in capsys.readouterr().err


def test_a_system_without_a_network_has_no_queries(tiny, tmp_path):
    tiny.model.system = "sift"
    (tmp_path / "features.json").write_text(
        '{"made_by": "model", "fields": {"windows.length": 0, "windows.stride": 0}}'
    )
    embedding = np.eye(2, dtype=np.float32)
    np.savez(tmp_path / "x.npz", made_by="model", video="x", embedding=embedding)
    with pytest.raises(UserError, match="the system sift has none"):
        search.run(tiny, tmp_path, ["x.mp4"], str(tmp_path), likeness=1, top=1, output="")
    assert search.run(tiny, tmp_path, [], str(tmp_path), likeness=1, top=1, output="") == 0
