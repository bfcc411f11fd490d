"""Command help: the usage, all commands, or one with its flags and examples."""

from collections.abc import Sequence

from jaxvid.cli.flags import FLAGS
from jaxvid.cli.modes import MODES, TOOLS
from jaxvid.errors import unknown

USAGE = """\
usage: jaxvid COMMAND [ARGUMENTS] [--FLAG=VALUE ...] [--config.FIELD=VALUE ...]
  jaxvid train li3d_bilstm                           train on the built-in dataset and report
  jaxvid train li3d_bilstm:folder,scale=small --config.data.root=DIR      ... on your videos
  jaxvid predict runs/li3d_bilstm-folder clip.mp4    label videos
  jaxvid configs; jaxvid fields                      list the configs; the fields to set
  jaxvid help [COMMAND]                              all commands; one with its flags, examples"""
FORMS = """\
CONFIG is a name that `jaxvid configs` lists or the path of a .py file, with the dataset after a
colon: li3d_bilstm:ucf101,split=1. RUN is the folder of a run, its workdir. The same modes, by
flags: python -m jaxvid.main --config=CONFIG [--mode=MODE] [--workdir=RUN]. For several processes
see launch/README.md."""
FIELDS = "set a field of the config; `jaxvid fields` lists them"


def main(arguments: Sequence[str]) -> int:
    """Prints the help on a command, or on all. Raises UserError for an unknown command."""
    if not arguments:
        print(f"{USAGE}\n\ncommands:")
        commands = {name: mode.does for name, mode in MODES.items()}
        commands |= {name: does for name, (_, does) in TOOLS.items()}
        print(*(f"  {name:9} {does}" for name, does in commands.items()), sep="\n", end="\n\n")
        print(FORMS)
        return 0
    name = arguments[0]
    if name in TOOLS:
        takes, does = TOOLS[name]
        print(f"usage: jaxvid {name} {takes}".rstrip(), does, sep="\n\n")
        return 0
    if name not in MODES:
        raise unknown("command", name, [*MODES, *TOOLS])
    mode = MODES[name]
    print(f"usage: jaxvid {name} {mode.arguments} [--FLAG=VALUE ...]\n\n{mode.does}\n\nflags:")
    rows: dict[str, str] = {}
    for flag, meaning in mode.flags.items():
        default = FLAGS[flag][1]
        shown = flag if isinstance(default, bool) else f"{flag}=VALUE"
        rows[shown] = f"{meaning} (default {default})" if default else meaning
    if mode.arguments.split()[0] == "CONFIG":
        rows["workdir=DIR"] = f"folder of the run (default runs/NAME-DATASET{mode.suffix})"
    if mode.distributes:
        rows["distributed"] = "this is one of several processes; see launch/README.md"
    if mode.needs_config:
        rows["config.FIELD=VALUE"] = FIELDS
    print(*(f"  --{shown:20} {meaning}" for shown, meaning in rows.items()), sep="\n")
    print("\nexamples:", *(f"  jaxvid {example}" for example in mode.examples), sep="\n")
    return 0
