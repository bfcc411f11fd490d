"""Models: one file per family of parts, and `build`, which makes a recogniser from a config."""

from jaxvid.models.build import build, count_parameters, modalities, sequence_length
from jaxvid.models.recognizer import Outputs, Recognizer

__all__ = ["Outputs", "Recognizer", "build", "count_parameters", "modalities", "sequence_length"]
