"""The command line asks for huge pages where the kernel waits to be asked, and only there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxvid.runtime import huge_pages

ARGUMENTS = ["--workdir=runs/a b", ""]
COMMAND = ["python", "-m", "jaxvid.main", *ARGUMENTS]
SCRIPT = "/venv/bin/jaxvid"


@pytest.fixture
def started(monkeypatch, tmp_path):
    """What is started in place of this process, on a machine that gives huge pages on request."""
    commands = []

    def execv(program, command):
        commands.append((program, command, os.environ["GLIBC_TUNABLES"]))

    policy = tmp_path / "enabled"
    policy.write_text("always [madvise] never\n")
    monkeypatch.setattr(huge_pages, "KERNEL", policy)
    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(os, "confstr", lambda _: "glibc 2.35", raising=False)
    monkeypatch.setattr(sys, "orig_argv", COMMAND)
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    return commands


def start():
    huge_pages.start_again(ARGUMENTS)


def test_the_same_command_starts_again_once(started):
    start()
    assert started == [(sys.executable, COMMAND, "glibc.malloc.hugetlb=1")]
    start()  # what the new process does
    assert len(started) == 1


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("/x/jaxvid/__main__.py", ["python", "-m", "jaxvid", *ARGUMENTS]),
        (SCRIPT, ["/venv/bin/python", SCRIPT, *ARGUMENTS]),
    ],
)
def test_the_script_and_the_package_start_again_too(started, monkeypatch, program, command):
    monkeypatch.setattr(sys, "argv", [program, *ARGUMENTS])
    monkeypatch.setattr(sys, "orig_argv", command)
    start()
    assert started == [(sys.executable, command, "glibc.malloc.hugetlb=1")]


def test_other_settings_stay(started, monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=4")
    start()
    assert started[0][2] == "glibc.malloc.arena_max=4:glibc.malloc.hugetlb=1"


def test_a_user_can_say_no(started, monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=0")
    start()
    assert not started


@pytest.mark.parametrize("policy", ["[always] madvise never", "always madvise [never]", None])
def test_not_where_a_kernel_does_not_wait_for_a_request(started, policy):
    huge_pages.KERNEL.unlink()
    if policy:
        huge_pages.KERNEL.write_text(policy)
    start()
    assert not started


@pytest.mark.parametrize("library", ["glibc 2.34", "glibc 1.99", "another 3.0", ValueError, None])
def test_not_where_the_c_library_cannot_ask(started, monkeypatch, library):
    def confstr(_):
        if library is ValueError:
            raise ValueError
        return library

    monkeypatch.setattr(os, "confstr", confstr)
    start()
    assert not started


@pytest.mark.parametrize(
    "command",
    [
        ["python", "-m", "debugger", *COMMAND[1:]],
        ["python", "-X", "dev", *COMMAND[1:]],
        ["python", "jaxvid/main.py", *ARGUMENTS],
        ["python", "-X", "dev", SCRIPT, *ARGUMENTS],
        ["python", SCRIPT, "more", *ARGUMENTS],
        ["pytest"],
    ],
)
def test_not_if_python_was_started_otherwise(started, monkeypatch, command):
    monkeypatch.setattr(sys, "orig_argv", command)
    monkeypatch.setattr(sys, "argv", [SCRIPT, *ARGUMENTS])
    start()
    assert not started


@pytest.mark.parametrize("door", [["-m", "jaxvid.main"], ["-m", "jaxvid"], ["jaxvid"]])
def test_the_command_line_is_one_process(tmp_path, door):
    """Each start of Python leaves a line; the command's output and status are those of one."""
    starts = tmp_path / "starts"
    (tmp_path / "sitecustomize.py").write_text(
        f"import os\nwith open({str(starts)!r}, 'a') as file:\n"
        "    print(os.getpid(), os.environ.get('GLIBC_TUNABLES', ''), file=file)\n"
    )
    environment = {n: v for n, v in os.environ.items() if n != "GLIBC_TUNABLES"}
    if door == ["jaxvid"]:  # as pip writes it
        door = [str(tmp_path / "jaxvid")]
        Path(*door).write_text("import sys\nfrom jaxvid.main import start\nsys.exit(start())\n")
    command = [sys.executable, *door, "--mode=nothing"]
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *sys.path])
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert process.returncode == 2
    assert process.stderr.count("nothing") == 1
    lines = [line.split() for line in starts.read_text().splitlines()]
    assert len({line[0] for line in lines}) == 1
    again = [["glibc.malloc.hugetlb=1"]] if huge_pages._on_request() else []
    assert [line[1:] for line in lines] == [[], *again]
