"""Videos of the kinds that people have, each with the number of a frame in its pixels."""

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from jaxvid.data import video, video_container
from jaxvid.data.video import Facts, Span, VideoError

SIZE = 96, 64  # width, height
LENGTH = 10


def picture(number: int) -> np.ndarray:
    """A frame, (H, W, 3) uint8 BGR, with a colour in each corner and its number in four bits."""
    image = np.full((*SIZE[::-1], 3), 96, np.uint8)
    image[:16, :16], image[:16, -16:] = (0, 0, 255), (0, 255, 0)  # red, green
    image[-16:, :16], image[-16:, -16:] = (255, 0, 0), (255, 255, 255)  # blue, white
    for bit in range(4):
        image[20:44, 8 + 20 * bit : 24 + 20 * bit] = 255 * (number >> bit & 1)
    return image


def number(image: np.ndarray) -> int:
    """The number in a frame of any size."""
    height, width = image.shape[:2]
    places = (int((16 + 20 * bit) * width / SIZE[0]) for bit in range(4))
    return sum(int(image[height // 2, x].mean() > 128) << bit for bit, x in enumerate(places))


def corners(image: np.ndarray) -> list[list[int]]:
    """The colours of the four corners, row by row, BGR, each as black, half or full."""
    found = [image[y, x] for y in (6, -6) for x in (6, -6)]
    return np.rint(np.array(found) / 127.5).astype(int).tolist()


def write(
    path: Path,
    codec: str = "mpeg4",
    fmt: str = "yuv420p",
    rate: Any = 25,
    times: Sequence[int] = range(LENGTH),
    options: dict[str, str] | None = None,
    **how: Any,
) -> Path:
    """Writes frames at `times`, in units of 1 / `rate` seconds; `how`: fields of the encoder."""
    with av.open(str(path), "w") as container:
        try:
            stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        except av.codec.codec.UnknownCodecError:
            pytest.skip(f"this PyAV cannot write {codec}")
        stream.width, stream.height, stream.pix_fmt = *SIZE, fmt
        stream.codec_context.bit_rate = 4_000_000
        for name, value in how.items():
            setattr(stream.codec_context, name, value)
        # An even rate's clock is too coarse for others.
        for count, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(count), format="bgr24")
            frame = frame.reformat(
                format=fmt,
                dst_colorspace=how.get("colorspace"),
                dst_color_range=how.get("color_range"),
                interpolation="BICUBIC",
            )
            frame.pts, frame.time_base = time, 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read(path: Path, facts: Facts) -> list[np.ndarray]:
    return [frame.copy() for frame in video.decode(path, facts)]


UPRIGHT = [[0, 0, 2], [0, 2, 0], [2, 0, 0], [2, 2, 2]]
KINDS = {
    "a.mp4": {},
    "b_frames.mkv": {"codec": "libx264", "max_b_frames": 2},
    "b_frames.avi": {"codec": "mpeg4", "max_b_frames": 2},
    "ten_bit.mp4": {"codec": "libx264", "fmt": "yuv420p10le"},
    "no_subsampling.mp4": {"codec": "libx264", "fmt": "yuv444p"},
    "alpha.mov": {"codec": "prores_ks", "fmt": "yuva444p10le"},
    "av1.mp4": {"codec": "libsvtav1", "bit_rate": 0, "options": {"preset": "10", "crf": "20"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none:pools=1"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime"}},
    "a.gif": {"codec": "gif", "fmt": "rgb8"},
    "a.ts": {"codec": "mpeg2video"},
    "a.mpg": {"codec": "mpeg2video", "max_b_frames": 2},
    "interlaced.mpg": {"codec": "mpeg2video", "options": {"flags": "+ilme+ildct"}},
    "interlaced.mts": {
        "codec": "libx264",
        "options": {"x264-params": "interlaced=1", "preset": "veryfast"},
    },
    "bt709.mp4": {"codec": "libx264", "colorspace": 1},
    "full_range.mp4": {"codec": "libx264", "color_range": 2},
}


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_is_in_its_place(name, tmp_path):
    path, facts = write(tmp_path / name, **KINDS[name]), Facts()
    frames = read(path, facts)
    assert [number(frame) for frame in frames] == list(range(LENGTH))
    assert [corners(frame) for frame in frames] == [UPRIGHT] * LENGTH
    assert all(np.array_equal(*pair) for pair in zip(frames, video.decode(path), strict=True))
    assert facts.clock() == (25, None)
    assert (facts.damaged, facts.dropped, facts.repeated, facts.assumed) == (0, 0, 0, False)


@pytest.mark.parametrize("name", ["bt709.mp4", "full_range.mp4", "ten_bit.mp4"])
def test_colours_follow_their_matrix_and_range(name, tmp_path):
    [frame, *_] = video.decode(write(tmp_path / name, **KINDS[name]))
    for y, x in ((6, 6), (6, -6), (-6, 6), (-6, -6), (2, 48)):
        assert np.abs(frame[y, x].astype(int) - picture(0)[y, x]).max() <= 6


@pytest.mark.parametrize("rate", [Fraction(1, 2), Fraction(24000, 1001), Fraction(24002, 100), 480])
def test_rates_are_those_of_the_file(rate, tmp_path):
    facts = Facts()
    read(write(tmp_path / "a.mp4", rate=rate), facts)
    assert facts.clock() == (pytest.approx(float(rate), rel=1e-5), None)
    assert video.frames_per_second(tmp_path / "a.mp4") == pytest.approx(float(rate), rel=1e-3)


def test_a_repeated_time_changes_no_duration(tmp_path):
    # A quick part and a slow one; Matroska keeps milliseconds, and so repeats a time.
    times = [*range(0, 200, 40), 200, 200, *range(400, 1600, 200)]
    facts = Facts()
    frames = read(write(tmp_path / "a.mkv", "ffv1", "bgr0", 1000, times), facts)
    fps, clock = facts.clock()
    assert facts.repeated == 1
    assert len(frames) / fps == pytest.approx(1.4, abs=0.21)
    assert clock.tolist() == pytest.approx([*np.arange(6) * 0.04, 0.3, *np.arange(0.4, 1.5, 0.2)])


def test_frames_that_are_missing_are_counted(tmp_path):
    facts = Facts()
    read(write(tmp_path / "a.mkv", times=[0, 1, 2, 4, 5, 6, 7]), facts)
    assert facts.clock() == (25, None)
    assert facts.dropped == 1


@pytest.mark.parametrize(("degrees", "turned"), [(90, [1, 3, 0, 2]), (180, [3, 2, 1, 0])])
def test_videos_are_shown_upright(degrees, turned, tmp_path):
    path = write(tmp_path / "a.mp4", "libx264")
    with av.open(str(path)) as source, av.open(str(tmp_path / "b.mp4"), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV cannot write a rotation")
        stream.set_display_rotation(degrees)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    [frame, *_] = video.decode(tmp_path / "b.mp4")
    assert corners(frame) == [UPRIGHT[place] for place in turned]
    assert frame.shape[:2] == (SIZE[::-1] if degrees == 180 else SIZE)


def test_a_matrix_turns_and_mirrors():
    image = np.arange(6).reshape(2, 3, 1)
    one = 1 << 16
    shown = {
        (one, 0, 0, one): [[0, 1, 2], [3, 4, 5]],
        (-one, 0, 0, one): [[2, 1, 0], [5, 4, 3]],
        (0, one, -one, 0): [[3, 0], [4, 1], [5, 2]],  # by a quarter, clockwise
        (0, one, one, 0): [[0, 3], [1, 4], [2, 5]],
    }
    for (a, b, c, d), expected in shown.items():
        matrix = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
        assert video_container._upright(image, matrix)[..., 0].tolist() == expected


def test_pixels_have_their_shape(tmp_path):
    path, facts = write(tmp_path / "a.mp4", sample_aspect_ratio=Fraction(2, 1)), Facts()
    frames = read(path, facts)
    assert (facts.width, facts.height) == (2 * SIZE[0], SIZE[1]) == video.size(path)
    assert [number(frame) for frame in frames] == list(range(LENGTH))


def test_a_cover_is_no_video(tmp_path):
    for name, with_video in (("song.mp4", False), ("film.mp4", True)):
        with av.open(str(tmp_path / name), "w") as container:
            cover: Any = container.add_stream("mjpeg", rate=25)
            cover.width, cover.height, cover.pix_fmt = 128, 128, "yuvj420p"
            cover.disposition = av.stream.Disposition.attached_pic.value
            film: Any = container.add_stream("mpeg4", rate=25)
            film.width, film.height, film.pix_fmt = *SIZE, "yuv420p"
            black = av.VideoFrame.from_ndarray(np.zeros((128, 128, 3), np.uint8), format="bgr24")
            for stream, pictures in ((cover, [black]), (film, [picture(3)] * 3 * with_video)):
                for count, image in enumerate(pictures):
                    frame = image
                    if isinstance(image, np.ndarray):
                        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                    frame.pts, frame.time_base = count, Fraction(1, 25)
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
    assert [number(frame) for frame in video.decode(tmp_path / "film.mp4")] == [3] * 3
    with pytest.raises(VideoError, match=r"picture of its cover|no frame"):
        list(video.decode(tmp_path / "song.mp4"))


def test_what_is_no_video_is_named_with_a_reason(tmp_path):
    path = write(tmp_path / "a.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(VideoError, match="not a video that FFmpeg can open: moov atom not found"):
        list(video.decode(path))
    with av.open(str(tmp_path / "b.mp4"), "w") as container:
        sound: Any = container.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        container.mux([*sound.encode(silence), *sound.encode()])
    with pytest.raises(VideoError, match="it has no video"):
        list(video.decode(tmp_path / "b.mp4"))


def test_a_codec_that_is_missing_is_named(tmp_path):
    path = write(tmp_path / "a.avi")
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"QQQQ"))
    with pytest.raises(VideoError, match=r"no decoder for its codec, none \(QQQQ.*upgrade av"):
        list(video.decode(path))


def test_damage_costs_its_own_frames_alone(tmp_path):
    path = write(tmp_path / "a.ts", "mpeg2video", gop_size=1)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    facts = Facts()
    found = [number(frame) for frame in video.decode(path, facts)]
    assert LENGTH - 3 <= len(found) <= LENGTH
    assert found[0] == 0 and found[-1] == LENGTH - 1
    assert facts.damaged or facts.dropped


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {"codec": "libx264", "gop_size": 5, "max_b_frames": 2}),
        ("a.avi", {"gop_size": 3, "max_b_frames": 1}),
        ("a.mpg", {"codec": "mpeg2video", "gop_size": 5, "max_b_frames": 2}),
        ("a.mkv", {"codec": "ffv1", "fmt": "bgr0"}),
        ("a.ts", {"codec": "mpeg2video", "gop_size": 5}),
    ],
)
def test_a_part_holds_the_frames_that_its_seconds_do(name, how, tmp_path):
    path = write(tmp_path / name, rate=10, times=range(16), **how)
    whole = read(path, Facts())
    assert len(whole) >= 15  # an encoder of AVI with B frames leaves one out
    for start, end, first, last in ((0, 0.3, 0, 3), (0.52, 1.2, 5, 12), (1.16, math.inf, 12, 16)):
        found = Facts()
        part = [frame.copy() for frame in video.decode(path, found, Span(start, end))]
        assert np.array_equal(part, whole[first:last])
        assert (found.clock(), found.damaged) == ((10, None), 0)
    assert found.stated == 0
    with pytest.raises(VideoError, match=r"no frame is shown from 5 to 7 s of it"):
        list(video.decode(path, Facts(), Span(5, 7)))
    # A file that is hardly longer is such a part already.
    assert len(list(video.decode(path, Facts(), Span(5, 5.7, or_whole=True)))) == len(whole)
    assert len(list(video.decode(path, Facts(), Span(0.5, 0.7, or_whole=True)))) in (2, len(whole))


def test_a_part_of_a_folder_of_frames(tmp_path):
    for count in range(10):
        av.VideoFrame.from_ndarray(picture(count), format="bgr24").save(f"{tmp_path}/{count}.png")
    part = video.decode(tmp_path, Facts(), Span(0.08, 0.2))
    assert [number(frame) for frame in part] == [2, 3, 4]


def test_rows_from_the_last_up_are_shown_upright(tmp_path):
    path = write(tmp_path / "raw.avi", "rawvideo", "bgr24")
    content = bytearray(path.read_bytes())
    at = content.index(b"strf") + 8 + 8  # the header's height, whose sign is the order of rows
    height = int.from_bytes(content[at : at + 4], "little", signed=True)
    content[at : at + 4] = (-height).to_bytes(4, "little", signed=True)
    (tmp_path / "turned.avi").write_bytes(content)
    plain, turned = (list(video.decode(tmp_path / name)) for name in ("raw.avi", "turned.avi"))
    assert len(plain) == len(turned) == LENGTH
    for mine, other in zip(plain, turned, strict=True):
        np.testing.assert_array_equal(mine, other[::-1])
