import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from jaxvid.data import sampling, video
from jaxvid.data.video import Facts, VideoError

CODECS = [
    *(("MJPG", "avi"), ("XVID", "avi"), ("mp4v", "mp4"), ("mp4v", "mov"), ("VP80", "webm")),
    *(("VP90", "webm"), ("FFV1", "mkv"), ("MPG1", "mpg"), ("mpg2", "ts"), ("WMV2", "wmv")),
    *(("FLV1", "flv"), ("HFYU", "avi")),
]
SIZE = (176, 144)


def frame(t: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A disc that moves right, over a shade that says when."""
    image = np.full((size[1], size[0], 3), 8 * t % 256, np.uint8)
    return cv2.circle(image, (4 * t, size[1] // 2), size[1] // 4, (0, 0, 255), -1)


def write(path: Path, codec: str, length: int = 12, size: tuple[int, int] = SIZE) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), 25, size)
    if not writer.isOpened():
        pytest.skip(f"this OpenCV cannot write {codec}")
    for t in range(length):
        writer.write(frame(t, size))
    writer.release()
    return path


def at_times(path: Path, times: list[int]) -> Path:
    """Writes a video whose frame i is shown at times[i], in 25ths of a second."""
    source = write(path.with_suffix(".avi"), "MJPG", len(times))
    packets = cv2.VideoCapture(str(source), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    raw = [cv2.VIDEOWRITER_PROP_RAW_VIDEO, 1]
    code = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 25, SIZE, raw)
    for time in times:
        writer.set(cv2.VIDEOWRITER_PROP_PTS, time)
        writer.write(packets.read()[1])
    writer.release()
    return path


@pytest.mark.parametrize(("codec", "suffix"), CODECS)
def test_decoding_equals_a_sequential_read(codec, suffix, tmp_path):
    path = write(tmp_path / f"a.{suffix}", codec)
    capture, facts = cv2.VideoCapture(str(path)), Facts()
    frames = list(video.decode(path, facts))
    assert len(frames) == 12
    for shown in frames:
        np.testing.assert_array_equal(shown, capture.read()[1])
    assert not capture.read()[0]
    assert (facts.width, facts.height) == SIZE
    assert facts.clock() == (25, None)
    assert (facts.damaged, facts.repeated, facts.dropped) == (0, 0, 0)
    # What was written comes back, in order.
    for t, shown in enumerate(frames):
        assert abs(int(shown[4, -4].mean()) - 8 * t) < 12


@pytest.mark.parametrize("length", [1, 2])
def test_short_and_odd_videos(length, tmp_path):
    path = tmp_path / "a.avi"  # as a modality of pictures: OpenCV writes even sizes alone
    pictures = [cv2.imencode(".jpg", frame(t, (97, 61)))[1].tobytes() for t in range(length)]
    path.write_bytes(b"".join(pictures))
    assert [f.shape for f in video.decode(path)] == [(61, 97, 3)] * length


def test_grey_videos_have_three_channels(tmp_path):
    path = tmp_path / "a.avi"
    code = cv2.VideoWriter_fourcc(*"FFV1")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 25, SIZE, isColor=False)
    for t in range(3):
        writer.write(np.full(SIZE[::-1], 50 * t, np.uint8))
    writer.release()
    frames = list(video.decode(path))
    assert [f.shape for f in frames] == [(144, 176, 3)] * 3
    assert [int(f.mean()) for f in frames] == [0, 50, 100]


def test_turned_videos_are_shown_upright(tmp_path):
    path = write(tmp_path / "a.mp4", "mp4v", 3)
    upright = list(video.decode(path))
    data = bytearray(path.read_bytes())
    # The matrix of the track's header turns by 90 degrees clockwise.
    start = data.index(b"tkhd") + 44
    assert struct.unpack_from(">9i", data, start) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, start, 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    facts = Facts()
    for turned, before in zip(video.decode(path, facts), upright, strict=True):
        np.testing.assert_array_equal(turned, cv2.rotate(before, cv2.ROTATE_90_CLOCKWISE))
    assert (facts.width, facts.height) == SIZE[::-1] == video.size(path)


def test_a_header_that_lies_about_the_length_is_not_believed(tmp_path):
    path = write(tmp_path / "a.avi", "MJPG", 9)
    data = bytearray(path.read_bytes())
    for place in (data.index(b"avih") + 24, data.index(b"strh") + 40):
        assert struct.unpack_from("<I", data, place) == (9,)
        struct.pack_into("<I", data, place, 5000)
    path.write_bytes(data)
    facts = Facts()
    assert len(list(video.decode(path, facts))) == 9
    assert facts.stated == 5000


def test_frames_of_another_size_are_scaled_to_the_first_ones(tmp_path, monkeypatch):
    sizes = [(40, 60), (40, 60), (80, 50)]
    frames = (np.full((*size, 3), 90, np.uint8) for size in sizes)
    monkeypatch.setattr(video.video_container, "frames", lambda path, facts, span: frames)
    path = tmp_path / "a.avi"
    assert [f.shape for f in video.decode(path)] == [(40, 60, 3)] * 3


def test_a_header_of_absurd_size_is_refused(tmp_path):
    path = write(tmp_path / "a.avi", "HFYU", 2)
    data = bytearray(path.read_bytes())
    place = data.index(b"strf") + 12  # of the picture's header
    assert struct.unpack_from("<2i", data, place) == SIZE
    struct.pack_into("<2i", data, place, 16000, 16000)
    path.write_bytes(data)
    with pytest.raises(VideoError, match="states frames of 16000x16000 pixels"):
        list(video.decode(path))


@pytest.mark.parametrize("name", ["img_001.mp4", "a%03d.avi", "http:a.mp4", "a b'\"ä.avi"])
def test_names_mean_nothing_to_the_decoder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    path.write_text("no video")
    for number in range(3):  # what a series of images would be
        cv2.imwrite(f"img_00{number}.png", frame(0))
    with pytest.raises(VideoError, match="not a video"):
        list(video.decode(path))
    write(Path("good.avi"), "MJPG").rename(path)
    assert len(list(video.decode(path))) == 12


def test_frames_only_shrink():
    frame = np.zeros((48, 64, 3), np.uint8)
    assert video.resize_short_side(frame, 24).shape == (24, 32, 3)
    assert video.resize_short_side(frame.transpose(1, 0, 2), 24).shape == (32, 24, 3)
    assert video.resize_short_side(frame, 50) is frame


def test_a_varying_rate_is_sampled_by_the_clock(tmp_path):
    # A second at 25 frames per second, then four at 5.
    times = [*range(25), *range(25, 125, 5)]
    path = at_times(tmp_path / "a.mp4", times)
    facts = Facts()
    frames = list(video.decode(path, facts))
    assert len(frames) == 45
    fps, clock = facts.clock()
    np.testing.assert_allclose(clock, np.array(times) / 25, atol=1e-6)
    assert fps == pytest.approx(45 / ((times[-1] + 1) / 25))  # the last one, too, by its length
    chosen = sampling.resample(45, fps, 5.0, clock)
    # One frame each fifth of a second, in both parts.
    assert chosen.tolist()[:24] == [0, 5, 10, 15, 20, *range(25, 44)]
    # Never more frames than there are: at most the mean rate.
    assert len(sampling.resample(45, fps, 100.0, clock)) == 45
    assert sampling.resample(45, fps, 0.0, clock).tolist() == list(range(45))


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (np.arange(100) / 25, 25),  # as the header says
        (np.arange(100) / 30, 30),  # even, and the header is wrong
        (np.delete(np.arange(100), 50) / 25, 25),  # one frame was dropped
        (np.zeros(100), 25),  # no times at all
        (np.r_[np.arange(50), np.arange(50)] / 25, 25),  # they start again
        (np.r_[np.arange(50), 1e9 + np.arange(50)] / 25, 25),  # a damaged one
        (np.r_[np.arange(50) / 25, np.full(50, np.nan)], 25),  # half of them are missing
        (np.array([np.nan, np.nan]), 25),
        (np.r_[np.arange(50), 49, np.arange(51, 100)] / 30, 30),  # one is repeated
        (np.r_[np.arange(98), np.nan, np.nan] / 30, 30),  # the last ones are missing
        (np.arange(100) * 1800.0, 25),  # no frame is shown for half an hour
        (np.arange(100) / 1e5, 25),
        (np.array([3.0]), 25),
    ],
)
def test_an_even_rate(times, expected):
    fps, clock = Facts(fps=25, times=times.tolist()).clock()
    assert fps == pytest.approx(expected)
    assert clock is None
