import av
import numpy as np
import pytest

from jaxvid.data.datasets import layout
from jaxvid.data.video_suffixes import suffixes

BEFORE = """
.3gp .asf .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpe .mpeg .mpg .mts .mxf .ogv .ts .vob .webm .wmv
"""
NOW = ".gif .divx .dv .m2t .3g2 .f4v .MP4 .nut .y4m .rmvb .wtv"
OTHERS = """
a.jpg a.png a.webp a.avif a.heic a.tiff a.jp2 a.ico a.mp3 a.m4a a.wma a.flac a.wav a.aac a.mka a.ra
a.txt a.srt a.vtt a.csv a.json a.m3u8 a.mpd a.skeleton a.dat mp4 .mp4 a
"""


@pytest.mark.parametrize("suffix", BEFORE.split() + NOW.split())
def test_videos_by_suffix(suffix):
    assert layout.is_video(f"a b{suffix}")


@pytest.mark.parametrize("name", OTHERS.split())
def test_other_files_by_suffix(name):
    assert not layout.is_video(name)


@pytest.mark.parametrize("suffix", sorted(suffixes() & {".avi", ".mkv", ".nut", ".m2t", ".gif"}))
def test_ffmpeg_reads_what_it_writes_under_such_names(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(container.default_video_codec, rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = stream.codec.video_formats[0].name
        for shade in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 10 * shade, np.uint8))
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == 20
