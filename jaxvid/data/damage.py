"""Errors that name the video, and the shard, which cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxvid.errors import UserError

REMEDY = "delete it, and the same command prepares what it held anew"


def damaged(shard: Path, video_id: str, reason: object) -> UserError:
    """Returns the error of a shard that holds something else where a video should be."""
    text = (str(reason) or type(reason).__name__).splitlines()[0]
    return UserError(f"prepared shard {shard} is damaged (video {video_id}: {text}); {REMEDY}")


@contextmanager
def naming(video_id: str) -> Iterator[None]:
    """Names the video that cannot be read here, in a UserError."""
    try:
        yield
    except UserError:
        raise
    except MemoryError:
        raise UserError(
            f"video {video_id} could not be read because memory ran out; with a smaller "
            "config.data.threads or config.data.prefetch the same command continues"
        ) from None
    except Exception as error:  # of any kind
        raise UserError(
            f"video {video_id} could not be read ({type(error).__name__}: {error}); once that is "
            "put right, the same command continues"
        ) from error
