"""The door to the command line: logging, signals and the exit status.

`jaxvid help` explains the commands; `python -m jaxvid.main --config=NAME` trains, too.
"""

import importlib
import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from jaxvid.errors import UserError, one_line
from jaxvid.runtime import huge_pages
from jaxvid.runtime.signals import Signals, interrupt_again, is_interrupt


def main(argv: Sequence[str]) -> int:
    """Runs a command line. Returns the exit status: 0 done, 2 wrong input, 128 + n for signal n.

    `argv`: the program, then its arguments. With --distributed the status is also 75: another
    process has ended, and the same command continues.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING, force=True)
    for library in ("absl", "asyncio"):  # what Orbax logs there comes as an exception too
        logging.getLogger(library).setLevel(logging.CRITICAL)
    signals, mode = Signals(), None
    try:
        # Here, so that a signal meanwhile is handled, and that Python starts again without them.
        from jaxvid.cli import flags, help
        from jaxvid.cli.modes import MODES, TOOLS

        _, *arguments = argv
        if not arguments:
            print(help.USAGE, file=sys.stderr)
            return 2
        if arguments[0] in TOOLS:
            return _tool(*arguments)
        command = flags.parse(arguments)
        mode = MODES[command.mode]
        return mode.run(command, signals)
    except (Exception, KeyboardInterrupt) as error:
        if is_interrupt(error):
            continues = mode is not None and mode.continues
            text = "stopped; the same command continues" if continues else "stopped"
            print(text, file=sys.stderr)
            return 128 + signals.received
        if isinstance(error, BrokenPipeError):  # `head` and its like read no further
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE
        if not isinstance(error, UserError | OSError):
            raise
        print(one_line(error), file=sys.stderr)
        return error.status if isinstance(error, UserError) else 2


def _tool(name: str, *arguments: str) -> int:
    if name != "ablate" and arguments[:1] in (("--help",), ("-h",)):
        name, arguments = "help", (name,)
    status: int = importlib.import_module(f"jaxvid.cli.{name}").main(arguments)
    return status


def _on_unraisable(about: Any) -> None:
    if about.exc_type is KeyboardInterrupt:
        interrupt_again()
    # A save that failed is raised once; what else was being written with it ends silently.
    elif str(about.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(about)


def start() -> NoReturn:
    """Runs this process's command line, and ends the process."""
    huge_pages.start_again(sys.argv[1:])
    # Set before JAX and OpenCV are loaded: what they log helps no user.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    sys.unraisablehook = _on_unraisable
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be text
    status = main(sys.argv)
    from jaxvid.runtime import joining

    joining.leave(status)
    sys.exit(status)


if __name__ == "__main__":
    start()
