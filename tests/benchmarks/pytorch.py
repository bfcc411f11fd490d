"""Import this before PyTorch: where that is not installed, a benchmark ends with a line on it."""

import importlib.util
import sys

if importlib.util.find_spec("torch") is None:
    sys.exit(f"{sys.argv[0]} runs beside PyTorch, which is not installed: pip install torch")
