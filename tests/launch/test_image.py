"""What can be said of the image without a container engine."""

import importlib.metadata
import json
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "launch" / "Dockerfile").read_text()


def test_the_image_is_sound(check):
    check("hadolint", ROOT / "launch" / "Dockerfile")
    entry = re.search(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.M)[1]
    assert json.loads(entry) == ["python", "-m", "jaxvid.main"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (jax,) = (name for name in project["dependencies"] if re.match(r"jax\b", name))
    assert f'"{jax.replace("jax", "jax[${JAX}]")}"' in DOCKERFILE
    named = re.search(r"^# Variants of JAX: (.*)\.$", DOCKERFILE, re.M)[1].split(", ")
    assert re.search(r"^ARG JAX=(\w+)$", DOCKERFILE, re.M)[1] in named
    assert set(named) <= set(importlib.metadata.metadata("jax").get_all("Provides-Extra"))


def test_the_image_is_built_of_files_that_are_there_and_let_through():
    copied = _copied()
    assert not re.search(r"^ADD ", DOCKERFILE, re.M)
    for name in copied:
        assert (ROOT / name).exists(), name
        assert not _ignored(name), name
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    for name in tracked.stdout.splitlines():
        assert _ignored(name) != (name.split("/")[0] in copied), name
    for name in (".git/config", "jaxvid/data/__pycache__/x.pyc", "runs/try1/config.json", ".env"):
        assert _ignored(name), name

    # What the package is built of.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    assert {*needed, *wheel["packages"], *wheel["force-include"]} == set(copied)


def _copied() -> list[str]:
    lines = re.findall(r"^COPY (.*)$", DOCKERFILE, re.M)
    return [source for line in lines for source in line.split()[:-1]]


def _ignored(name: str) -> bool:
    """Says whether .dockerignore keeps a file from the context: the last line that fits decides."""
    ignored = False
    parts = name.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = re.escape(line.lstrip("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(pattern, path) for path in above):
            ignored = not line.startswith("!")
    return ignored
