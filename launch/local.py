"""Runs jaxvid as several processes on this machine: one for each GPU, or all on the CPU.

    python launch/local.py 4 --config=configs/li3d_bilstm.py --workdir=runs/try1
    python launch/local.py 2 --cpu --restarts=5 --mode=prepare --config=configs/i3d.py

Each process is `python -m jaxvid.main --distributed` with the arguments that follow; every line
that it prints stands behind its number, `[1] `. Ctrl-C, SIGTERM and SIGHUP reach all processes once
and let them save and leave. Where one process fails, the others say so and leave too; those that
have not after --grace seconds get SIGTERM, and 10 s later SIGKILL. No process outlives this one.

Exit status: 0 all have ended with 0, 2 wrong input, else that of the process which failed first,
128 + n where signal n killed it; 75 only where all failed as they lost another one.
"""

import argparse
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from statuses import runs_again
from together import Program, Together

from jaxvid.cli.parser import Parser
from jaxvid.errors import UserError, one_line
from jaxvid.runtime.stop_signals import StopSignals

PROGRAM = (sys.executable, "-m", "jaxvid.main", "--distributed")
OWN = re.compile(r"\d+|-h|--(help|cpu|(restarts|grace)(=.*)?)")
DRIVER = Path("/dev/nvidiactl")


def main(argv: Sequence[str], program: Sequence[str] = PROGRAM) -> int:
    """Runs the command line; returns the exit status. `program` stands in for the main program."""
    try:
        options, arguments = _parse(list(argv))
        devices = devices_for(options.processes, options.cpu, os.environ)
        stops = StopSignals()
        for run in itertools.count(1):
            command = [*program, *arguments]
            programs = [Program(command, found) for found in environments(devices)]
            status = Together(programs, stops, options.grace).run()
            if stops.received or run > options.restarts or not runs_again(status):
                return status
            print(
                f"the run ended with status {status}; started again, {run} of at most "
                f"{options.restarts} times",
                file=sys.stderr,
                flush=True,
            )
    except (UserError, OSError) as error:
        print(one_line(error), file=sys.stderr)
        return 2


def devices_for(processes: int, cpu: bool, environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Returns for each process the environment variables that say which device it takes.

    Raises UserError where there are GPUs, and fewer than processes.
    """
    if cpu or environment.get("JAX_PLATFORMS") == "cpu":
        return [{"JAX_PLATFORMS": "cpu"}] * processes
    gpus = _gpus(environment)
    if not gpus:
        return [{"JAX_PLATFORMS": "cpu"}] * processes
    if len(gpus) < processes:
        raise UserError(
            f"{processes} processes and {len(gpus)} GPUs ({', '.join(gpus)}): every process takes "
            "one; fewer processes, or --cpu, are wanted"
        )
    # Named first, CUDA must work: without, JAX would warn and take the CPU.
    platforms = environment.get("JAX_PLATFORMS") or "cuda,cpu"
    return [{"CUDA_VISIBLE_DEVICES": gpu, "JAX_PLATFORMS": platforms} for gpu in gpus[:processes]]


def environments(devices: list[dict[str, str]]) -> list[dict[str, str]]:
    """Returns each process's environment variables; they will meet at a port that is free now."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port = tried.getsockname()[1]
    together = {
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_NUM_PROCESSES": str(len(devices)),
    }
    return [
        device | together | {"JAX_PROCESS_ID": str(number)} for number, device in enumerate(devices)
    ]


def _gpus(environment: Mapping[str, str]) -> list[str]:
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        names = (name.strip() for name in given.split(","))
        # As CUDA reads it: what follows an invalid name does not count.
        return list(itertools.takewhile(lambda name: name and not name.startswith("-"), names))
    advice = "set CUDA_VISIBLE_DEVICES=0,1,..., or give --cpu"
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None:
        if DRIVER.exists():
            raise UserError(f"there is {DRIVER}, but no nvidia-smi that names the GPUs: {advice}")
        return []
    # Not their indices: CUDA's own order may be another than nvidia-smi's.
    query = [program, "--query-gpu=uuid", "--format=csv,noheader"]
    asked = subprocess.run(query, capture_output=True, text=True)
    if asked.returncode:
        said = " ".join((asked.stdout + asked.stderr).split())
        raise UserError(f"nvidia-smi does not name the GPUs ({said}): {advice}")
    return [line.strip() for line in asked.stdout.splitlines() if line.startswith("GPU-")]


def _parse(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = Parser(
        prog="local.py",
        usage="python launch/local.py N [--restarts=K] [--cpu] [--grace=S] [jaxvid's flags]",
        description=__doc__,
    )
    parser.add_argument("processes", type=int, metavar="N", help="how many processes")
    parser.add_argument(
        "--restarts",
        type=int,
        default=0,
        metavar="K",
        help="start a run again, at most K times, that was killed or lost a process",
    )
    parser.add_argument("--cpu", action="store_true", help="leave GPUs alone")
    parser.add_argument(
        "--grace",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds that the others have to end by themselves where one has failed",
    )
    ours = list(itertools.takewhile(OWN.fullmatch, argv))
    rest = argv[len(ours) :]
    for argument in rest:
        if re.fullmatch(r"--(cpu|(restarts|grace)(=.*)?)", argument):
            raise UserError(f"{argument}: it belongs before the flags of jaxvid")
    options = parser.parse_args(ours)
    for name, least in (("processes", 1), ("restarts", 0), ("grace", 0)):
        if not getattr(options, name) >= least:
            raise UserError(f"{name} {getattr(options, name)}: at least {least} is wanted")
    return options, rest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
