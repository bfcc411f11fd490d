"""The report of a preparation: numbers, sizes and rates of a dataset's videos, and the failures."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxvid.data.datasets import Dataset, Video, layout, splitting
from jaxvid.data.prepare.notes import Decoded, Entry

JSON, TEXT = "report.json", "report.txt"
SHOWN = 10  # of a list, in the text
SIDES = (*splitting.SIDES, "unused", "failed")  # that a class's videos are counted by
ENDS_EARLY = 0.9  # of the frames that the header states
FAULTS = {
    "damaged": "packets that do not decode, or frames with errors",
    "repeated": "frames whose time is not after that of the one before",
    "dropped": "frames missing between others",
    "empty": "frames without a joint",
}


def summarise(
    dataset: Dataset, modality: str, entries: Iterable[Entry], flow_images: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns the report of a dataset's videos, as its JSON file holds it.

    `entries`: one for each video; `flow_images`: those with such images that are not read. Sizes in
    pixels, as shown; a rate is the mean of a video whose frames come at a varying one.
    """
    good: dict[str, Decoded] = {}
    failures: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        if isinstance(entry, Decoded):
            good[entry.id] = entry
        else:
            failures[entry.reason].append(entry.id)
    failed = sum(map(len, failures.values()))
    videos = [video for video in dataset.videos if video.id in good]
    seconds = [entry.frames / entry.fps for entry in good.values()]
    frames = [entry.frames for entry in good.values()]
    copies = _copies(videos, good)
    return {
        "dataset": dataset.name,
        "stream": modality,
        "videos": len(good) + failed,
        "decoded": len(good),
        "failed": failed,
        "missing": len(dataset.missing),
        "frames": sum(frames),
        "hours": sum(seconds) / 3600,
        "bytes": sum(entry.bytes for entry in good.values()),
        "frames_per_video": _spread(frames),
        "seconds_per_video": _spread(seconds),
        "frames_per_second": _counted(f"{entry.fps:.4g}" for entry in good.values()),
        "varying_rate": [i for i, entry in good.items() if entry.times],
        "sizes": _counted(f"{e.width}x{e.height}" for e in good.values() if e.width),
        "people": _counted(str(entry.people) for entry in good.values() if entry.people),
        "missing_joints": sum(e.lost for e in good.values())
        / max(1, sum(e.joints for e in good.values())),
        "one_frame": [i for i, entry in good.items() if entry.frames == 1],
        "ends_early": [
            i for i, e in good.items() if not e.times and e.frames < ENDS_EARLY * e.stated
        ],
        "flow_images": list(flow_images),
        "left_out": dict(dataset.left_out),
        **{
            name: {i: getattr(e, name) for i, e in good.items() if getattr(e, name)}
            for name in FAULTS
        },
        "assumed_rate": [i for i, entry in good.items() if entry.assumed],
        "failures": dict(sorted(failures.items(), key=lambda item: -len(item[1]))),
        "classes": _classes(dataset, good),
        "copies": [[v.id for v in same] for same in copies],
        "copies_in_both_splits": [
            [v.id for v in same]
            for same in copies
            if len({v.split for v in same} & set(splitting.SIDES)) > 1
        ],
        "copies_of_two_classes": [
            [v.id for v in same] for same in copies if len({v.label for v in same}) > 1
        ],
        "groups_in_both_splits": splitting.shared_groups(videos),
    }


def lines(report: Mapping[str, Any]) -> list[str]:
    """Returns the report as text, for people."""
    r = report
    shown = [
        f"{r['dataset']}, {r['stream']}: {r['decoded']:,} of {r['videos']:,} videos decode"
        + (f"; {r['missing']:,} more are listed and not there" if r["missing"] else ""),
    ]
    if r["decoded"]:
        least, middle, most = (r["seconds_per_video"][k] for k in ("least", "median", "most"))
        shown.append(
            f"{r['frames']:,} frames, {r['hours']:,.2f} hours, {r['bytes'] / 2**20:,.1f} MiB of "
            f"files; {least:.1f} to {most:.1f} s each, half of them above {middle:.1f} s"
        )
        shown.append("frames per second: " + _shares(r["frames_per_second"]))
    if r["sizes"]:
        shown.append("sizes: " + _shares(r["sizes"]))
    if r["people"]:
        shown.append("people who are read: " + _shares(r["people"]))
    if r["missing_joints"]:
        shown.append(f"{r['missing_joints']:.1%} of the joints of people in a frame are missing")
    if r["left_out"]:
        shown.append(f"left out: {layout.kinds(r['left_out'])}")
    counts = {side: sum(c[side] for c in r["classes"].values()) for side in SIDES}
    shown.append(f"{len(r['classes'])} classes, {splitting.described(counts)} videos")
    same = "in all joints" if r["people"] else "byte for byte"
    for name, what in (
        ("varying_rate", "frames come at a varying rate, and data.fps follows their times"),
        ("one_frame", "a single frame"),
        ("ends_early", f"less than {ENDS_EARLY:.0%} of the frames that the header states"),
        ("flow_images", "images of flow beside the frames, read by data.flow.method=files alone"),
        ("assumed_rate", "no rate is stated: taken as 25 frames per second"),
        ("copies", f"sets of copies, alike {same}"),
        ("copies_in_both_splits", "sets of copies in two splits, which make a test too easy"),
        ("copies_of_two_classes", "sets of copies with two labels"),
        ("groups_in_both_splits", "groups in two splits"),
    ):
        if r[name]:
            shown.append(f"{what}: {_some(r[name])}")
    for name, what in FAULTS.items():
        if r[name]:
            shown.append(f"{sum(r[name].values()):,} {what}, in videos: {_some(list(r[name]))}")
    lacking = [n for n, c in r["classes"].items() if not c["train"] or not c["test"]]
    if lacking:
        shown.append(f"classes without training or without test videos: {_some(lacking)}")
    for reason, ids in r["failures"].items():
        shown.append(f"skipped, {reason}: {_some(ids)}")
    return shown


def text(report: Mapping[str, Any]) -> str:
    """Returns the report as a text file: the lines for people, then a table of the classes."""
    width = max([5, *(len(name) for name in report["classes"])])
    table = [f"{'class':{width}}  train    val   test  unused  skipped"]
    for name, counts in report["classes"].items():
        train, val, test, unused, failed = (counts[k] for k in SIDES)
        table.append(f"{name:{width}}  {train:5}  {val:5}  {test:5}  {unused:6}  {failed:7}")
    return "\n".join([*lines(report), "", *table]) + "\n"


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    return {"least": min(values), "median": float(np.median(values)), "most": max(values)}


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _copies(videos: list[Video], good: Mapping[str, Decoded]) -> list[list[Video]]:
    same: dict[str, list[Video]] = defaultdict(list)
    for video in videos:
        same[good[video.id].digest].append(video)
    return [found for found in same.values() if len(found) > 1]


def _classes(dataset: Dataset, good: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    counts = [dict.fromkeys(SIDES, 0) for _ in dataset.class_names]
    for video in dataset.videos:
        counts[video.label][video.split if video.id in good else "failed"] += 1
    return dict(zip(dataset.class_names, counts, strict=True))


def _shares(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    most = [f"{name} ({n / total:.0%})" for name, n in list(counts.items())[:5]]
    return ", ".join(most) + (f" and {len(counts) - 5} more" if len(counts) > 5 else "")


def _some(names: list) -> str:
    named = [name if isinstance(name, str) else " = ".join(name[:SHOWN]) for name in names[:SHOWN]]
    return f"{len(names):,}, " + ", ".join(named) + (" ..." if len(names) > SHOWN else "")
