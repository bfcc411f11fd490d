"""The documents: their commands parse, their Python runs, what they name exists."""

import inspect
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import local
import numpy as np
import pytest

import jaxvid
from jaxvid import config as configs
from jaxvid.cli import ablate, flags, modes
from jaxvid.config import files as config_files
from jaxvid.experiment import experiment as experiments

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*DOCUMENTS, ROOT / "CHANGELOG.md", ROOT / "launch/README.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OTHERS = {"cp", "python3", "pip", "pytest", "ruff", "mypy", "lint-imports", "sbatch", "docker"}
OTHERS |= {"kubectl", ".", "pre-commit", "launch/cloud_tpu.sh"}
MADE_BY_HAND = {"exported/example.py"}  # what a command above it writes


def blocks(path: Path, *languages: str) -> list[str]:
    return [text for language, text in BLOCK.findall(path.read_text()) if language in languages]


def spans(path: Path) -> list[str]:
    """Returns what stands in backticks in the text of a page."""
    return re.findall(r"`([^`\n]+)`", BLOCK.sub("", path.read_text()))


def commands(text: str) -> Iterator[list[str]]:
    """Yields the commands of a shell block, word by word, without variables before them."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words:
            end = words.index("&&") if "&&" in words else len(words)
            command, words = words[:end], words[end + 1 :]
            while command and re.match(r"[A-Z_]+=", command[0]):
                command = command[1:]
            if command:
                yield command


def parse(arguments: Sequence[str]) -> None:
    """Parses a command line of jaxvid without running it. Raises UserError for a wrong one."""
    if arguments and arguments[0] == "ablate":
        parse_tables(arguments[1:])
    elif not arguments or arguments[0] not in modes.TOOLS:
        flags.parse(arguments)


def parse_tables(arguments: Sequence[str]) -> None:
    values, names, _ = ablate._parse(arguments)
    ablate._tables(names, values.list)


def check_command(words: list[str]) -> None:
    match words:
        case ["jaxvid", *arguments] | ["python", "-m", "jaxvid" | "jaxvid.main", *arguments]:
            parse(arguments)
        case ["python", "launch/local.py", *arguments]:
            parse(local._parse(arguments)[1])
        case ["python", "launch/ablate.py", *arguments]:
            parse_tables(arguments)
        case ["python", script, *arguments] if (ROOT / script).is_file():
            source = (ROOT / script).read_text()
            for argument in arguments:
                if argument.startswith("--") and argument != "--help":
                    assert f'"{argument.partition("=")[0]}"' in source, (script, argument)
        case ["python", "-m", "venv", *_]:
            pass
        case ["sbatch", *arguments]:
            script = next(i for i, word in enumerate(arguments) if word.startswith("launch/"))
            assert (ROOT / arguments[script]).is_file()
            parse(arguments[script + 1 :])
        case _:
            assert words[0] in OTHERS or words[-2] in MADE_BY_HAND, words


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder with the configs, in which every run that a page names is there."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    config = config_files.to_json(config_files.load("li3d_bilstm"))
    for page in PAGES:
        for run in re.findall(r"\bruns/[\w-]+", page.read_text()):
            (tmp_path / run).mkdir(parents=True, exist_ok=True)
            (tmp_path / run / "config.json").write_text(config)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_commands_have_the_flags_that_there_are(page, checkout):
    for block in blocks(page, "sh", "bash"):
        for command in commands(block):
            check_command(command)


@pytest.mark.parametrize(
    "command",
    [
        "jaxvid predict runs/try1 clip.mp4 --tpo=3",
        "python -m jaxvid.main --config=configs/li3d_bilstm.py --config.train.batchsize=3",
        "jaxvid prepair li3d_bilstm",
        "python launch/ablate.py A9",
        "python tests/benchmarks/step.py --no-such-flag",
        "jaxvidd train",
    ],
)
def test_a_wrong_command_is_found(command, checkout):
    with pytest.raises((jaxvid.errors.UserError, AssertionError)):
        check_command(shlex.split(command))


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.stem)
def test_flags_and_fields_in_the_text_are_there(page):
    fields = configs.flatten(configs.default())
    sections = {field.partition(".")[0] for field in fields}
    for span in spans(page):
        for name in re.findall(r"(?<!\S)--([\w.]+)", span if span.startswith("--") else ""):
            field = name.removeprefix("config.")
            known = flags.FLAGS if field == name else {*fields, "FIELD"}
            assert field in {*known, "list", "likeness"}, (page.name, span)
        name = span.partition("=")[0]
        if re.fullmatch(r"[a-z]+(\.\w+)+", name) and name.partition(".")[0] in sections:
            renamed = page.stem == "CHANGELOG" and name in config_files.RENAMED
            python = page.stem == "api" or name.endswith((".py", ".json"))
            assert renamed or python or name in fields, (page.name, span)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_files_and_links_are_there(page):
    for span in spans(page):
        for name in re.findall(r"(?<!\S)((?:jaxvid|configs|launch|tests|docs)/[\w./*-]*)", span):
            made_up = "NAME" in name or (page.stem == "CHANGELOG" and "pretrained" in name)
            assert made_up or list(ROOT.glob(name.rstrip("/"))), (page.name, span)
    for target in re.findall(r'(?:\]\(|src=")([^)"]+)', page.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        other = page.parent / name if name else page
        assert other.is_file(), (page.name, target)
        if anchor:
            headings = re.findall(r"^#+ (.*)$", other.read_text(), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings]
            assert anchor in slugs, (page.name, target)


def test_the_readme_is_short_and_its_first_blocks_are_what_ci_runs():
    assert len(README.read_text().splitlines()) <= 150
    main, test = blocks(README, "bash")
    assert main == "pip install -e .\npython -m jaxvid.main --config=configs/li3d_bilstm.py\n"
    assert test == "pip install -e '.[test]'\npytest\n"


def test_every_config_is_in_the_readme_and_the_results():
    for page in (README, ROOT / "docs" / "results.md"):
        named = spans(page)
        for config in (ROOT / "configs").glob("*.py"):
            assert config.stem in named, (page.name, config.stem)


def test_every_command_and_flag_is_in_the_command_line_page():
    text = (ROOT / "docs" / "cli.md").read_text()
    for name in (*modes.MODES, *modes.TOOLS):
        assert f"`{name}`" in text
    for mode in modes.MODES.values():
        for flag in mode.flags:
            assert f"| `--{flag}" in text, flag


@pytest.fixture
def quickstart(tiny, saved, tmp_path, monkeypatch):
    """A folder with the run and the video of the README's quickstart, both tiny."""
    monkeypatch.chdir(tmp_path)
    experiment = experiments.open_experiment(tiny)
    saved(experiment, tmp_path / "runs" / "li3d_bilstm-embedded")
    video = next(Path(tiny.data.root).glob("UCF-101/SitDown/*.avi"))
    shutil.copy(video, tmp_path / "clip.avi")
    shutil.copy(video, tmp_path / "clip.mp4")
    return experiment


def run(code: str, page: Path) -> None:
    exec(compile(code, str(page), "exec"), {"__name__": "__main__"})


@pytest.mark.usefixtures("shallow")
def test_the_readmes_python_runs(quickstart, capsys):
    (code,) = blocks(README, "python")
    run(code, README)
    printed = capsys.readouterr().out
    assert all(name in printed for name in quickstart.data.dataset.class_names)
    assert printed.endswith("(2, 5)\n")


@pytest.mark.usefixtures("shallow")
def test_the_python_of_the_api_page_runs(quickstart, capsys):
    api = ROOT / "docs" / "api.md"
    trained, models, published, loop = blocks(api, "python")
    run(trained, api)
    run(models, api)
    (call,) = re.findall(r"pretrained\.load\((.*)\)", published)
    inspect.signature(jaxvid.pretrained.load).bind(*call.split(", "))
    capsys.readouterr()
    run(loop, api)
    losses = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert len(losses) == 10 and np.isfinite(losses).all()
    assert losses[-1] < losses[0]
