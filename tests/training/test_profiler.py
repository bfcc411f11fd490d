import gzip
import json

import jax
import jax.numpy as jnp
import pytest

from jaxvid import config as configs
from jaxvid.experiment import experiment as experiments
from jaxvid.training.profiler import Trace
from jaxvid.training.trainer import Trainer


@jax.jit
def advance(state):
    return state + 1


def take(steps, workdir, first=0, last=6, fails_at=0, show=lambda _: None):
    """Takes the steps of a run that does nothing else."""
    train = configs.default().train
    train.profile_steps = steps
    state = jnp.zeros(())
    with Trace(train, workdir, first, last, show) as trace:
        for step in range(first + 1, last + 1):
            trace.begin(step, state)
            if step == fails_at:
                raise KeyboardInterrupt
            state = advance(state)
            trace.end(step, state)


def events(workdir):
    """The names and arguments of what the only trace in a workdir holds."""
    [path] = workdir.glob("profile/plugins/profile/*/perfetto_trace.json.gz")
    assert list(path.parent.glob("*.xplane.pb"))
    with gzip.open(path, "rt") as file:
        return [(e.get("name"), e.get("args", {})) for e in json.load(file)["traceEvents"]]


def traced(workdir):
    return sorted(int(args["step_num"]) for name, args in events(workdir) if name == "train")


def test_the_steps_from_the_first_to_before_the_last_are_traced(tmp_path):
    shown = []
    take("2:4", tmp_path, show=shown.append)
    assert traced(tmp_path) == [2, 3]
    [line] = shown
    assert line.startswith(f"the trace of steps 2 to 3 is in {tmp_path / 'profile'}: ")


def test_an_interrupted_trace_ends_with_what_was_taken(tmp_path):
    shown = []
    with pytest.raises(KeyboardInterrupt):
        take("2:6", tmp_path, fails_at=4, show=shown.append)
    assert {2, 3} <= set(traced(tmp_path))
    assert "the trace of steps 2 to 3 is in" in shown[0]
    take("1:2", tmp_path / "another")  # no trace is left open


@pytest.mark.parametrize(
    ("steps", "first", "expected"),
    [
        ("9:12", 0, "has steps 1 to 6 to take, so there is no trace"),
        ("9:12", 6, "has no step to take, so there is no trace"),
        ("6:12", 0, "has steps 1 to 6 to take, so the trace has step 6"),
        ("1:9", 4, "has steps 5 to 6 to take, so the trace has steps 5 to 6"),
    ],
)
def test_steps_that_a_run_does_not_take_are_warned_of(tmp_path, caplog, steps, first, expected):
    take(steps, tmp_path, first)
    assert caplog.messages == [f"config.train.profile_steps={steps}: this run {expected}"]
    assert (tmp_path / "profile").exists() == ("no trace" not in expected)


def test_without_steps_nothing_is_written_or_shown(tmp_path, caplog):
    take("", tmp_path)
    assert not caplog.messages
    assert not list(tmp_path.iterdir())


def test_a_training_is_traced_and_ends_as_without(tiny, tmp_path, one_device):
    tiny.model.update(backbone="vgg16", encoder="none", width=0.03125)
    tiny.train.update(epochs=2.0, eval_every=0.0)
    plain = Trainer(experiments.open_experiment(tiny), tmp_path / "plain").run()
    tiny.train.profile_steps = "2:3"
    state = Trainer(experiments.open_experiment(tiny), tmp_path / "traced").run()
    assert traced(tmp_path / "traced") == [2]
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), state, plain))
