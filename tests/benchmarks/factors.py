"""LI3D made of the Kinetics I3D in several ways: how near its outputs are to I3D's, on real videos.

    python tests/benchmarks/factors.py --fit=SOME_VIDEOS OTHER_VIDEO ...

`--fit`: a folder of unlabelled videos that the distilled factors are fitted to. Prints for each
LI3D the share of videos with I3D's first label, the mean and least cosine of its embedding with
I3D's, and the relative distance of embeddings and of logits.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import unflatten_dict

import jaxvid
from jaxvid import pretrained
from jaxvid.config import files as config_files
from jaxvid.data.datasets import layout
from jaxvid.experiment import distillation
from jaxvid.experiment.network import forward, open_network
from jaxvid.runtime import devices

VARIANTS: dict[str, dict[str, Any]] = {
    "best factors (li3d_kinetics400)": {},
    "batch norm between the factors": {"linear_factors": False},
    "stem factorised, too": {"factorised_stem": True},
    "temporal factor first": {"kernel_order": "temporal_first"},
}


def outputs(module: Any, variables: Any, clips: list[np.ndarray]) -> list[np.ndarray]:
    """Returns a network's embeddings (B,E) and logits (B,N) of clips (T,H,W,C)."""
    run = devices.jit(lambda v, clip: forward(module, v, clip[None, None]))
    found = [run(variables, clip) for clip in clips]
    return [np.concatenate([each[name] for each in found]) for name in ("embedding", "logits")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", type=Path, required=True)
    parser.add_argument("videos", nargs="+", type=Path)
    arguments = parser.parse_args()
    teacher = jaxvid.load("i3d_kinetics400")
    clips = [teacher.preprocess(video) for video in arguments.videos]
    wanted = outputs(teacher.module, teacher.variables, clips)

    def show(name: str, found: list[np.ndarray]) -> None:
        (embedding, logits), (theirs, their_logits) = found, wanted
        lengths = np.linalg.norm(embedding, axis=1) * np.linalg.norm(theirs, axis=1)
        cosines = (embedding * theirs).sum(axis=1) / lengths
        agree = (logits.argmax(axis=1) == their_logits.argmax(axis=1)).mean()
        away = [
            np.linalg.norm(f - w) / np.linalg.norm(w) for f, w in zip(found, wanted, strict=True)
        ]
        print(
            f"{name:32} label {agree:6.1%}  cosine {cosines.mean():.4f}, least {cosines.min():.4f}"
            f"  distance {away[0]:.3f}, of logits {away[1]:.3f}",
            flush=True,
        )

    for name, fields in VARIANTS.items():
        config = config_files.load("li3d:kinetics,init=li3d_kinetics400")
        config.model.update(**fields)
        network = open_network(config, len(teacher.class_names))
        loaded = pretrained.load_for(config, network.shapes, teacher.class_names)
        variables = {"batch_stats": {}} | unflatten_dict(loaded.values, sep="/")
        show(name, outputs(network.model, variables, clips))
    backbone = {kind: tree["backbone"] for kind, tree in teacher.variables.items()}
    inputs = distillation.LayerInputs(teacher.module.backbone, backbone)
    fitted = layout.videos(arguments.fit)
    for video in fitted:
        inputs.add(teacher.preprocess(video)[None])
    made = distillation.student_config(teacher.config)
    network = open_network(made, len(teacher.class_names))
    variables = distillation.student(teacher.variables, inputs.moments)
    show(f"distilled on {len(fitted)} videos", outputs(network.model, variables, clips))


if __name__ == "__main__":
    main()
