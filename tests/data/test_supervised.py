import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from jaxvid.data import modalities, records, supervised
from jaxvid.data.video import Facts, VideoError
from jaxvid.runtime.crew import Crew


@dataclass(frozen=True)
class Trap(modalities.Rgb):
    """A decoder that does with a video what its name says, after the first frame."""

    name: ClassVar[str] = "trap"

    def encode(self, path: Path, facts=None, span=None) -> Iterator[bytes]:
        for frame in super().encode(path, facts, span):
            yield frame
            if path.name == "v1.avi":
                os.abort()
            if path.name == "v2.avi":
                time.sleep(1000)

    check = encode


def test_frames_and_facts_are_those_of_this_process(dataset, monkeypatch):
    modality = modalities.Rgb(24, 95)
    for number in range(5):
        path = dataset.folder / f"v{number}.avi"
        here, there, checked = Facts(), Facts(), Facts()
        assert list(supervised.encode(path, modality, there)) == list(modality.encode(path, here))
        supervised.check(path, modality, checked)
        assert here == there == checked
    monkeypatch.chdir(dataset.folder)  # elsewhere than the process was started
    assert len(list(supervised.encode(Path("v0.avi"), modality, Facts()))) == 4
    (dataset.folder / "v0.avi").write_bytes(b"")
    with pytest.raises(VideoError, match="the file is empty"):
        records.decode(dataset.folder / "v0.avi", modality)


def test_a_decoder_that_crashes_or_hangs_costs_its_video_alone(dataset, monkeypatch):
    monkeypatch.setattr(supervised, "_crew", Crew(supervised._work, patience=2.0))
    trap = Trap(24, 95)
    with pytest.raises(VideoError, match=r"its decoder crashed \(SIGABRT\)") as crashed:
        records.decode(dataset.folder / "v1.avi", trap)
    assert not crashed.value.outside
    with pytest.raises(VideoError, match="its decoder made no progress for 2 s") as hung:
        supervised.check(dataset.folder / "v2.avi", trap, Facts())
    assert hung.value.outside
    assert len(records.decode(dataset.folder / "v3.avi", trap).frames) == 7


def test_a_script_needs_no_guard(dataset, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from jaxvid.data import modalities, records\n"
        "print('once')\n"
        f"path = Path({str(dataset.folder / 'v3.avi')!r})\n"
        "print(len(records.decode(path, modalities.Rgb(24, 95)).frames))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=environment, timeout=120
    )
    assert ran.stdout.split() == ["once", "7"], ran.stderr
