"""Preparation of parts of files, and anew where something else decodes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from jaxvid.data import modalities, records, video_container
from jaxvid.data.datasets import Dataset
from jaxvid.data.prepare import preparation
from jaxvid.data.video_facts import Span

RGB = modalities.Rgb(short_side=24, jpeg_quality=95)


def run(dataset: Dataset, cache: Path) -> Path:
    return preparation.prepare(dataset, RGB, cache, workers=1)


def test_parts_of_a_file_are_prepared_each(dataset, tmp_path):
    spans = [None, Span(0, 0.08), Span(0.08, 0.2)]  # of eight frames
    parts = tuple(replace(dataset.videos[4], span=span) for span in spans)
    folder = run(replace(dataset, videos=parts), tmp_path / "cache")
    source = records.RecordSource(folder, RGB)
    shades = {
        name: [int(f[12, 16, 0]) for f in RGB.read(r.frames, np.arange(len(r.frames)))]
        for name in source.position
        if (r := source[name])
    }
    whole, first, second = (shades[part.id] for part in parts)
    assert (first, second) == (whole[:2], whole[2:5])
    assert json.loads((folder / "report.json").read_text())["copies"] == []


def test_another_decoder_prepares_again_what_failed_too(dataset, tmp_path, monkeypatch):
    (dataset.folder / "v1.avi").write_text("this is no video")
    first = run(dataset, tmp_path / "cache")
    identity = records.PreparedDataset([records.RecordSource(first, RGB)]).identity("v0.avi")
    tried = []
    encode = modalities.Rgb.encode
    monkeypatch.setattr(
        modalities.Rgb,
        "encode",
        lambda self, path, *about: tried.append(path.name) or encode(self, path, *about),
    )
    assert run(dataset, tmp_path / "cache") == first
    assert not tried
    monkeypatch.setattr(video_container, "decoder", lambda: "PyAV 99")
    second = run(dataset, tmp_path / "cache")
    assert sorted(tried) == [f"v{number}.avi" for number in range(5)]
    assert identity != records.PreparedDataset([records.RecordSource(second, RGB)]).identity(
        "v0.avi"
    )
