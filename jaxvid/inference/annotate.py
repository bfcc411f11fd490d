"""Copies of videos with their labels drawn on the frames, at the videos' own size and rate."""

from collections.abc import Sequence
from pathlib import Path

from jaxvid.data.modalities import Skeletons
from jaxvid.data.supervised import PATIENCE
from jaxvid.data.video import VideoError
from jaxvid.errors import UserError
from jaxvid.inference import labelled_copy, video_files
from jaxvid.inference.labelled_copy import Copying
from jaxvid.inference.timeline import Segment
from jaxvid.runtime import files
from jaxvid.runtime.crew import Crew
from jaxvid.runtime.process_pool import Failure


def copies(videos: dict[Path, Path], folder: Path) -> dict[Path, Path]:
    """Returns the path of each video's copy, in a folder.

    Raises UserError for a path that exists or lies below a file, and for one of two videos.
    """
    names = video_files.outputs_of(videos, folder, ".mp4")
    for name in names.values():
        if name.exists():
            raise UserError(f"--annotate={folder}: {name} exists already; choose another folder")
        files.check_parents(name, f"--annotate={folder}")
    return names


def write(
    path: Path, segments: Sequence[Segment], copy: Path, joints: Skeletons | None = None
) -> None:
    """Writes the copy of a video, or of a file of such `joints`, with the label of each moment.

    In a process of its own. Raises VideoError where the video does not decode, OSError where the
    copy is not written whole.
    """
    texts = [(each.end, f"{each.label} {each.probability:.0%}") for each in segments]

    def into(file: Path) -> None:
        # Absolute: a process keeps the working directory of the time when it was started.
        found = _crew.run(Copying(path.absolute(), joints, texts, file.absolute(), copy))
        if isinstance(found, Failure):
            raise VideoError(f"its decoder {found.reason}", outside=found.killed or found.hung)

    files.write(copy, into)


_crew = Crew(labelled_copy.written, PATIENCE)
