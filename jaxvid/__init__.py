"""jaxvid: video action recognition in JAX/Flax, from video files to labels."""

__version__ = "0.1.0"
