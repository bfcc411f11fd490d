"""Makes the pictures of README.md and docs/figures.md.

    python docs/pictures.py figures RUNS
    python docs/pictures.py labelled WORKDIR VIDEOS

figures: shrinks the figures and takes screenshots of the reports. RUNS holds the workdirs that
docs/figures.md names. The screenshots require Chromium and its driver.

labelled: joins test videos of one actor of the embedded dataset, labels the joined video with the
network of WORKDIR, and writes the labelled copy as an animated picture. VIDEOS is the folder
UCF-101 of the rendered dataset, in ~/.cache/jaxvid/embedded/.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
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
LABELLED = ("Walk_g07_c02", "SitDown_g07_c06", "StandUp_g07_c04", "Wave_g07_c03")
LABELLED += ("JumpingJack_g07_c04", "Kick_g07_c05")
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


def figures(runs: Path) -> None:
    """Writes the pictures of docs/figures.md."""
    with tempfile.TemporaryDirectory() as temporary:
        sources = {name: runs / path for name, path in TAKEN.items()}
        sources |= screenshots(runs / "li3d_bilstm_soft" / "report.html", Path(temporary))
        for name, source in sources.items():
            shrink(source, HERE / "figures" / f"{name}.png")


def labelled(workdir: Path, videos: Path) -> None:
    """Writes the animated picture of README.md, at half the video's rate."""
    with tempfile.TemporaryDirectory() as temporary:
        joined = Path(temporary) / "joined.avi"
        writer = cv2.VideoWriter(str(joined), cv2.VideoWriter_fourcc(*"MJPG"), 25, (320, 240))
        for name in LABELLED:
            for frame in _frames(videos / name.partition("_")[0] / f"v_{name}.avi"):
                writer.write(cv2.resize(frame, (320, 240), interpolation=cv2.INTER_CUBIC))
        writer.release()
        command = [sys.executable, "-m", "jaxvid.main", "--mode=predict", f"--workdir={workdir}"]
        command += [str(joined), "--timeline", f"--annotate={temporary}/labelled"]
        command += ["--config.windows.length=2.0", "--config.windows.stride=0.25"]
        subprocess.run(command, check=True)
        frames = _frames(Path(temporary) / "labelled" / "joined.avi.mp4")[::2]
    pictures = [Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)) for frame in frames]
    target = HERE / "figures" / "labelled.webp"
    pictures[0].save(
        target, save_all=True, append_images=pictures[1:], duration=80, loop=0, quality=65, method=6
    )
    print(f"{target.name}: {len(pictures)} frames, {target.stat().st_size:,} bytes")


def _frames(path: Path) -> list[cv2.typing.MatLike]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(read[1])
    if not frames:
        raise SystemExit(f"{path} has no frames")
    return frames


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, dest="made")
    commands.add_parser("figures").add_argument("folders", nargs=1, type=Path, metavar="RUNS")
    own = commands.add_parser("labelled")
    own.add_argument("folders", nargs=2, type=Path, metavar=("WORKDIR", "VIDEOS"))
    arguments = parser.parse_args()
    {"figures": figures, "labelled": labelled}[arguments.made](*arguments.folders)
