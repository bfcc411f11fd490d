"""Configs: every field, its checks, config files, and the recipes that systems share."""

from jaxvid.config.fields import default, flatten, get, is_small, meanings
from jaxvid.config.options import for_dataset, with_options

__all__ = ["default", "flatten", "for_dataset", "get", "is_small", "meanings", "with_options"]
