"""Configs: every field, its checks, config files, and the recipes that systems share."""

from jaxvid.config.fields import default, flatten, for_dataset, get, is_small, with_options

__all__ = ["default", "flatten", "for_dataset", "get", "is_small", "with_options"]
