"""The exit statuses of `python -m jaxvid.main`."""

import signal

from jaxvid.errors import AGAIN


def runs_again(status: int) -> bool:
    """Returns whether the same command, run again, would continue the run.

    `status` is 128 + n if signal n ended it. A run that is done (0), invalid (2), stopped by a bug
    (1) or by Ctrl-C (130) does not run again.
    """
    return status == AGAIN or (status > 128 and status != 128 + signal.SIGINT)
