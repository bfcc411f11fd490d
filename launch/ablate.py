"""The papers' tables, row by row: python launch/ablate.py A1 A3 --output=runs/ablations."""

import sys

from jaxvid.cli.ablate import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
