"""Models: Flax modules, usable alone, and the networks of the configs.

    net = models.create("li3d_bilstm", num_classes=10)
    net = models.Recognizer(models.LI3D(), models.BiLSTM(64), num_classes=10)
    outputs, variables = net.init_with_output(jax.random.key(0), models.normalize(clips))

JAX is imported when a module is first used.
"""

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jaxvid.models.build import PARTS, build, count_parameters, create, modalities, sequence_length
from jaxvid.models.build import list_configs as list

if TYPE_CHECKING:
    from jaxvid.models.backbone import normalize
    from jaxvid.models.c3d import C3D
    from jaxvid.models.deep_fusion import ConvFusion, DeepFusion
    from jaxvid.models.googlenet import GoogLeNet
    from jaxvid.models.i3d import I3D, LI3D
    from jaxvid.models.ln_lstm import LNLSTM
    from jaxvid.models.pooling import Attention, Last, Max, Mean
    from jaxvid.models.recognizer import Outputs, Recognizer
    from jaxvid.models.recurrent import GRU, LSTM, BiLSTM
    from jaxvid.models.soft_aggregation import SoftBoF, SoftConcat, SoftFV, SoftVLAD
    from jaxvid.models.st_gcn import STGCN
    from jaxvid.models.transformer import Transformer
    from jaxvid.models.two_stream import TwoStream
    from jaxvid.models.vgg import VGG16

__all__ = ["C3D", "I3D", "LI3D", "STGCN", "VGG16", "ConvFusion", "GoogLeNet", "TwoStream"]
__all__ += ["GRU", "LNLSTM", "LSTM", "BiLSTM", "Transformer"]
__all__ += ["Attention", "Last", "Max", "Mean", "SoftBoF", "SoftConcat", "SoftFV", "SoftVLAD"]
__all__ += ["DeepFusion", "Outputs", "Recognizer", "build", "create", "list", "normalize"]
__all__ += ["count_parameters", "modalities", "sequence_length"]

if not TYPE_CHECKING:  # else every name would be of some type
    _FILES = {"normalize": "backbone", "Outputs": "recognizer"} | {
        name: file
        for family in PARTS.values()
        for file, _, name in (entry.partition(":") for entry in family.values() if entry)
    }

    def __getattr__(name: str) -> Any:
        if name not in _FILES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_FILES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> Iterable[str]:
    return sorted({*globals(), *__all__})
