import struct

import pytest
from tensorboardX.proto.event_pb2 import Event

from jaxvid.workdir.metrics_log import Logs, read_metrics


def events(workdir):
    """The events of all TensorBoard files of a workdir, read by the format's definition."""
    for path in sorted((workdir / "tensorboard").iterdir()):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            yield Event.FromString(data[12 : 12 + length])
            data = data[12 + length + 4 :]


def test_writes_lines_and_events(tmp_path):
    with Logs(tmp_path, 0) as logs:
        logs.write(1, {"loss": 2.5, "accuracy": 0.25})
        logs.write(2, {"loss": 1.5})
    assert read_metrics(tmp_path) == [
        {"step": 1, "loss": 2.5, "accuracy": 0.25},
        {"step": 2, "loss": 1.5},
    ]
    values = [(e.step, v.tag, v.simple_value) for e in events(tmp_path) for v in e.summary.value]
    assert values == [(1, "loss", 2.5), (1, "accuracy", 0.25), (2, "loss", 1.5)]


def test_what_came_after_the_checkpoint_is_forgotten(tmp_path):
    with Logs(tmp_path, 0) as logs:
        for step in (1, 2, 3):
            logs.write(step, {"loss": float(step)})
    with Logs(tmp_path, 2) as logs:
        logs.write(3, {"loss": 30.0})
    assert [line["loss"] for line in read_metrics(tmp_path)] == [1.0, 2.0, 30.0]


def test_spoilt_lines_are_passed_over(tmp_path):
    lines = [
        b'{"step": 1, "loss": 1.0}',
        b"5",
        b'{"loss": 3}',
        b"\xff\xfe",
        b'{"step": 2}',
        b'{"st',
    ]
    (tmp_path / "metrics.jsonl").write_bytes(b"\n".join(lines))
    assert [line["step"] for line in read_metrics(tmp_path)] == [1, 2]


def test_a_disk_that_takes_no_more_is_said_with_its_folder(tmp_path, monkeypatch):
    with Logs(tmp_path, 0) as logs:

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(logs._events, "write_event", full)
        with pytest.raises(OSError, match="No space left on device") as raised:
            logs.write(1, {"loss": 1.0})
        assert raised.value.filename == str(tmp_path)
