"""The names that fields choose from; the families map them to files when one is used.

A new dataset, backbone, encoder, pooling or source of weights is one line here, one line where its
family is listed, and one file.
"""

from collections.abc import Mapping

# With the number of classes of each as it is distributed; None: the folder or the file knows.
DATASETS: Mapping[str, int | None] = {
    "embedded": 10,
    "ucf101": 101,
    "hmdb51": 51,
    "ucf11": 11,
    "ucfsports": 10,
    "kinetics": 400,
    "ssv2": 174,
    "ntu60": 60,
    "ntu120": 120,
    "kinetics_skeleton": 400,
    "utd_mhad": 27,
    "northwestern_ucla": 10,
    "msr_action3d": 20,
    "folder": None,
    "csv": None,
}
OWN = ("folder", "csv")  # of the user's own videos: their names do not determine their content
BACKBONES = (
    *("i3d", "li3d", "c3d", "vgg16", "inception2d"),  # of one modality of images
    *("two_stream", "conv_fusion", "st_gcn"),
)
ENCODERS = ("none", "lstm", "bilstm", "gru", "ln_lstm", "transformer")
POOLINGS = ("mean", "max", "last", "attention", "soft_bof", "soft_fv", "soft_vlad", "soft_concat")
NORMS = ("usual", "whole", "none")  # of the aggregated encodings, classical and soft
SOURCES = (
    *("googlenet", "vgg16", "i3d_pytorch", "i3d_tensorflow", "kinetics400"),
    *("c3d", "st_gcn", "workdir"),
)
# Published models, each with its backbone: names that stand for a run.
PUBLISHED: Mapping[str, str] = {"i3d_kinetics400": "i3d", "li3d_kinetics400": "li3d"}
