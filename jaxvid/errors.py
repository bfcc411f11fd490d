"""Errors that users can mend: the input is invalid, the program is not."""

import difflib
import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

AGAIN = 75  # exit status after the end of another process: run the same command again (sysexits.h)

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
_CACHE_REMEDY = "--config.data.cache=FOLDER or the variable XDG_CACHE_HOME puts the cache elsewhere"


class UserError(ValueError):
    """Invalid input, in one sentence that names the file, field or value and what would be valid.

    The command line prints the sentence and exits with status 2. Any other exception is a bug and
    keeps its stack trace.
    """

    status = 2


class Missing(UserError):
    """Another process of the run did not start: the same command may find it the next time."""

    status = AGAIN


def unknown(what: str, name: str, valid: Iterable[str]) -> UserError:
    """Returns the error for an unknown name, such as "unknown mode 'x': must be one of ...".

    The nearest valid name, if any is near, follows in brackets.
    """
    names = list(valid)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return UserError(f"unknown {what} '{name}'{hint}: must be one of {', '.join(names)}")


def user_cache() -> Path:
    """Returns the folder that caches go to where no field says so. Raises UserError without one."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jaxvid"
    except RuntimeError:
        raise UserError(f"there is no home folder for the cache: {_CACHE_REMEDY}") from None


def one_line(error: UserError | OSError) -> str:
    """Returns the message of an error; that of a full disk or a forbidden cache says the remedy."""
    if isinstance(error, UserError):
        return f"error: {error}"
    where = f": {error.filename}" if error.filename else ""
    return f"error: {error.strerror or error}{where}{_remedy(error)}"


def _remedy(error: OSError) -> str:
    remedies = []
    if error.errno in _FULL:
        remedies.append("make room there, and run the same command again")
    if error.errno in (*_FULL, *_FORBIDDEN) and error.filename:
        path = Path(os.fsdecode(error.filename)).absolute()
        with suppress(UserError):  # without a home there is no such cache
            cache = user_cache().absolute()
            if path.is_relative_to(cache) or cache.is_relative_to(path):
                remedies.append(_CACHE_REMEDY)
    return "".join(f"; {remedy}" for remedy in remedies)
