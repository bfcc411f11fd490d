"""What each form of the command line asks for, and what it answers without running anything."""

import re
from pathlib import Path

import pytest

from jaxvid import __version__, config, main
from jaxvid.cli.command import Command, Mode
from jaxvid.cli.flags import FLAGS, parse
from jaxvid.cli.modes import MODES, TOOLS
from jaxvid.config import files as config_files


@pytest.fixture
def workdir(tmp_path, monkeypatch) -> Path:
    """A workdir with a config alone, `runs/try1` of the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/try1")
    folder.mkdir(parents=True)
    loaded = config_files.load("li3d:embedded")
    (folder / "config.json").write_text(config_files.to_json(loaded))
    return folder


def comparable(command: Command) -> tuple:
    found = command.found_config and config.flatten(command.found_config)
    return command.mode, found, command.workdir, command.arguments, command.options


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("train li3d", "--config=li3d"),
        ("train li3d:ucf101,split=2", "-config li3d:ucf101,split=2 -mode train"),
        ("train runs/try1", "--workdir=runs/try1"),
        ("train --workdir=runs/try1", "-workdir runs/try1"),
        ("train i3d --workdir=new --config.seed=3", "--config.seed 3 --workdir new --config i3d"),
        ("eval runs/try1", "--mode=eval --workdir=runs/try1"),
        ("eval runs/try1 --distributed", "--mode eval --workdir runs/try1 --distributed=true"),
        ("report runs/try1 other", "other --mode=report --workdir=runs/try1"),
        ("predict runs/try1 a.mp4 --top=2 b", "a.mp4 b --mode=predict --workdir=runs/try1 --top 2"),
        ("predict --workdir=runs/try1 a.mp4", "a.mp4 --mode=predict --workdir=runs/try1"),
        ("predict runs/try1 a --timeline", "--timeline a --mode=predict --workdir runs/try1"),
        ("predict runs/try1 a", "--notimeline a --mode=predict --workdir runs/try1"),
        ("search runs/try1 --similarity=0.5", "--mode=search --workdir=runs/try1 --likeness=0.5"),
        ("prepare li3d --output=a.txt", "--mode=prepare --config=li3d --output=a.txt"),
        ("preview li3d", "--mode=preview --config=li3d"),
        ("count runs/try1", "--mode=count --workdir=runs/try1"),
        ("count li3d --num_classes=7", "--mode=count --config=li3d --num_classes=7"),
        ("export runs/try1 --output=new", "--mode=export --output=new --workdir=runs/try1"),
        ("fuse new a b", "--mode=fuse --workdir=new a b"),
        ("convert li3d --class_names=x", "--mode=convert --config=li3d --class_names=x"),
    ],
)
def test_a_command_is_its_mode(workdir, short, long):
    assert comparable(parse(short.split())) == comparable(parse(long.split()))


def test_values_are_of_their_fields_types(workdir):
    given = (
        "train li3d --config.train.epochs=3 --config.model.fuse_fc --noconfig.data.augment "
        "--config.data.classes=('Walk','Kick') --config.data.intervals (3,4) "
        "--config.model.remat true --config.name -x --config.data.part=1/2=3"
    )
    found = parse([*given.split(), "--config.data.part=", "--config.train.clip_norm", "0"]).config
    assert repr(found.train.epochs) == "3.0"
    assert repr(found.train.clip_norm) == "0.0"
    assert (found.model.fuse_fc, found.data.augment, found.model.remat) == (True, False, True)
    assert (found.data.classes, found.data.intervals) == (("Walk", "Kick"), (3, 4))
    assert (found.name, found.data.part) == ("-x", "")


def test_a_field_that_is_a_tuple_is_given_once_for_each_item():
    given = ["train", "li3d", "--config.data.classes=Walk", "--config.data.classes=Kick"]
    assert parse(given).config.data.classes == ("Walk", "Kick")


@pytest.mark.parametrize(("old", "new"), config_files.RENAMED.items())
def test_fields_have_their_old_names_too(old, new):
    value = {"data.streams": "flow", "data.shard": "1/2"}.get(old, "imagenet")
    for written in ([f"--config.{old}={value}"], [f"-config.{old}", value]):
        assert config.get(parse(["prepare", "vgg16", *written]).config, new) == value


def run(*arguments: str) -> int:
    return main.main(["jaxvid", *arguments])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("pedict runs/try1", "unknown command 'pedict' (did you mean predict?)"),
        ("zzz", "unknown command 'zzz': must be one of train, eval, "),
        ("help pedict", "unknown command 'pedict' (did you mean predict?)"),
        ("train li3d_blstm", "unknown config 'li3d_blstm' (did you mean li3d_"),
        ("train zzzz", "unknown config 'zzzz': must be one of attention_lstm, "),
        ("train", "CONFIG is missing; usage: jaxvid train CONFIG"),
        ("train li3d extra", "unexpected argument 'extra'; usage: jaxvid train CONFIG"),
        ("train li3d --config.train.epoch=3", "no field config.train.epoch; did you mean train.e"),
        ("train li3d --config.model=3", "there is no field config.model"),
        ("train li3d --config.zzzz=3", "no field config.zzzz; jaxvid fields lists them"),
        ("train li3d --config.train.epochs", "flag --config.train.epochs=true: "),
        ("train li3d --wokdir=3", "there is no flag --wokdir; did you mean --workdir?"),
        ("train li3d --workdir", "Missing value for flag --workdir"),
        ("predict", "RUN is missing; usage: jaxvid predict RUN VIDEO|FOLDER|webcam:N ..."),
        ("predict runs/tyr1 a.mp4", "there is no run 'runs/tyr1'; did you mean runs/try1?"),
        ("predict zzzz a.mp4", "there is no run 'zzzz'; jaxvid train makes one"),
        ("predict runs a.mp4", "runs/config.json does not exist: runs is not a run's workdir"),
        ("predict runs/try1 --top=x", "flag --top=x: "),
        ("predict runs/try1 --classes=a", "--classes is a flag of report, not of predict"),
        ("eval runs/try1 --top=3", "--top is a flag of predict and search, not of eval"),
        ("count li3d --num_classes=0", "flag --num_classes=0: "),
        ("predict runs/try1 a --distributed", "predict runs in one process; train, eval"),
        ("report runs --config.seed=3", "--config.seed: report has no config here"),
        ("--mode=fuse a b", "fuse requires --workdir=DIR"),
        ("fields modle", "there is no section or field 'modle'; did you mean model"),
        ("fields zzzz", "'zzzz': one of data, data.flow, data.embedded, model, "),
        ("configs li3d", "unexpected argument 'li3d'; usage: jaxvid configs"),
    ],
)
def test_invalid_input_is_one_line(workdir, capsys, given, message):
    assert run(*given.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    [line] = printed.err.splitlines()
    assert line.startswith("error: ")
    assert re.search(re.escape(message).replace(r"\.\*", ".*"), line), line


def test_without_arguments_there_is_a_short_usage(capsys):
    assert run() == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 6
    assert "jaxvid help" in printed.err


def output(capsys, *arguments: str) -> str:
    try:
        assert run(*arguments) == 0
    except SystemExit as end:
        assert end.code == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def test_the_help_lists_all_commands(capsys):
    text = output(capsys, "--help")
    assert text == output(capsys, "help") == output(capsys, "-h")
    for name in (*MODES, *TOOLS):
        assert re.search(rf"^  {name} +\w", text, re.MULTILINE)


@pytest.mark.parametrize("name", MODES)
def test_the_help_on_a_command_has_its_own_flags_and_examples(capsys, name):
    text = output(capsys, "help", name)
    assert text == output(capsys, name, "--help") == output(capsys, f"--mode={name}", "--help")
    shown = set(re.findall(r"^  --(\w+)", text, re.MULTILINE))
    assert shown - {"workdir", "distributed", "config"} == MODES[name].flags.keys()
    assert shown <= FLAGS.keys()
    assert all(f"jaxvid {example}" in text for example in MODES[name].examples)


@pytest.mark.parametrize("name", MODES)
def test_examples_are_command_lines(workdir, name):
    for run_ in ("runs/try2", "runs/vgg16_rgb-embedded"):
        Path(run_).mkdir()
    assert MODES[name].examples
    for example in MODES[name].examples:
        assert parse(example.replace("\\\n", "").split()).mode == name


@pytest.mark.parametrize("name", [name for name in TOOLS if name != "ablate"])
def test_the_help_on_a_listing_is_its_usage(capsys, name):
    text = output(capsys, "help", name)
    assert text.startswith(f"usage: jaxvid {name}")
    assert name == "help" or text == output(capsys, name, "--help")


def test_ablate_reads_its_own_flags(capsys):
    assert "A1 " in output(capsys, "ablate", "A1", "--list")


def test_the_version(capsys):
    assert output(capsys, "--version") == f"jaxvid {__version__}\n"


def test_configs_are_listed_with_what_they_are(capsys):
    lines = output(capsys, "configs").splitlines()
    names = [line.split()[0] for line in lines]
    assert names == sorted(path.stem for path in Path("configs").glob("*.py"))
    assert lines[names.index("li3d_bilstm")].split(maxsplit=1)[1].startswith("LI3D-BiLSTM: ")


def test_fields_are_listed_with_default_and_meaning(capsys):
    lines = output(capsys, "fields", "model").splitlines()
    assert all(line.startswith("model.") for line in lines)
    [line] = output(capsys, "fields", "config.model.encoder_layers").splitlines()
    assert line.split(maxsplit=2) == ["model.encoder_layers", "1", "stacked layers of the encoder"]
    [continued] = output(capsys, "fields", "model.backbone").splitlines()
    assert continued.endswith("of rgb+flow: two_stream, conv_fusion; of skeletons: st_gcn")
    assert output(capsys, "fields", "data.streams") == output(capsys, "fields", "data.modality")


def test_the_mode_of_a_command_runs_with_it(workdir, monkeypatch):
    ran = []
    monkeypatch.setattr(Mode, "run", lambda mode, command, _: ran.append((mode, command)) or 7)
    assert run("predict", "runs/try1", "a.mp4") == 7
    [(mode, command)] = ran
    assert mode is MODES["predict"]
    assert (command.mode, command.workdir, command.arguments) == ("predict", workdir, ["a.mp4"])
