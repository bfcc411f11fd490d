"""Mode features: the features of every window of videos, one .npz file per video."""

from pathlib import Path

from jaxvid.cli.command import Command, check_trained, part_of
from jaxvid.cli.printing import bar, find, warn_left_out, warn_skipped
from jaxvid.config import checks as config_checks
from jaxvid.errors import UserError
from jaxvid.inference import features, video_files
from jaxvid.inference.feature_files import SUFFIX, claim, is_whole, source_of
from jaxvid.runtime.signals import Signals


def run(command: Command, signals: Signals) -> int:
    """Writes the features of the videos named, or of this process's part, that are not there yet.

    `output`: a folder; each file lies at the video's path below the argument. Returns 1 where a
    video is skipped. Raises UserError for invalid input, and where no video decodes.
    """
    check_trained(command)
    config, output = part_of(command), command.options["output"]
    if config.eval.shuffle_frames:
        raise UserError("config.eval.shuffle_frames=true: --mode=features keeps frames in order")
    if not output:
        raise UserError("--mode=features writes to --output=FOLDER")
    target = Path(output)
    if target.exists() and not target.is_dir():
        raise UserError(f"--output={target} is a file: it must be a folder")
    found = find(command.arguments, config)
    names = video_files.outputs_of(found.videos, target, SUFFIX)
    network, about = features.opened(config, command.workdir)
    network.batch_size()  # one that cannot fit is refused before the folder is claimed
    claim(target, about)
    number, parts = config_checks.part(config.data.part)
    videos = list(found.videos)[number - 1 :: parts]
    if not videos:
        warn_skipped(found.invalid, len(found.videos))
        there_are = f"there are {len(found.videos)} videos, and the parts before it have them all"
        print(f"part {number} of {parts} is empty: {there_are}")
        return int(bool(found.invalid))
    modalities = video_files.modalities_of(config, network.class_names)
    todo = {
        path: names[path]
        for path in videos
        if not is_whole(names[path], source_of(path, modalities), about["made_by"])
    }
    there = len(videos) - len(todo)
    with bar("features", len(videos), there) as done:
        failed = features.write(network, about, todo, done)
    new = len(todo) - len(failed)
    warn_left_out(found)
    warn_skipped(found.invalid | failed, new + there)
    print(f"features of {new} videos are new in {target}, of {there} were there")
    return int(bool(found.invalid or failed))
