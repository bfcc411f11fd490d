"""What goes into an export as it is: `example.py`, which runs without this package."""
