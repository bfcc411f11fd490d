"""One task of a SLURM job: `python -m jaxvid.main` in this process, with a status srun can sum up.

srun ends with the highest status of all tasks, and by that one task's 2 (wrong input) would vanish
behind the 75 or 137 of those who ended in consequence. So a status that is not to be run again
leaves here as 200 more, above all signals' ones; launch/slurm_step.sh takes them off again.
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
        # In this very process, so that signals reach it once, whomever SLURM sends them to.
        runpy.run_module("jaxvid.main", run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
    except Exception:
        traceback.print_exc()
        status = 1
    return for_srun(status)


def for_srun(status: int) -> int:
    """Returns a status such that the highest of several tells whether to run again.

    One to 51 become 201 to 251; what is higher, such as 130, becomes 252, as 253 is srun's own.
    """
    return status if status == 0 or runs_again(status) else FINAL + min(status, 52)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
