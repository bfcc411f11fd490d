"""Command fields: the fields of a config, with their defaults and meanings."""

from collections.abc import Sequence

from jaxvid.cli.flags import did_you_mean
from jaxvid.config import fields
from jaxvid.config.files import RENAMED
from jaxvid.errors import UserError


def main(arguments: Sequence[str]) -> int:
    """Prints the fields, or those of one section. Raises UserError for an unknown section."""
    if len(arguments) > 1:
        raise UserError(f"unexpected argument '{arguments[1]}'; usage: jaxvid fields [SECTION]")
    defaults, known = fields.flatten(fields.default()), fields.meanings()
    wanted = arguments[0].removeprefix("config.") if arguments else ""
    wanted = RENAMED.get(wanted, wanted)
    shown = [name for name in known if not wanted or f"{name}.".startswith(f"{wanted}.")]
    if not shown:
        sections = dict.fromkeys(name.rpartition(".")[0] for name in known if "." in name)
        near = did_you_mean(wanted, [*sections, *known]) or f": one of {', '.join(sections)}"
        raise UserError(f"there is no section or field '{wanted}'{near}")
    for name in shown:
        default = str(defaults[name]) or "''"
        print(f"{name:30} {default:16} {known[name]}".rstrip())
    return 0
