import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from traps import Trap

from jaxvid.data import modalities, records, supervised
from jaxvid.data.video import Facts, VideoError
from jaxvid.runtime.crew import Crew


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
    for name in ("abort", "hang"):
        shutil.copy(dataset.folder / "v0.avi", dataset.folder / f"{name}.avi")
    with pytest.raises(VideoError, match=r"its decoder crashed \(SIGABRT\)") as crashed:
        records.decode(dataset.folder / "abort.avi", trap)
    assert not crashed.value.outside
    with pytest.raises(VideoError, match="its decoder made no progress for 2 s") as hung:
        supervised.check(dataset.folder / "hang.avi", trap, Facts())
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
