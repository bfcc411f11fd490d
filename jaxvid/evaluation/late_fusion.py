"""Late fusion: the scores of several evaluated runs, averaged, as the scores of one.

The classical way to combine an RGB and a flow network (Simonyan and Zisserman 2014): no network is
run again, what each workdir's evaluation wrote is read.
"""

from pathlib import Path
from typing import Any

import numpy as np

from jaxvid.data.datasets import Video
from jaxvid.errors import UserError
from jaxvid.evaluation.evaluate import Scores, write_results
from jaxvid.runtime import files
from jaxvid.workdir import results as result_files
from jaxvid.workdir.results import RESULTS

SUMMED = ("parameters", "parameters_without_classifier", "seconds_per_clip")
ALSO_SUMMED = ("flops_per_clip",)  # where all have it: SIFT has none
NEEDED = (*SUMMED, "step", "split", "dataset", "config")


def fuse(workdirs: list[Path], output: Path) -> dict[str, Any]:
    """Averages the probabilities that several workdirs' evaluations hold, and writes the results.

    Returns what results.json holds: parameters, FLOPs and times are the sums. Raises UserError for
    fewer than two workdirs, one without an evaluation, or evaluations of other clips or classes,
    and where `output` holds something else than an earlier fusion.
    """
    if len(workdirs) < 2:
        raise UserError("--mode=fuse averages the scores of two or more workdirs: name them")
    if len({workdir.resolve() for workdir in workdirs}) < len(workdirs):
        raise UserError("--mode=fuse: a workdir is named twice")
    earlier = output / RESULTS
    if earlier.is_file() and "fused" not in files.read_json(earlier):
        raise UserError(f"{output} holds the results of a run; choose another --workdir")
    runs = [result_files.read(workdir, NEEDED) for workdir in workdirs]
    first = runs[0]
    for workdir, run in zip(workdirs[1:], runs[1:], strict=True):
        if run.class_names != first.class_names:
            raise UserError(f"{workdir} has other classes than {workdirs[0]}")
        if run.clips != first.clips or not np.array_equal(run.labels, first.labels):
            raise UserError(f"{workdir} was evaluated on other clips than {workdirs[0]}")
    results = [run.results for run in runs]
    known = [name for name in ALSO_SUMMED if all(name in result for result in results)]
    summed = {name: sum(result[name] for result in results) for name in (*SUMMED, *known)}
    scores = Scores(
        clips=[
            Video(Path(name), int(label), first.results["split"], "")
            for name, label in zip(first.clips, first.labels, strict=True)
        ],
        probabilities=np.mean([run.probabilities for run in runs], axis=0),
        labels=first.labels,
        seconds_per_clip=summed["seconds_per_clip"],
    )
    about = {
        **summed,
        "step": [result["step"] for result in results],
        "split": first.results["split"],
        "dataset": first.results["dataset"],
        "config": " + ".join(result["config"] for result in results),
        "fused": [str(workdir) for workdir in workdirs],
    }
    return write_results(scores, about, first.class_names, output)
