"""The Python API: a trained run as a model to call."""

import os
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, overload

import flax.linen as nn
import numpy as np
from ml_collections import ConfigDict

from jaxvid.config import checks, files
from jaxvid.errors import UserError
from jaxvid.experiment import published
from jaxvid.experiment.batched import Inference
from jaxvid.inference import arrays, features, predict, video_files
from jaxvid.inference.video_files import Done
from jaxvid.models import Outputs
from jaxvid.runtime.progress import Bar
from jaxvid.workdir import layout

Video = str | os.PathLike[str]  # a file, or a folder of frames
Videos = list[str] | list[Path]
Labels = list[tuple[str, float]]
Features = dict[str, np.ndarray]
Results = tuple[dict[Path, Any], dict[Path, str]]  # and the reasons for the videos skipped


def load(run: Video, checkpoint: Literal["last", "best"] | None = None) -> "Model":
    """Returns the model of a run's workdir, by default of the checkpoint that its config names.

    A published model's name stands for a run: `i3d_kinetics400`, `li3d_kinetics400`.

    Raises UserError for a folder without a run, and for the system sift, which has no network.
    """
    folder = published.folder_of(run)
    config = files.read(folder / layout.CONFIG)
    config.eval.checkpoint = checkpoint or config.eval.checkpoint
    checks.check(config)
    if config.model.system == "sift":
        raise UserError(f"{folder}: the system sift has no network; --mode=predict labels with it")
    return Model(config, folder)


class Model:
    """A trained network. Its methods compute what the command line does.

    `module` and `variables` are Flax's. Fields of `config` may be set, such as
    `config.windows.stride`. Methods take one video or a list of them, for which they return a list,
    show a bar with `progress`, and raise UserError for a video that does not decode.
    """

    def __init__(self, config: ConfigDict, folder: Path):
        self._labeller = Inference(config, folder, wanted=("probabilities",))
        self._network, self._folder, self.config = self._labeller.network, folder, config
        self._forward = arrays.compiled(self._network)
        self.class_names: tuple[str, ...] = self._labeller.class_names
        self.module: nn.Module = self._network.model
        self.variables: Any = self._labeller.variables

    def __call__(self, clips: Any) -> Outputs:
        """Returns the outputs for clips (B,T,H,W,C) or one clip (T,H,W,C), for which B is 1.

        Images are uint8, or floats in [-1, 1]; several modalities are a dict by name. A program is
        compiled for each shape. Raises TypeError for another type, ValueError for another shape.
        """
        return self._forward(self.variables, arrays.batch_of(self._network, clips))

    @overload
    def predict(self, videos: Video, top: int = ..., progress: bool = ...) -> Labels: ...
    @overload
    def predict(self, videos: Videos, top: int = ..., progress: bool = ...) -> list[Labels]: ...
    def predict(self, videos: Video | Videos, top: int = 5, progress: bool = False) -> Any:
        """Returns a video's `top` pairs (label, probability), the most probable first."""

        def labels(paths: list[Path], done: Done) -> Results:
            found = predict.label(self._labeller, paths, done)
            return dict(found.top(top)), found.skipped

        return _each(videos, labels, progress)

    @overload
    def features(self, videos: Video, progress: bool = ...) -> Features: ...
    @overload
    def features(self, videos: Videos, progress: bool = ...) -> list[Features]: ...
    def features(self, videos: Video | Videos, progress: bool = False) -> Any:
        """Returns times (W,2) in seconds, embedding (W,E), sequence (W,τ,D), logits (W,N)."""
        windows = partial(video_files.windows, self._extractor, features.OUTPUTS)
        return _each(videos, windows, progress)

    def preprocess(self, videos: Video | Videos, progress: bool = False) -> Any:
        """Returns the clip (T,H,W,C) uint8 that an evaluation reads, or (V,T,H,W,C) of V > 1 views.

        Joints are (T,M,V,3) float32; several modalities are a dict by name.
        """
        return _each(videos, partial(predict.clips, self._labeller), progress)

    @cached_property
    def _extractor(self) -> Inference:
        network = Inference(self.config, self._folder, wanted=features.OUTPUTS)
        network.variables = self.variables  # one copy in memory
        return network


def _each(videos: Any, compute: Callable[[list[Path], Done], Results], progress: bool) -> Any:
    one = isinstance(videos, str | os.PathLike)
    paths = [Path(video) for video in ([videos] if one else videos)]
    with Bar("videos", len(paths), quiet=not progress) as bar:
        results, skipped = compute(paths, lambda _: bar.advance())
    for path, reason in skipped.items():
        raise UserError(f"{path}: {reason}")
    return results[paths[0]] if one else [results[path] for path in paths]
