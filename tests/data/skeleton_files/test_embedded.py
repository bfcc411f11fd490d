import numpy as np
import pytest

from jaxvid.data import video
from jaxvid.data.skeleton_files import read_embedded
from jaxvid.data.video import VideoError


def test_missing_joints_beside_videos_are_nan(tmp_path, monkeypatch):
    path = tmp_path / "a.avi"
    pixels = np.arange(3 * 4 * 18 * 2, dtype=np.float32).reshape(3, 4, 18, 2) + 1
    pixels[0] = np.nan  # nobody
    pixels[2, 1, 5] = 0
    np.savez(path.with_suffix(".joints.npz"), joints=pixels)
    monkeypatch.setattr(video, "size", lambda path: (320, 240))
    read = read_embedded(path, people=3)
    np.testing.assert_allclose(read[1, 0, 6, :2], pixels[1, 1, 6] / (160, 120) - 1, rtol=1e-5)
    assert (read[:, 0, :, 2] == 1).all()
    assert np.isnan(read[1, 1, 5]).all() and np.isnan(read).sum() == 3 + read[:, 2].size
    np.savez(path.with_suffix(".joints.npz"), joints=pixels[:1])
    with pytest.raises(VideoError, match="no person in any of its frames"):
        read_embedded(path, people=3)
