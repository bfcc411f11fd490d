"""jaxvid's command line, made short for tests of whole processes.

Without the report, which takes longer than a small training; C3D with two of its eight
convolutions; one folder for all compiled programs, which the environment names as COMPILED.
"""

import os
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

STAGES = ((64,), (), (), (), (512,))  # of C3D: as many poolings as ever
# `python -c`, unlike `python FILE`, finds jaxvid in the working directory.
PROGRAM = f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import short; short.main()"


def main() -> None:
    """Runs the command line of this process."""
    shorten()
    run()


def shorten() -> None:
    from jaxvid.cli import command, report

    report.add = lambda *_: None
    command.keep_compiled = lambda _: prepare_to_compile()


def prepare_to_compile() -> None:
    import jax
    from jax._src import compiler

    from jaxvid.models import c3d

    c3d.STAGES = STAGES
    # JAX finds no program again under another name of the folder.
    jax.config.update("jax_compilation_cache_dir", os.environ["COMPILED"])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    # On a CPU each of several processes has programs of its own, and JAX keeps those of the first.
    first = SimpleNamespace(process_id=0, client=None)
    compiler.distributed = SimpleNamespace(global_state=first)
    load_tensorboard()


def load_tensorboard() -> None:
    """Imports TensorBoard's writer without PyTorch, which it would load where it is installed."""
    if "torch" not in sys.modules:
        sys.modules["torch"] = None
        import tensorboardX  # noqa: F401

        del sys.modules["torch"]


def run() -> None:
    runpy.run_module("jaxvid.main", run_name="__main__", alter_sys=True)
