"""What a run writes down while it goes: metrics.jsonl and TensorBoard events."""

import json
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from jaxvid import files

METRICS = "metrics.jsonl"


def read_metrics(workdir: Path) -> list[dict[str, Any]]:
    """Returns the lines of a workdir's metrics.jsonl, but for one that a kill cut short."""
    path = workdir / METRICS
    if not path.is_file():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


class Logs:
    """Writes metrics from a step on; what an interrupted run wrote after that step is forgotten."""

    def __init__(self, workdir: Path, first: int):
        kept = [line for line in read_metrics(workdir) if line["step"] <= first]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        files.write_text(workdir / METRICS, text)
        self._file = (workdir / METRICS).open("a", encoding="utf-8")
        self._events = SummaryWriter(str(workdir / "tensorboard"), purge_step=first + 1)

    def __enter__(self) -> "Logs":
        return self

    def write(self, step: int, values: dict[str, float]) -> None:
        """Writes named numbers of one step."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        for name, value in values.items():
            self._events.add_scalar(name, value, step)

    def __exit__(self, *_: Any) -> None:
        self._file.close()
        self._events.close()
