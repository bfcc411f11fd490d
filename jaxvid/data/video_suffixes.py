"""The suffixes of video files: those of the formats that FFmpeg knows for videos."""

import io
from functools import cache

import av
from av.format import ContainerFormat

# Formats of images, of sound with a picture of its cover, of lists of other files, and of raw
# frames, whose size no file states.
NO_VIDEOS = frozenset(
    (
        *("apng", "avif", "fits", "ico", "image2", "webp"),
        *("aiff", "flac", "mp3", "dash", "hls", "a64", "rawvideo"),
    )
)
# Of sound alone, and of text, in formats of videos.
NO_SUFFIXES = frozenset((".avs", ".isma", ".m4a", ".m4b", ".ra", ".wma"))
# Of formats that FFmpeg reads and does not write, and other names of those that it writes.
MORE = frozenset(
    (
        *(".3g2", ".3gp", ".asf", ".avi", ".dav", ".dif", ".divx", ".f4v", ".flc", ".fli", ".flv"),
        *(
            ".gif",
            ".m2p",
            ".m2t",
            ".m2ts",
            ".m4v",
            ".mk3d",
            ".mkv",
            ".mod",
            ".mov",
            ".mp4",
            ".mp4v",
        ),
        *(".mpe", ".mpeg", ".mpg", ".mpv", ".mts", ".mxf", ".nsv", ".ogm", ".ogv", ".qt", ".rmvb"),
        *(".tod", ".trp", ".ts", ".viv", ".vob", ".vro", ".webm", ".wmv", ".xvid", ".y4m"),
    )
)


@cache
def suffixes() -> frozenset[str]:
    """Returns the suffixes of video files, in lower case and with their dot."""
    return frozenset({*_written(), *MORE} - NO_SUFFIXES)


def _written() -> set[str]:
    """Returns the suffixes of the formats that FFmpeg writes videos in, unless it is told how."""
    found: set[str] = set()
    for name in av.formats_available - NO_VIDEOS:
        try:
            written = ContainerFormat(name, "w")
        except ValueError:  # it only reads it
            continue
        if not written.extensions:
            continue
        with av.open(io.BytesIO(), "w", format=name) as container:
            if container.default_video_codec != "none":
                found |= {f".{suffix.strip().lower()}" for suffix in written.extensions}
    return found
