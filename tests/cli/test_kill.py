"""Three moments of tests/benchmarks/kill.py: two processes are struck while they train and save."""

import random
import signal

import kill
from kill import Place, Reference


def test_struck_three_times_two_processes_end_bit_for_bit_the_same(tmp_path, monkeypatch):
    videos, cache = tmp_path / "videos", tmp_path / "cache"
    whole = Place(videos, cache, tmp_path / "whole", count=2, epochs=1.0)
    whole.train.finish()
    struck = Place(videos, cache, tmp_path / "struck", count=2, epochs=1.0)
    strikes = iter([(signal.SIGTERM, [0]), (signal.SIGKILL, [0]), (signal.SIGKILL, [1])])
    monkeypatch.setattr(kill, "pick", lambda rng, count: next(strikes))
    phases = ("training", "saving", "training")
    moments = list(kill.training(struck, Reference(whole, {}), phases, random.Random(5)))
    assert [wrong for _, wrong in moments] == [[], [], []]
    assert kill.differences(whole.workdir, struck.workdir) == []
