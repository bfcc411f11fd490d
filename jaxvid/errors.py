"""Errors that users can mend: the input is invalid, the program is not."""

import difflib
from collections.abc import Iterable

AGAIN = 75  # exit status after the end of another process: run the same command again (sysexits.h)


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
    """Returns the error for an unknown name: "unknown dataset 'x': must be one of ...".

    It ends with the nearest valid names, if any are near.
    """
    names = list(valid)
    near = difflib.get_close_matches(name, names, n=2)
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    return UserError(f"unknown {what} '{name}': must be one of {', '.join(names)}{hint}")


def one_line(error: UserError | OSError) -> str:
    """Returns the message of an error, also of a full disk or a forbidden folder."""
    if isinstance(error, UserError):
        return f"error: {error}"
    where = f": {error.filename}" if error.filename else ""
    return f"error: {error.strerror or error}{where}"
