from pathlib import Path

import pytest

from jaxvid import config as configs
from jaxvid import workdir
from jaxvid.data.datasets import Clip, Dataset
from jaxvid.errors import UserError


def test_the_split_is_written_once(tmp_path):
    clips = (
        Clip(Path("a/1.mp4"), 0, "train", "P1"),
        Clip(Path("a/2, new.mp4"), 0, "test", "P2"),
        Clip(Path("b/1.mp4"), 1, "train", "P1"),
    )
    dataset = Dataset("folder", tmp_path, ("left", "追い越す"), clips)
    config = configs.for_dataset("folder")
    usable = [clip for clip in clips if clip.split == "train"]
    for _ in range(2):
        workdir.claim(tmp_path, config, dataset, usable)
        assert (tmp_path / workdir.SPLIT).read_text(encoding="utf-8") == (
            "clip,label,split,group\n"
            "a/1.mp4,left,train,P1\n"
            '"a/2, new.mp4",left,test,P2\n'
            "b/1.mp4,追い越す,train,P1\n"
        )
    with pytest.raises(UserError, match=r"have changed since .* began \(2 then, 1 now\)"):
        workdir.claim(tmp_path, config, dataset, usable[:1])
