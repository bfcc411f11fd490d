import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxvid import main as command
from jaxvid.experiment import experiment as experiments

pytestmark = pytest.mark.usefixtures("shallow")


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
    assert run("search", f"--features={made}", "--similarity=0.9999999", f"--output={table}") == 0
    printed = capsys.readouterr().out
    assert "2 of 5 videos are in 1 groups" in printed
    assert "recall_at_1" in printed
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"group": "1", "video": str(videos / "StandUp" / name)} for name in ("again.avi", one.name)
    ]

    before = table.read_bytes()
    table.unlink()  # the flag has another name in command lines of earlier versions
    assert run("search", f"--features={made}", "--likeness", "0.9999999", f"--output={table}") == 0
    assert table.read_bytes() == before
    assert run("search", f"--features={made}", "--similarity=1.5") == 2
    assert "--similarity=1.5: must be from -1 to 1" in capsys.readouterr().err

    hits = tmp_path / "hits.csv"
    given = (f"--features={made}", one, "/nowhere.mp4", "--top=3", f"--output={hits}")
    assert run("search", *given) == 1  # the windows are those of the features
    assert "skipped /nowhere.mp4" in capsys.readouterr().err
    with hits.open() as file:
        rows = list(csv.DictReader(file))
    assert {Path(row["video"]).name for row in rows[:2]} == {"again.avi", one.name}
    assert [float(row["similarity"]) for row in rows[:2]] == [1.0, 1.0]
    assert float(rows[2]["similarity"]) < 1

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


def test_a_system_without_a_network_has_no_queries(tiny, saved, tmp_path, capsys):
    (tmp_path / "features.json").write_text(
        '{"made_by": "model", "fields": {"windows.length": 0, "windows.stride": 0}}'
    )
    embedding = np.eye(2, dtype=np.float32)
    np.savez(tmp_path / "x.npz", made_by="model", video="x", embedding=embedding)
    saved(experiments.open_experiment(tiny), tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["model"]["system"] = "sift"
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    given = ["jaxvid", "--mode=search", f"--workdir={tmp_path / 'run'}", f"--features={tmp_path}"]
    assert command.main([*given, str(tmp_path / "x.npz")]) == 2
    assert "the system sift has none" in capsys.readouterr().err
    assert command.main([*given, "--similarity=1"]) == 0
