import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "fuzz_videos.py"


def test_each_damaged_video_is_decoded_or_named():
    ran = subprocess.run(
        [sys.executable, SCRIPT, "--count=180", "--workers=2"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "180 damaged videos" in ran.stdout
    assert "not a video that FFmpeg can open" in ran.stdout
    assert "lost" not in ran.stdout
