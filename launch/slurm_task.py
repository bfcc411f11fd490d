"""One task of a SLURM job: `python -m jaxvid.main` in this process, with a status for srun.

srun ends with the highest status of all tasks, so that the 75 or 137 of others would hide the 2
(invalid input) that caused them. A status after which the command must not run again is therefore
raised by 200, above those of signals; launch/slurm_step.sh subtracts that.
"""

import runpy
import sys
import traceback

from statuses import runs_again

FINAL = 200


def main(argv: list[str]) -> int:
    """Runs the main program with these arguments; returns the status for srun."""
    sys.argv = ["jaxvid.main", *argv]
    try:
        # In this process, so that signals reach it once, wherever SLURM sends them.
        runpy.run_module("jaxvid.main", run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
    except Exception:
        traceback.print_exc()
        status = 1
    return for_srun(status)


def for_srun(status: int) -> int:
    """Returns a status such that the highest of several decides whether to run again.

    1 to 51 become 201 to 251; higher ones, such as 130, become 252, because 253 is srun's own.
    """
    return status if status == 0 or runs_again(status) else FINAL + min(status, 52)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
