"""Export: a workdir's network as files that run with JAX alone, without this package."""

from pathlib import Path
from typing import Any, cast

import flax
import jax
import numpy as np
from jax import export as jax_export
from ml_collections import ConfigDict

from jaxvid import skeletons
from jaxvid.data import loading, skeleton_input, video_container, video_facts
from jaxvid.data.clip_cutting import as_clip
from jaxvid.data.modalities import Skeletons
from jaxvid.data.skeleton_files import FORMATS
from jaxvid.errors import UserError
from jaxvid.experiment.batched import Inference
from jaxvid.experiment.network import Network, forward, open_network
from jaxvid.inference import video_files
from jaxvid.models.layers.conv import FASTEST
from jaxvid.runtime import files
from jaxvid.runtime.devices import compute_dtype

# The platforms of each program, by the value of `jax.default_backend`.
PLATFORMS = {"cpu": ("cpu",), "gpu": ("cuda", "rocm"), "tpu": ("tpu",)}
PROGRAM = "network.{}.stablehlo"
ABOUT, WEIGHTS, EXAMPLE = "about.json", "weights.npz", "example.py"
# Modules that the example reads videos with, and joints.
DECODING, JOINTS = (video_facts, video_container), (skeletons, skeleton_input)


def write(config: ConfigDict, workdir: Path, folder: Path) -> int:
    """Writes a workdir's network to the new folder `folder`; returns the step of its checkpoint.

    Raises UserError for a folder that exists, and for a workdir without a network of this config.
    """
    if config.model.system == "sift":
        raise UserError("--mode=export writes a network as a program; the system sift has none")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--output={folder} exists already; choose another name, or delete it")
    trained = Inference(config, workdir, wanted=("logits",))
    weights = flax.traverse_util.flatten_dict(jax.device_get(trained.variables), sep="/")
    for backend in PLATFORMS:
        program = _program(config, len(trained.class_names), backend)
        with files.writing(folder / PROGRAM.format(backend)) as file:
            file.write_bytes(program.serialize())
    files.write_arrays(folder / WEIGHTS, weights)
    example = Path(__file__).with_name("export_example.py").read_text(encoding="utf-8")
    files.write_text(folder / EXAMPLE, example)
    for module in (*DECODING, *(JOINTS if "skeleton" in trained.network.clip_shapes else ())):
        code = Path(str(module.__file__)).read_text(encoding="utf-8")
        for package in ("jaxvid.data.video_facts", "jaxvid.skeletons"):
            code = code.replace(f"from {package} import", f"from {package.split('.')[-1]} import")
        files.write_text(folder / Path(str(module.__file__)).name, code)
    # Last: a folder that has it is complete.
    files.write_json(folder / ABOUT, _about(config, trained, program))
    return trained.step


def _program(config: ConfigDict, classes: int, backend: str) -> jax_export.Exported:
    """Returns a program from weights by name and clips by modality to outputs by name."""
    config = ConfigDict(config.to_dict())
    if config.model.lowering == "auto":
        config.model.lowering = FASTEST[backend]
    network = open_network(config, classes)

    def call(weights: dict[str, Any], clips: dict[str, Any]) -> dict[str, Any]:
        variables = {"batch_stats": {}} | flax.traverse_util.unflatten_dict(weights, sep="/")
        one_view = as_clip({name: clip[:, None] for name, clip in clips.items()})
        outputs = forward(network.model, variables, one_view)
        return {name: outputs[name] for name in ("probabilities", "logits", "embedding")}

    weights = flax.traverse_util.flatten_dict(network.shapes, sep="/")
    return jax_export.export(jax.jit(call), platforms=PLATFORMS[backend])(weights, _inputs(network))


def _inputs(network: Network) -> dict[str, jax.ShapeDtypeStruct]:
    (b,) = jax_export.symbolic_shape("b")
    return {
        name: jax.ShapeDtypeStruct((b, *shape), np.float32 if name == "skeleton" else np.uint8)
        for name, shape in network.clip_shapes.items()
    }


def _about(config: ConfigDict, trained: Inference, program: jax_export.Exported) -> dict[str, Any]:
    data, settings = config.data, loading.clip_settings(config)
    inputs = {
        name: {"shape": ["b", *value.shape[1:]], "dtype": value.dtype.name}
        for name, value in _inputs(trained.network).items()
    }
    outputs = jax.tree.unflatten(program.out_tree, program.out_avals)
    return {
        "config": config.name,
        "step": trained.step,
        "class_names": list(trained.class_names),
        "inputs": inputs,
        "outputs": {name: ["b", *value.shape[1:]] for name, value in outputs.items()},
        "preprocessing": {
            "frames": settings.num_frames,
            "fps": settings.fps,  # 0: the video's own
            "sampling": data.sampling,
            "short_side": data.short_side,
            "jpeg_quality": data.jpeg_quality,
            "crop": "middle square" if settings.is_centred else "whole frame",
            "image_size": settings.image_size,
            "colours": "RGB, uint8 from 0 to 255; scaled inside the network",
            "flow": dict(data.flow.items()) if "flow" in inputs else None,
            "joints": _joints(config, trained) if "skeleton" in inputs else None,
        },
        "programs": {backend: PROGRAM.format(backend) for backend in PLATFORMS},
        "computes_in": compute_dtype(config.train.dtype).name,
        "jax": jax.__version__,
    }


def _joints(config: ConfigDict, trained: Inference) -> dict[str, Any]:
    [modality] = video_files.modalities_of(config, trained.class_names)
    return {
        "skeleton": FORMATS[cast(Skeletons, modality).format].joints,
        "kind": config.data.skeleton_input,
        "view_normalised": config.data.view_normalised,
    }
