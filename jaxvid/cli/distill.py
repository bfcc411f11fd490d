"""Mode distill: an LI3D made of a run's I3D with the help of unlabelled videos."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jaxvid.cli.command import Command, check_trained
from jaxvid.cli.printing import bar, find, warn_skipped
from jaxvid.errors import UserError
from jaxvid.experiment import distillation
from jaxvid.experiment.batched import Inference
from jaxvid.experiment.conversion import new_run
from jaxvid.experiment.network import open_network
from jaxvid.inference import predict, video_files
from jaxvid.runtime.signals import Signals


def run(command: Command, signals: Signals) -> int:
    """Writes the LI3D's run to the new folder `output`.

    Returns 1 where a video is skipped. Raises UserError for invalid input, for a run of another
    backbone, and where no video decodes.
    """
    check_trained(command)
    config, output = command.config, command.options["output"]
    if not output:
        raise UserError("distill writes to --output=FOLDER")
    if Path(output).exists():
        raise UserError(f"{output} exists already; choose another one")
    made = distillation.student_config(config)
    found = find(command.arguments, config)
    teacher = Inference(config, command.workdir, wanted=("embedding",))
    backbone = {
        kind: tree["backbone"] for kind, tree in teacher.variables.items() if "backbone" in tree
    }
    inputs = distillation.LayerInputs(teacher.network.model.backbone, backbone, config.seed)

    def forward(clips: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        for key, clip in clips:
            if clip is not None:
                inputs.add(clip)
            yield key, {}

    cut, failed = predict.clip_of(config, teacher.class_names), dict[Path, str]()
    with bar("distilling", len(found.videos)) as done:
        for _ in video_files.infer(forward, cut, config, found.videos, failed, done, ahead=2):
            pass
    used = len(found.videos) - len(failed)
    warn_skipped(found.invalid | failed, used)
    variables = distillation.student(teacher.variables, inputs.moments)
    network = open_network(made, len(teacher.class_names))
    with new_run(Path(output), network, variables, teacher.class_names):
        pass
    print(f"LI3D, made of the I3D of {command.workdir} and {used} videos, is in {output}")
    return int(bool(found.invalid or failed))
