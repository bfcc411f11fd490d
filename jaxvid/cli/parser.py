"""The command lines of the launchers."""

import argparse
from typing import NoReturn

from jaxvid.errors import UserError


class Parser(argparse.ArgumentParser):
    """A parser whose flags are not abbreviated, and that raises UserError for wrong ones."""

    def __init__(self, prog: str, usage: str, description: str | None):
        super().__init__(
            prog=prog,
            usage=usage,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; --help shows the flags")
