"""The pictures of docs/figures.md, from the figures and pages of evaluated runs, made small.

python docs/pictures.py RUNS: the folder has the workdirs that docs/figures.md names, each with its
report. The screenshots need Chromium and its driver.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
WIDTH = 820  # pixels
LARGEST = 60_000  # bytes
TAKEN = {
    "curves": "li3d_bilstm_soft/figures/compared_curves.png",
    "tsne": "li3d_bilstm_soft/figures/tsne.png",
    "tsne_classes": "li3d_bilstm_soft/figures/tsne_classes.png",
    "feature_maps": "deep_fusion/figures/feature_maps.png",
    "confusion_matrix": "li3d_bilstm_soft/figures/confusion_matrix.png",
    "per_class": "li3d_bilstm_soft/figures/per_class.png",
    "roc": "li3d_bilstm_soft/figures/roc.png",
    "attention": "attention_lstm/figures/attention.png",
}
SCENES = {"report_light": ("summary", "light"), "report_dark": ("mistakes", "dark")}


def shrink(source: Path, target: Path) -> None:
    """Writes a picture with as many colours and pixels as fit into LARGEST bytes."""
    picture = Image.open(source).convert("RGB")
    for width, colours in ((WIDTH, 256), (WIDTH, 96), (WIDTH, 64), (700, 64), (600, 48), (500, 32)):
        size = (min(width, picture.width), round(picture.height * min(1, width / picture.width)))
        small = picture.resize(size, Image.Resampling.LANCZOS)
        small.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size < LARGEST:
            break
    print(f"{target.name}: {size[0]} x {size[1]}, {target.stat().st_size:,} bytes")


def screenshots(page: Path, folder: Path) -> dict[str, Path]:
    """Takes a picture of the page for each of SCENES."""
    sys.path.insert(0, str(HERE.parent / "tests" / "report"))
    from browser import Browser

    taken = {}
    with Browser(width=1180, height=860) as window:
        window.open(page)
        for name, (section, theme) in SCENES.items():
            if window.js("return document.documentElement.dataset.theme") != theme:
                window.click("#theme")
            scroll = "document.getElementById(arguments[0]).scrollIntoView({behavior: 'instant'})"
            window.js(scroll, section)
            window.wait_for("document.querySelector('.film.seen') || true")
            taken[name] = folder / f"{name}.png"
            window.screenshot(taken[name])
    return taken


def main(runs: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        sources = {name: runs / path for name, path in TAKEN.items()}
        sources |= screenshots(runs / "li3d_bilstm_soft" / "report.html", Path(temporary))
        for name, source in sources.items():
            shrink(source, HERE / "figures" / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
