"""What can be said of all launchers' files without running them."""

import re
import shlex
from pathlib import Path

import local
import pytest
import yaml

from jaxvid.cli import flags
from jaxvid.config import files as config_files

ROOT = Path(__file__).parents[2]
LAUNCH = ROOT / "launch"
SCRIPTS = sorted(file for file in LAUNCH.iterdir() if file.suffix in (".sh", ".sbatch"))
FILES = sorted(file for file in LAUNCH.iterdir() if file.is_file())
# What stands before jaxvid's arguments in a command, and the arguments that the launcher adds.
LAUNCHERS = {
    "launch/local.py": ["--distributed"],
    "launch/slurm_train.sbatch": ["--distributed"],
    "launch/slurm_prepare.sbatch": ["--mode=prepare", "--config.data.part=1/8"],
    "launch/cloud_tpu.sh": ["--distributed"],
}
SHOWN = re.compile(
    r"^(?:# +| +)?((?:[A-Z]+=\S+ )*(?:python |sbatch |)(?:--\S+ )*(launch/\w+\.\w+) .*)", re.M
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_shell_scripts_are_sound(check, script):
    check("shellcheck", script)
    check("bash", "-n", script)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_secret_and_no_address_is_in_a_launcher(file):
    _harmless(file.read_text())


@pytest.mark.parametrize(
    "wrong", ["ARG TOKEN=x", "RUN pip install -i x", "ENV A=https://x.example"]
)
def test_a_secret_and_an_address_would_be_found(wrong):
    with pytest.raises(AssertionError):
        _harmless(wrong)


def _harmless(text: str) -> None:
    assert not re.search(r"(?i)token|secret|passw|credential|api_?key", text)
    assert not re.search(r"(?i)://|pip[^\n]* (-i|--(extra-)?index-url|--trusted-host)\b|pip_", text)


def _shown() -> dict[str, list[list[str]]]:
    """Returns the arguments after each launcher's name, in every command that a file shows."""
    found = {name: [] for name in LAUNCHERS}
    for file in FILES:
        text = re.sub(r" \\\n#?\s*", " ", file.read_text())
        for line, name in SHOWN.findall(text):
            words = shlex.split(line, comments=True)
            if name in found:
                found[name].append(words[words.index(name) + 1 :])
    return found


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder as the commands expect it: with the configs and a run."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    config = config_files.to_json(config_files.load("i3d:embedded"))
    (tmp_path / "runs" / "try1").mkdir(parents=True)
    (tmp_path / "runs" / "try1" / "config.json").write_text(config)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("name", LAUNCHERS)
def test_commands_that_are_shown_are_jaxvids(name):
    shown = _shown()[name]
    assert len(shown) >= 2
    for arguments in shown:
        if name == "launch/local.py":
            _, arguments = local._parse(arguments)
        given = [argument.replace("--config=...", "--config=i3d") for argument in arguments]
        parsed = flags.parse([*LAUNCHERS[name], *given])
        assert parsed.config is not None


def test_the_pods_command_is_jaxvids():
    _, job = yaml.safe_load_all((LAUNCH / "kubernetes_train.yaml").read_text())
    (container,) = job["spec"]["template"]["spec"]["containers"]
    parsed = flags.parse([*container["args"]])
    assert parsed.mode == "train"
    pods = job["spec"]["completions"]
    assert parsed.config.train.batch_size % pods == parsed.config.eval.batch_size % pods == 0


def test_the_readme_names_every_launcher():
    readme = (LAUNCH / "README.md").read_text()
    runnable = [file for file in FILES if '__name__ == "__main__"' in file.read_text()]
    for file in [*SCRIPTS, *runnable, *LAUNCH.glob("*.yaml"), LAUNCH / "Dockerfile"]:
        assert file.name in readme, file
