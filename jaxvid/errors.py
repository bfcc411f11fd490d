"""The one exception that means: the input is wrong, the program is not."""

import difflib
from collections.abc import Iterable

AGAIN = 75  # exit status: nothing is wrong, another process has ended; to be run again (sysexits.h)


class UserError(ValueError):
    """Wrong input, in one sentence that names the file, field or value, and what would be right.

    The command line prints the sentence and exits with status 2; anything else that escapes is a
    bug and keeps its stack trace.
    """

    status = 2


class Missing(UserError):
    """Another process of the run was not there: the same command may find it the next time."""

    status = AGAIN


def one_line(error: UserError | OSError) -> str:
    """Returns what to tell of an error: a full disk or a forbidden folder is no bug either."""
    if isinstance(error, UserError):
        return f"error: {error}"
    where = f": {error.filename}" if error.filename else ""
    return f"error: {error.strerror or error}{where}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns the end of a message that names the known words nearest to a mistyped one, or ""."""
    near = difflib.get_close_matches(word, list(known), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""
