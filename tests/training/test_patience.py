"""Early stopping: where a run ends, also after an interruption."""

from types import SimpleNamespace

import pytest
import short

from jaxvid.experiment import experiment as experiments
from jaxvid.models import c3d
from jaxvid.training import patience
from jaxvid.training import trainer as trainers
from jaxvid.training.trainer import Trainer
from jaxvid.workdir import checkpoints
from jaxvid.workdir.metrics_log import read_metrics


@pytest.fixture
def plain(tiny, monkeypatch):
    """`tiny` with a backbone that compiles in a fraction of the time, and has no batch norm."""
    monkeypatch.setattr(c3d, "STAGES", short.STAGES)
    tiny.model.update(backbone="c3d", encoder="none", width=0.03125, backbone_dropout=0.5)
    return tiny


class Scripted:
    """A scorer whose accuracies are given, in the place of an evaluation's."""

    def __init__(self, experiment, accuracies):
        self.accuracies, self.splits = accuracies, []

    def batch_size(self, variables):
        return 8

    def score(self, variables, stop, split):
        if stop():
            return None
        self.splits.append(split)
        return SimpleNamespace(accuracy=self.accuracies.pop(0), loss=1.0)


def test_patience_ends_a_run_where_it_is_over_also_after_an_interruption(
    plain, tmp_path, one_device, monkeypatch
):
    plain.data.validation = 0.3
    plain.train.update(epochs=8.0, patience=2.0, batch_size=8)
    monkeypatch.setattr(trainers, "Scorer", lambda _: scripted[-1])
    experiment = experiments.open_experiment(plain)
    assert (len(experiment.data.clips("val")), len(experiment.data.clips("train"))) == (4, 8)
    script = [0.25, 0.75, 0.5, 0.6, 1.0]
    scripted = [Scripted(None, list(script))]
    shown: list[str] = []
    whole = Trainer(experiment, tmp_path / "whole", shown.append)
    assert int(whole.run().step) == 4  # an epoch is one step, and the second was the best
    message = "stopped early at epoch 4: no better val accuracy than 0.750 after epoch 2"
    assert shown == [message]
    assert set(scripted[0].splits) == {"val"}
    lines = [line for line in read_metrics(tmp_path / "whole") if "val_accuracy" in line]
    assert [line["val_accuracy"] for line in lines] == script[:4]
    assert checkpoints.best_step(tmp_path / "whole" / "checkpoints") == 2

    again = Trainer(experiment, tmp_path / "whole", shown.append)
    again.compile_step = lambda *_: pytest.fail("trained again")
    assert int(again.run().step) == 4
    assert shown == [message] * 2

    for steps in (2, 4):
        # Stopped in an evaluation, which is made up for before the next step.
        folder = tmp_path / f"stopped{steps}"
        scripted.append(Scripted(None, list(script)))
        assert Trainer(experiment, folder).run(lambda n=steps, f=folder: done(f) >= n) is None
        state = Trainer(experiment, folder).run()
        assert int(state.step) == 4
        assert patience.measured(folder, "val", 9) == dict(enumerate(script[:4], 1))


def done(workdir):
    return max((line["step"] for line in read_metrics(workdir) if "loss" in line), default=0)
