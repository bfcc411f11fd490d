"""How long the page of 4,000 clips in 101 classes takes to open, sort and open a cell, in Chromium.

python tests/benchmarks/report_page.py [FOLDER]: the page is written there, by default to a
temporary folder.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

import browser
import fakes

SORT = """
const start = performance.now();
document.querySelectorAll('#classes thead button')[arguments[0]].click();
document.body.getBoundingClientRect();
return performance.now() - start"""


def main(folder: Path) -> None:
    workdir = fakes.evaluated(folder / "big", fakes.class_names(101), 4000)
    rng = np.random.default_rng(0)
    sprites = [fakes.sprite(rng, 16) for _ in range(64)]
    pictures = [sprites[i % 64] for i in range(4000)]
    page = fakes.write_page(folder / "big.html", [workdir], pictures)
    print(f"{page}: {page.stat().st_size / 1e6:.1f} MB")
    with browser.Browser() as window:
        window.open(page)
        timing = "return performance.getEntriesByType('navigation')[0]"
        print(f"opened in {window.js(timing + '.loadEventEnd'):.0f} ms")
        for column in (0, 2, 6):
            print(f"sorted by column {column} in {window.js(SORT, column):.0f} ms")
        start = "const start = performance.now(); document.querySelector('.cell').click();"
        print(f"a cell opened in {window.js(start + 'return performance.now() - start'):.0f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="by default a temporary one")
    with tempfile.TemporaryDirectory() as temporary:
        main(parser.parse_args().folder or Path(temporary))
