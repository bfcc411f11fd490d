"""Runs jaxvid as several processes on this machine: one for each GPU, or all on the CPU.

    python launch/local.py 4 --config=configs/li3d_bilstm.py --workdir=runs/try1
    python launch/local.py 2 --cpu --restarts=5 --mode=prepare --config=configs/i3d.py

Each process is `python -m jaxvid.main --distributed` with the arguments that follow; each line of
its output starts with its number, `[1] `. Ctrl-C, SIGTERM and SIGHUP reach all processes once and
let them save and exit. If one process fails, the others exit too; those that have not after --grace
seconds get SIGTERM, and 10 s later SIGKILL. No process outlives this one.

Exit status: 0 all processes ended with 0, 2 invalid input, else that of the process that failed
first, 128 + n if signal n killed it; 75 only if all failed after the end of another one.
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

from parser import Parser
from statuses import runs_again
from together import Program, Together

from jaxvid.errors import UserError, one_line
from jaxvid.runtime.signals import ForwardedSignals

PROGRAM = (sys.executable, "-m", "jaxvid.main", "--distributed")
OWN = re.compile(r"\d+|-h|--(help|cpu|(restarts|grace)(=.*)?)")
DRIVER = Path("/dev/nvidiactl")


def main(argv: Sequence[str], program: Sequence[str] = PROGRAM) -> int:
    """Runs the command line; returns the exit status. `program` replaces the main program."""
    try:
        options, arguments = _parse(list(argv))
        devices = devices_for(options.processes, options.cpu, os.environ)
        signals = ForwardedSignals()
        for restarts in itertools.count():
            command = [*program, *arguments]
            programs = [Program(command, found) for found in environments(devices)]
            status = Together(programs, signals, options.grace).run()
            if signals.received or restarts == options.restarts or not runs_again(status):
                break
            print(
                f"the run ended with status {status}; started again, {restarts + 1} of at most "
                f"{options.restarts} times",
                file=sys.stderr,
                flush=True,
            )
        return status
    except (UserError, OSError) as error:
        print(one_line(error), file=sys.stderr)
        return UserError.status


def devices_for(processes: int, cpu: bool, environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Returns for each process the environment variables that assign its device.

    Raises UserError if there are GPUs, but fewer than processes.
    """
    on_cpu = cpu or environment.get("JAX_PLATFORMS") == "cpu"
    gpus = [] if on_cpu else _gpus(environment)
    if not gpus:
        return [{"JAX_PLATFORMS": "cpu"}] * processes
    if len(gpus) < processes:
        raise UserError(
            f"{processes} processes require {processes} GPUs, and there are {len(gpus)} "
            f"({', '.join(gpus)}): start fewer processes, or pass --cpu"
        )
    # Named first, CUDA must work; otherwise JAX would warn and use the CPU.
    platforms = environment.get("JAX_PLATFORMS") or "cuda,cpu"
    return [{"CUDA_VISIBLE_DEVICES": gpu, "JAX_PLATFORMS": platforms} for gpu in gpus[:processes]]


def environments(devices: list[dict[str, str]]) -> list[dict[str, str]]:
    """Returns each process's environment variables, with a port that is free now."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port = tried.getsockname()[1]
    shared = {
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_NUM_PROCESSES": str(len(devices)),
    }
    return [device | shared | {"JAX_PROCESS_ID": str(i)} for i, device in enumerate(devices)]


def _gpus(environment: Mapping[str, str]) -> list[str]:
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        names = (name.strip() for name in given.split(","))
        # As in CUDA, the names after an invalid one do not count.
        return list(itertools.takewhile(lambda name: name and not name.startswith("-"), names))
    advice = "set CUDA_VISIBLE_DEVICES=0,1,..., or pass --cpu"
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None:
        if DRIVER.exists():
            raise UserError(f"there is {DRIVER}, but no nvidia-smi that lists the GPUs: {advice}")
        return []
    # Not their indices: CUDA's order may differ from nvidia-smi's.
    query = [program, "--query-gpu=uuid", "--format=csv,noheader"]
    ended = subprocess.run(query, capture_output=True, text=True)
    if ended.returncode:
        output = " ".join((ended.stdout + ended.stderr).split())
        raise UserError(f"nvidia-smi does not list the GPUs ({output}): {advice}")
    return [line.strip() for line in ended.stdout.splitlines() if line.startswith("GPU-")]


def _parse(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    usage = "python launch/local.py N [--restarts=K] [--cpu] [--grace=S] [jaxvid's flags]"
    parser = Parser("local.py", usage, __doc__)
    add = parser.add_argument
    add("processes", type=int, metavar="N", help="number of processes")
    restarts = "start a run that was killed or lost a process again, at most K times"
    add("--restarts", type=int, default=0, metavar="K", help=restarts)
    add("--cpu", action="store_true", help="use no GPU")
    grace = "seconds that the others have to exit by themselves after one has failed"
    add("--grace", type=float, default=60.0, metavar="S", help=grace)
    own = list(itertools.takewhile(OWN.fullmatch, argv))
    rest = argv[len(own) :]
    for argument in rest:
        if re.fullmatch(r"--(cpu|(restarts|grace)(=.*)?)", argument):
            raise UserError(f"{argument}: must stand before the flags of jaxvid")
    options = parser.parse_args(own)
    for name, least in (("processes", 1), ("restarts", 0), ("grace", 0)):
        if not getattr(options, name) >= least:
            raise UserError(f"{name} {getattr(options, name)}: must be at least {least}")
    return options, rest


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
