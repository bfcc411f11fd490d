import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "launch" / "cloud_tpu.sh"
DEADLINE = 60.0  # seconds; only a hang meets it
# Notes every call. Its answers: a line of `states` for each describe; on the hosts, which are
# this machine, a command is run once for each word of a line of `ends`.
GCLOUD = """#!/bin/bash
shift 3
echo "$*" | head -1 >> "$HERE/calls"
take() { head -1 "$HERE/$1"; sed -i 1d "$HERE/$1"; }
case $1 in
    describe)
        state=$(take states)
        [ "$state" != none ] || { echo "ERROR: NOT_FOUND: no such resource" >&2; exit 1; }
        [ "$state" != denied ] || { echo "ERROR: PERMISSION_DENIED" >&2; exit 1; }
        echo "$state"
        ;;
    ssh)
        for argument; do
            case $argument in
                --command=*kill*) exec bash -c "${argument#--command=}" ;;
                --command=*)
                    for status in $(take ends); do
                        [ "$status" != lost ] || exit 255
                        END=$status bash -c "${argument#--command=}"
                    done
                    ;;
            esac
        done
        ;;
esac
"""
ACTIVATE = """
python() {
    echo "python $*"
    if [ "$END" = wait ]; then
        trap 'kill $!; exit 143' TERM
        echo ready
        sleep 1000 &
        wait
    fi
    return "$END"
}
"""


@pytest.fixture
def start(stand_in, tmp_path) -> Callable[..., subprocess.Popen]:
    """Starts the launcher against slices in these states, whose hosts end with these statuses."""
    stand_in("gcloud", GCLOUD)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").write_text(ACTIVATE)

    def start(states: str, ends: str, *arguments: str, **changes: str) -> subprocess.Popen:
        (tmp_path / "states").write_text(states.replace(" ", "\n") + "\n")
        (tmp_path / "ends").write_text(ends.replace(", ", "\n") + "\n")
        name = f"test-{os.getpid()}"
        environment = {"NAME": name, "ZONE": "here-a", "FOLDER": str(tmp_path)} | changes
        return subprocess.Popen(
            [SCRIPT, *(arguments or ("--config=x",))],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start


@pytest.fixture
def run(start, tmp_path) -> Callable[..., tuple[int, str, str, list[str]]]:
    """Runs it to its end: the status, what was printed and said, the calls of gcloud."""

    def run(*arguments, **changes) -> tuple[int, str, str, list[str]]:
        process = start(*arguments, **changes)
        printed, said = process.communicate(timeout=DEADLINE)
        calls = tmp_path / "calls"
        made = calls.read_text().splitlines() if calls.exists() else []
        return process.returncode, printed, said, [call.split()[0] for call in made]

    return run


def test_a_slice_that_is_there_is_used_and_left(run):
    status, printed, _, calls = run("READY", "0 0", "--config=x y", "--workdir=$HOME")
    assert (status, calls) == (0, ["describe", "ssh"])
    assert printed.count("python -m jaxvid.main --distributed --config=x y --workdir=$HOME\n") == 2


@pytest.mark.parametrize(
    ("ends", "status", "runs"),
    [
        ("0 2", 2, 1),
        ("75 2 75", 2, 1),
        ("75 1", 1, 1),
        ("130 75", 130, 1),
        ("75 137, 143 75, 0 0", 0, 3),
        ("lost, 0", 0, 2),
        ("0 lost, 0 0", 0, 2),
        ("139 75, 75 75, 75 139", 139, 3),
    ],
)
def test_an_interrupted_run_is_started_again(run, ends, status, runs):
    ended, _, _, calls = run("READY READY READY", ends, RUNS="3")
    assert (ended, calls) == (status, ["describe", "ssh"] * runs)


def test_a_preempted_slice_is_created_again_where_that_is_wanted(run, tmp_path):
    (tmp_path / "mount.sh").write_text("")
    create = {"CREATE": "yes", "ACCELERATOR": "v5litepod-16", "VERSION": "v2", "SPOT": "yes"}
    startup = str(tmp_path / "mount.sh")
    status, _, said, calls = run("none PREEMPTED", "lost, 0", **create, STARTUP=startup)
    assert status == 0
    assert calls == ["describe", "create", "ssh", "describe", "delete", "create", "ssh"]
    assert said.count("--accelerator-type=v5litepod-16 --version=v2 --spot --metadata-from-") == 2


@pytest.mark.parametrize(
    ("ends", "deleted"), [("0", True), ("2", True), ("75", False), ("lost", False)]
)
def test_it_is_deleted_at_the_end_where_that_is_wanted(run, ends, deleted):
    *_, calls = run("READY", ends, DELETE="yes", RUNS="1")
    assert calls == ["describe", "ssh", *["delete"] * deleted]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_run_save_and_leave(start, tmp_path, number):
    process = start("READY READY", "wait, 0")
    while process.stdout.readline() != "ready\n":
        assert process.poll() is None
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    printed, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 143
    assert "status 143" in printed
    assert "the same command continues" in said
    assert [call.split()[0] for call in (tmp_path / "calls").read_text().splitlines()] == [
        *("describe", "ssh", "ssh")
    ]


@pytest.mark.parametrize(
    ("states", "changes", "message"),
    [
        ("READY", {"ZONE": ""}, "ZONE is not set"),
        ("READY", {"NAME": "a;b"}, "NAME=a;b: must consist"),
        ("READY", {"FOLDER": "here"}, "FOLDER=here: must be an absolute path"),
        ("READY", {"RUNS": "0"}, "RUNS=0: must be a number from 1"),
        ("READY", {"DELETE": "1"}, "DELETE=1: must be yes or no"),
        ("READY", {"CREATE": "yes"}, "CREATE=yes requires ACCELERATOR"),
        ("none", {}, "CREATE=yes creates it"),
        ("PREEMPTED", {}, "is PREEMPTED; CREATE=yes deletes and creates it"),
        (
            "STOPPED",
            {"CREATE": "yes", "ACCELERATOR": "a", "VERSION": "b"},
            "is STOPPED; must be READY",
        ),
        (
            "denied",
            {"CREATE": "yes", "ACCELERATOR": "a", "VERSION": "b"},
            "gcloud failed to describe",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_nothing_changed(run, states, changes, message):
    status, _, said, calls = run(states, "0", **changes)
    assert status == 2
    assert message in said.splitlines()[-1]
    assert set(calls) <= {"describe"}
