"""What is said where a clip cannot be read: of its shard, or of the clip alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jaxvid.errors import UserError

REMEDY = "delete it, and the same command prepares what it held anew"


def damaged(shard: Path, clip_id: str, reason: Any) -> UserError:
    """Returns the error of a shard that holds something else where a clip should be."""
    said = (str(reason) or type(reason).__name__).splitlines()[0]
    return UserError(f"prepared shard {shard} is damaged (clip {clip_id}: {said}); {REMEDY}")


@contextmanager
def naming(clip_id: str) -> Iterator[None]:
    """Names the clip that cannot be read here, in a UserError."""
    try:
        yield
    except UserError:
        raise
    except MemoryError:
        raise UserError(
            f"clip {clip_id} could not be read for want of memory; with a smaller "
            "config.data.threads or config.data.prefetch the same command continues"
        ) from None
    except Exception as error:  # of any kind
        raise UserError(
            f"clip {clip_id} could not be read ({type(error).__name__}: {error}); once that is "
            "put right, the same command continues"
        ) from error
