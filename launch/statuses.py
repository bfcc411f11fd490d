"""What the exit status of `python -m jaxvid.main` says about running it again."""

import signal

from jaxvid.errors import AGAIN


def runs_again(status: int) -> bool:
    """Returns whether the same command, run again, continues where this run was ended.

    `status` is 128 + n where signal n ended it. What is done (0), wrong (2), a bug (1) or stopped
    by Ctrl-C (130) is not run again.
    """
    return status == AGAIN or (status > 128 and status != 128 + signal.SIGINT)
