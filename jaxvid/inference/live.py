"""Labels of a camera or stream, window by window."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from jaxvid.data import flow
from jaxvid.data.live_source import Camera
from jaxvid.data.windows import Window
from jaxvid.errors import UserError
from jaxvid.experiment.batched import Inference
from jaxvid.inference import video_files
from jaxvid.runtime import process_pool

Labels = list[tuple[str, float]]


@contextmanager
def labelled(
    config: ConfigDict, folder: Path, name: str, top: int
) -> Iterator[Iterator[tuple[Window, Labels]]]:
    """Opens a camera or stream and gives its windows, each with its `top` labels and probabilities.

    Where the network takes longer than the stride, windows of a source that does not wait are left
    out: the labels are those of now. Raises UserError for a source that cannot be opened, and for
    a model that does not read images.
    """
    if config.model.system == "sift":
        raise UserError(f"{name} is labelled by a network; the system sift has none")
    if "skeleton" in config.data.modality:
        raise UserError(f"the model in {folder} reads joints, and {name} shows images")
    if "flow" in config.data.modality and config.data.flow.method == flow.FILES:
        raise UserError(
            f"the model in {folder} reads flow from files, and {name} has none: "
            "--config.data.flow.method=dis estimates it"
        )
    process_pool.set_up_opencv()
    with Camera(name) as camera:
        network = Inference(config, folder, wanted=("probabilities",))
        yield _windows(camera, network, top)


def _windows(camera: Camera, network: Inference, top: int) -> Iterator[tuple[Window, Labels]]:
    modalities = video_files.modalities_of(network.config, network.class_names)
    cutter = video_files.cutter_of(network.config)
    _, stride = cutter.frames(camera.fps)
    size = network.batch_size(most=1)
    for window, clip in cutter.cut(camera.frames(modalities), modalities, camera.fps):
        if camera.waits or camera.behind <= stride / cutter.rate(camera.fps):
            ((_, outputs),) = network([(window, clip)], size)
            shares = outputs["probabilities"]
            best = np.argsort(-shares, kind="stable")[:top]
            yield window, [(network.class_names[i], float(shares[i])) for i in best]
