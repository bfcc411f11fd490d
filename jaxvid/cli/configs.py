"""Command configs: the config files that come with jaxvid."""

import ast
from collections.abc import Sequence

from jaxvid.config import files as config_files
from jaxvid.errors import UserError


def main(arguments: Sequence[str]) -> int:
    """Prints each config's name and what it is: the first line of its docstring."""
    if arguments:
        raise UserError(f"unexpected argument '{arguments[0]}'; usage: jaxvid configs")
    for name in config_files.names():
        module = ast.parse(config_files.find(name).read_text(encoding="utf-8"))
        text = ast.get_docstring(module) or ""
        print(f"{name:18} {text.partition(chr(10))[0]}")
    return 0
