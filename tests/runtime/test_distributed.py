"""Several processes do the work of one: same batches, same losses, same results."""

import csv
import hashlib
import json
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import forked
import jax
import kill
import numpy as np
import pytest
import short
from jobs import Job
from kill import Place, Reference

from jaxvid.config import files as config_files
from jaxvid.data import pipeline
from jaxvid.data.pipeline import Reading
from jaxvid.errors import UserError
from jaxvid.experiment import experiment as experiments
from jaxvid.experiment.restore import restore
from jaxvid.models import c3d
from jaxvid.runtime import distributed, joining

LAUNCH = Path(__file__).parents[2] / "launch"
STEPS = 18
BATCH = 4
EPOCHS = STEPS * BATCH / 12
# Some steps of a tiny network. Plain gradient descent: Adam follows rounding errors.
SETTINGS = (
    "--config=configs/li3d_bilstm.py:ucf101,split=1,scale=small",
    "--config.data.short_side=40",
    "--config.data.num_frames=8",
    "--config.data.image_size=32",
    "--config.data.workers=1",
    "--config.model.backbone=c3d",  # starts sooner than the others
    "--config.model.encoder=none",
    "--config.model.width=0.0625",
    "--config.model.backbone_dropout=0.5",
    "--config.train.optimizer=sgd",
    "--config.train.learning_rate=0.003",
    f"--config.train.batch_size={BATCH}",
    "--config.train.log_every=1",
    "--config.train.eval_every=8.0",
    "--config.eval.batch_size=4",
    "--config.checkpoint.every=1.0",
)


@pytest.fixture
def place(cache, dataset_root, shared) -> Callable[[Path, int], Place]:
    """Makes the place of a run in several processes."""

    def make(workdir: Path, count: int) -> Place:
        made = Place(dataset_root, cache, workdir, count, shared / "compiled", EPOCHS, SETTINGS)
        return replace(made, starts=forked.start)

    return make


@pytest.fixture
def whole(place, shared) -> Job:
    """A run in one process, from start to end, the same for all tests."""
    job = place(shared / "one", 1).train
    job.finish_once()
    assert len(job.losses()) == STEPS
    return job


@pytest.fixture
def two(place, shared) -> Place:
    """A run in two processes, which launch/local.py starts."""
    made = place(shared / "two", 2)
    job = replace(made.train, count=1, starts=start_local)
    job.finish_once()
    return made


def start_local(arguments, environment, output) -> subprocess.Popen:
    """Starts two processes of the command line with launch/local.py."""
    program = [sys.executable, "-c", short.PROGRAM, "--distributed"]
    code = f"import sys; sys.path.append({str(LAUNCH)!r}); import local; "
    code += f"sys.exit(local.main(sys.argv[1:], {program}))"
    with output.open("w") as file:
        command = [sys.executable, "-c", code, "2", "--cpu", *arguments]
        return subprocess.Popen(command, stdout=file, stderr=file, env=environment)


@pytest.fixture
def one_device(monkeypatch) -> None:
    """One of the eight simulated devices, as on a plain machine."""
    first = jax.devices()[:1]
    monkeypatch.setattr(jax, "devices", lambda *_: first)


def predictions(workdir: Path) -> tuple[list[str], np.ndarray]:
    with (workdir / "predictions.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    return [header[:4], *(row[:4] for row in rows)], np.array([r[4:] for r in rows], float)


def results(workdir: Path) -> dict:
    found = json.loads((workdir / "results.json").read_text())
    return {name: value for name, value in found.items() if name != "seconds_per_clip"}


def parameters(workdir: Path) -> dict:
    experiment = experiments.open_experiment(config_files.read(workdir / "config.json"))
    return restore(experiment.network, workdir)[1]["params"]


def test_two_local_processes_do_what_one_does(whole, two, one_device, monkeypatch):
    workdir = two.workdir
    assert two.train.losses() == pytest.approx(whole.losses(), rel=1e-4, abs=1e-5)
    labels, probabilities = predictions(workdir)
    expected_labels, expected = predictions(whole.workdir)
    assert labels == expected_labels
    np.testing.assert_allclose(probabilities, expected, atol=5e-6)
    assert results(workdir) == results(whole.workdir)
    # One process reads what two have written, and process 0 alone prints.
    monkeypatch.setattr(c3d, "STAGES", short.STAGES)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
        parameters(workdir),
        parameters(whole.workdir),
    )
    printed = replace(two.train, count=1).printed
    said = [line for line in printed.splitlines() if line.startswith("[1] ")]
    assert not [line for line in said if "Gloo" not in line]
    assert "2 x cpu in 2 process(es)" in printed


def test_on_one_four_and_two_a_run_is_the_same(whole, place, tmp_path):
    """Each is asked to leave after some steps; parameters are divided over devices meanwhile."""
    for count, step, divided in ((1, 3, []), (4, 8, ["--config.train.shards=2"])):
        job = place(tmp_path / "run", count).train
        job = replace(job, arguments=[*job.arguments, *divided])
        statuses, printed = job.strike(signal.SIGTERM, job.reached(step), victims=[count - 1])
        assert statuses == [128 + signal.SIGTERM] * count, printed
        assert "stopped and saved" in printed
        assert "Traceback" not in printed
        assert step <= max(job.losses()) < STEPS
    last = place(tmp_path / "run", 2).train
    assert "continues after step" in last.finish()
    assert last.losses() == pytest.approx(whole.losses(), rel=1e-3, abs=1e-4)
    assert predictions(last.workdir)[0] == predictions(whole.workdir)[0]


def test_struck_three_times_two_processes_end_bit_for_bit_the_same(
    two, place, tmp_path, monkeypatch
):
    """Three moments of tests/benchmarks/kill.py."""
    struck = place(tmp_path / "struck", 2)
    strikes = iter([(signal.SIGTERM, [0]), (signal.SIGKILL, [0]), (signal.SIGKILL, [1])])
    monkeypatch.setattr(kill, "pick", lambda rng, count: next(strikes))
    phases = ("training", "saving", "training")
    moments = list(kill.training(struck, Reference(two, {}), phases, random.Random(114)))
    assert [wrong for _, wrong in moments] == [[], [], []]
    assert kill.differences(two.workdir, struck.workdir) == []


@pytest.mark.parametrize("count", [2, 4])
def test_processes_read_the_batches_of_one(whole, count, one_device):
    experiment = experiments.open_experiment(config_files.read(whole.workdir / "config.json"))
    clips = experiment.data.clips("train")

    def batches(reading: Reading) -> list[dict[str, np.ndarray]]:
        stream = pipeline.train_batches(
            *(
                experiment.data.source,
                clips,
                experiment.data.clip_settings,
                BATCH,
                0,
                20,
                26,
                reading,
            )
        )
        return list(stream)

    def digests(parts: list[list[dict[str, np.ndarray]]]) -> list[str]:
        together = [
            {name: np.concatenate([part[name] for part in batch]) for name in batch[0]}
            for batch in zip(*parts, strict=True)
        ]
        return [
            hashlib.sha256(b["clip"].tobytes() + b["label"].tobytes()).hexdigest() for b in together
        ]

    one = digests([batches(Reading(threads=1))])
    assert len({*one}) == 6
    parts = [batches(Reading(1, 4, index, count)) for index in range(count)]
    assert digests(parts) == one


@pytest.mark.parametrize(
    ("environment", "wrong"),
    [
        ({"JAX_PROCESS_ID": "2", "JAX_NUM_PROCESSES": "2"}, "JAX_PROCESS_ID=2"),
        ({"JAX_PROCESS_ID": "0", "JAX_NUM_PROCESSES": "two"}, "JAX_NUM_PROCESSES=two"),
        ({"JAX_PROCESS_ID": "0"}, "only some are set"),
        ({"JAX_COORDINATOR_ADDRESS": "node1"}, "must be HOST:PORT"),
        (
            dict.fromkeys(joining.VARIABLES, ""),
            "no cluster is detected; start the processes",
        ),
    ],
)
def test_what_no_launcher_says_is_refused(environment, wrong, monkeypatch):
    right = {"JAX_COORDINATOR_ADDRESS": "node1:1234"}
    if environment.get("JAX_PROCESS_ID") != "0" or "JAX_NUM_PROCESSES" in environment:
        right |= {"JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "1"}
    for name in joining.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in (right | environment).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=re.escape(wrong)):
        joining.place()


def test_a_launcher_s_variables_say_which_process_this_is(monkeypatch):
    for name, value in zip(joining.VARIABLES, ("node1:1234", "4", "3"), strict=True):
        monkeypatch.setenv(name, value)
    assert joining.place() == joining.Place(3, 4, "node1:1234")


def test_srun_s_variables_do_too(monkeypatch):
    for name in joining.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    slurm = {
        "SLURM_JOB_ID": "77",
        "SLURM_STEP_NODELIST": "node[004-007]",
        "SLURM_NTASKS": "8",
        "SLURM_PROCID": "5",
        "SLURM_LOCALID": "1",
    }
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    place = joining.place()
    assert (place.index, place.count, place.device_ids) == (5, 8, [1])
    assert place.address.startswith("node004:")


def test_alone_nothing_is_waited_for():
    assert distributed.count() == 1
    assert distributed.is_primary()
    distributed.wait_for_all()
    assert distributed.from_primary(lambda: [1, "a"]) == [1, "a"]
    assert distributed.primary_first(lambda: 5) == 5
    asked = distributed.Agreement(lambda: 15)
    assert (asked(), asked.now()) == (15, 15)


@pytest.mark.parametrize("mode", ["predict", "report", "search", "preview"])
def test_work_of_one_process_is_not_divided(mode, tmp_path):
    arguments = [f"--mode={mode}", "--distributed", "--config=configs/li3d_bilstm.py"]
    job = Job([*arguments, f"--workdir={tmp_path}"], tmp_path / "run")
    started = job.start()
    assert started.wait() == [2]
    assert f"--distributed: {mode} runs in one process" in started.printed
