"""The parser of the launchers' own flags."""

import argparse
from typing import NoReturn

from jaxvid.errors import UserError


class Parser(argparse.ArgumentParser):
    """A parser that accepts no abbreviated flags and raises UserError for invalid ones."""

    def __init__(self, prog: str, usage: str, description: str | None):
        super().__init__(
            prog=prog,
            usage=usage,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raises UserError in place of exiting with a usage of several lines."""
        raise UserError(f"{message}; --help shows the flags")
