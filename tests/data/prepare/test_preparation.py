import json
import os
import resource
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid.data import modalities, records
from jaxvid.data.datasets import Dataset, Video
from jaxvid.data.prepare import preparation, shards
from jaxvid.errors import UserError
from jaxvid.runtime import files

RGB = modalities.Rgb(short_side=24, jpeg_quality=95)


@pytest.fixture(autouse=True)
def _two_of_a_shard(monkeypatch):
    monkeypatch.setattr(shards, "VIDEOS", (2, 2))


@pytest.fixture
def one_of_a_shard(monkeypatch):
    monkeypatch.setattr(shards, "VIDEOS", (1, 1))


def run(dataset: Dataset, cache: Path, modality: modalities.Modality = RGB) -> Path:
    return preparation.prepare(dataset, modality, cache, workers=1)


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in files_of(folder)}


def files_of(folder: Path) -> list[Path]:
    """Returns the files of a prepared dataset: its own, and the shards beside them."""
    return [p for p in (*folder.parent.iterdir(), *folder.iterdir()) if p.is_file()]


def shards_of(folder: Path) -> list[Path]:
    """Returns the shards that a prepared dataset names."""
    manifest = json.loads((folder / "manifest.json").read_text())
    paths = {shard["clips"][0]["id"]: shard["file"] for shard in manifest["shards"]}
    return [folder.parent / paths[i] for i in sorted(paths)]


def test_every_frame_of_every_video_is_there(dataset, tmp_path):
    folder = run(dataset, tmp_path / "cache")
    source = records.RecordSource(folder, RGB)
    assert len(source.position) == 5
    for number in range(5):
        record = source[f"v{number}.avi"]
        assert record.fps == 25
        frames = RGB.read(record.frames, np.arange(len(record.frames)))
        assert frames.shape == (4 + number, 24, 32, 3)
        shades = [int(f[12, 16, 0]) for f in frames]
        np.testing.assert_allclose(shades, 8 * np.arange(4 + number), atol=2)


def test_bad_videos_are_named_and_skipped(dataset, tmp_path, caplog):
    (dataset.folder / "v1.avi").write_bytes(b"")
    (dataset.folder / "v3.avi").write_text("this is no video")
    (dataset.folder / "v4.avi").unlink()
    (dataset.folder / "v4.avi").symlink_to("gone.avi")
    folder = run(dataset, tmp_path / "cache")
    failures = {
        f["id"]: f["reason"] for f in json.loads((folder / "manifest.json").read_text())["failures"]
    }
    assert failures == {
        "v1.avi": "the file is empty",
        "v3.avi": "not a video that FFmpeg can open: Invalid data found when processing input",
        "v4.avi": failures["v4.avi"],
    }
    assert "No such file" in failures["v4.avi"]
    assert set(records.RecordSource(folder, RGB).position) == {"v0.avi", "v2.avi"}
    assert "skipped v1.avi: the file is empty" in caplog.text
    assert "3 of 5 videos do not decode" in caplog.text


def test_no_video_that_decodes_is_an_error(dataset, tmp_path):
    for path in dataset.folder.iterdir():
        path.write_text("no video")
    with pytest.raises(UserError, match="none of the 5 videos"):
        run(dataset, tmp_path / "cache")


def test_a_video_that_ends_early_keeps_its_whole_frames(dataset, tmp_path, write_video):
    path = dataset.folder / "v4.avi"
    write_video(path, 30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    folder = run(dataset, tmp_path / "cache")
    source = records.RecordSource(folder, RGB)
    assert 0 < len(source["v4.avi"].frames) < 30


def written(folder: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in files_of(folder)}


def test_what_is_prepared_is_not_prepared_again(dataset, tmp_path):
    folder = run(dataset, tmp_path / "cache")
    before = written(folder)
    assert run(dataset, tmp_path / "cache") == folder
    assert written(folder) == before


def test_other_content_or_settings_go_elsewhere(dataset, tmp_path, write_video):
    cache = tmp_path / "cache"
    first = run(dataset, cache)
    other = run(dataset, cache, modalities.Rgb(20, 95))
    write_video(dataset.folder / "v0.avi", 9)
    third = run(dataset, cache)
    assert len({first, other, third}) == 3


def test_an_interrupted_preparation_continues(dataset, tmp_path):
    folder = run(dataset, tmp_path / "cache")
    whole, before = content(folder), written(folder)
    # As a kill leaves it: one shard whole, one without its note, one half-written, no manifest.
    kept, unnoted, half = shards_of(folder)
    (folder / "manifest.json").unlink()
    unnoted.with_suffix(".json").unlink()
    half.write_bytes(half.read_bytes()[:-100])
    assert run(dataset, tmp_path / "cache") == folder
    assert content(folder) == whole
    after = written(folder)
    again = {name for name in whole if after[name] != before[name]}
    assert kept.name not in again
    assert {unnoted.name, half.name, "manifest.json"} <= again


def test_a_shard_that_is_gone_or_damaged_is_made_again(dataset, tmp_path):
    folder = run(dataset, tmp_path / "cache")
    whole = content(folder)
    first, second, _ = shards_of(folder)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"shard-\w+.arrayrecord is missing or damaged; delete it"):
        records.RecordSource(folder, RGB)
    assert run(dataset, tmp_path / "cache") == folder
    assert content(folder) == whole


def test_a_shard_that_is_damaged_inside_is_named(dataset, tmp_path):
    folder = run(dataset, tmp_path / "cache")
    shard = shards_of(folder)[0]
    data = bytearray(shard.read_bytes())
    start = data.index(b"\xff\xd8")  # of a frame
    data[start : start + 100] = bytes(100)
    shard.write_bytes(data)
    source = records.RecordSource(folder, RGB)
    with pytest.raises(UserError, match=f"{shard.name} is damaged .*; delete it, and the same"):
        for clip in dataset.videos:
            list(source[clip.id].frames)


def test_a_shard_that_is_cut_or_deleted_while_it_is_read_is_named(dataset, tmp_path):
    folder = run(dataset, tmp_path / "cache")
    source = records.RecordSource(folder, RGB)
    cut, deleted, _ = shards_of(folder)
    os.truncate(cut, cut.stat().st_size // 8)
    deleted.unlink()
    for shard in (cut, deleted):
        with pytest.raises(UserError, match=f"{shard.name} is damaged .*; delete it, and the same"):
            for clip in json.loads(shard.with_suffix(".json").read_text())["clips"]:
                list(source[clip["id"]].frames)


def test_a_disk_that_takes_no_more_leaves_nothing_half_written(dataset, tmp_path):
    sources = [shards.source(c.id, dataset.folder / c.id, RGB) for c in dataset.videos]
    shard = shards.shard(tuple(sources), tmp_path / "shards", RGB)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="could not be written"):
            list(shards.write(shard))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list((tmp_path / "shards").iterdir())


def test_only_what_nobody_writes_is_swept_away(tmp_path, monkeypatch):
    names = "held", "young", "old"
    held, young, old = (tmp_path / f".shard-{name}.arrayrecord" for name in names)
    for path in (held, young, old):
        path.write_bytes(b"half")
    for path in (held, old):
        os.utime(path, (0, path.stat().st_mtime - 2 * shards.ABANDONED))
    # As this machine's clock may be, beside that of the disk.
    monkeypatch.setattr("time.time", lambda: young.stat().st_mtime + 2 * shards.ABANDONED)
    with files.held(held):
        shards.sweep(tmp_path)
        assert {*tmp_path.iterdir()} == {held, young}
    shards.sweep(tmp_path)  # its process has ended
    assert [*tmp_path.iterdir()] == [young]


def test_a_shard_is_held_while_it_is_written(dataset, tmp_path):
    sources = [shards.source(c.id, dataset.folder / c.id, RGB) for c in dataset.videos]
    shard = shards.shard(tuple(sources), tmp_path / "shards", RGB)
    at_work = shards.write(shard)
    next(at_work)
    assert files.is_held(shard.temporary)
    list(at_work)
    assert not files.is_held(shard.path)


def test_splits_and_choices_of_classes_share_what_is_prepared(dataset, tmp_path):
    cache = tmp_path / "cache"
    few = replace(dataset, videos=dataset.videos[1:4])
    first = run(few, cache)
    before = written(first)
    turned = replace(dataset, videos=tuple(replace(c, split="test") for c in few.videos))
    second = run(turned, cache)
    assert second != first
    assert {n: t for n, t in written(second).items() if n.startswith("shard")} == {
        n: t for n, t in before.items() if n.startswith("shard")
    }
    whole = run(dataset, cache)  # decodes the first and the last one
    assert len(list(whole.parent.glob("shard-*.json"))) == 4
    for folder, clips in ((first, few.videos), (second, turned.videos), (whole, dataset.videos)):
        source = records.RecordSource(folder, RGB)
        assert set(source.position) == {c.id for c in clips}
        assert [len(source[c.id].frames) for c in clips] == [4 + int(c.id[1]) for c in clips]
    summary = json.loads((second / "report.json").read_text())
    assert summary["classes"] == {
        "one": {"train": 0, "val": 0, "test": 3, "unused": 0, "failed": 0}
    }


def part(dataset: Dataset, cache: Path, number: int, parts: int) -> tuple[Path, int]:
    return preparation.prepare_part(dataset, RGB, cache, (number, parts), 1)


def test_parts_make_one_preparation_in_any_order(dataset, tmp_path, one_of_a_shard):
    whole = preparation.prepare(dataset, RGB, tmp_path / "whole", workers=1)
    cache = tmp_path / "parts"
    left = [part(dataset, cache, number, 3) for number in (3, 1, 1)]
    assert [waiting for _, waiting in left] == [4, 2, 2]
    folder = left[0][0]
    assert not folder.exists()
    kept = {p.name: p.stat().st_mtime_ns for p in folder.parent.iterdir()}
    assert part(dataset, cache, 2, 3) == (folder, 0)
    assert content(folder) == content(whole)
    after = {p.name: p.stat().st_mtime_ns for p in folder.parent.iterdir()}
    assert {n: after[n] for n in kept} == kept
    assert run(dataset, cache) == folder


def test_parts_that_finish_together_do_no_harm(dataset, tmp_path, one_of_a_shard, processes):
    whole = preparation.prepare(dataset, RGB, tmp_path / "whole", workers=1)
    cache = tmp_path / "parts"
    with ThreadPoolExecutor(4) as pool:  # two of them do the same part
        parts = list(pool.map(lambda n: part(dataset, cache, n, 3), (1, 2, 3, 3)))
    folder = parts[0][0]
    assert part(dataset, cache, 1, 3) == (folder, 0)
    assert content(folder) == content(whole)


def test_training_prepares_the_parts_that_are_missing(dataset, tmp_path, one_of_a_shard):
    folder, waiting = part(dataset, tmp_path, 1, 2)
    assert waiting == 2
    assert run(dataset, tmp_path) == folder
    assert len(records.RecordSource(folder, RGB).position) == 5


def test_folders_of_the_same_names_sizes_and_times_are_not_taken_for_each_other(tmp_path):
    seen = []
    for shade in (40, 200):
        folder = tmp_path / str(shade)
        path = folder / "x" / "0.png"
        path.mkdir(parents=True)
        cv2.imwrite(str(path / "1.bmp"), np.full((30, 30, 3), shade, np.uint8))
        os.utime(path / "1.bmp", (0, 0))
        clip = Video(path.relative_to(folder), 0, "train", "g")
        own = Dataset("folder", folder, ("x",), (clip,))
        source = records.RecordSource(run(own, tmp_path / "cache"), RGB)
        seen.append(int(RGB.read(source[clip.id].frames, np.array([0])).mean()))
    assert seen == pytest.approx([40, 200], abs=2)
