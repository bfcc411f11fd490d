"""Timing of several sides that take turns in one process, and tables of their ratios."""

import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

Side = TypeVar("Side", bound=Hashable)


def take_turns(
    sides: Mapping[Side, Callable[[], None]], rounds: int, warm_up: int = 2, calls: int = 1
) -> dict[Side, list[float]]:
    """Returns the seconds of each side in each round; every side has a turn a round, in order.

    A turn is so many `calls`, of which the mean counts; where there are several, not the first, in
    which the caches hold what the side before has left. A side returns when its work is done, on
    the device too. The first `warm_up` rounds, in which programs are compiled and memory is taken,
    are not counted.
    """
    seconds: dict[Side, list[float]] = {name: [] for name in sides}
    for number in range(warm_up + rounds):
        for name, work in sides.items():
            if calls > 1:
                work()
            start = time.perf_counter()
            for _ in range(max(1, calls - 1)):
                work()
            if number >= warm_up:
                seconds[name].append((time.perf_counter() - start) / max(1, calls - 1))
    return seconds


def milliseconds(seconds: Sequence[float]) -> str:
    """Returns median (minimum to maximum), milliseconds."""
    low, middle, high = (
        1000 * value for value in (min(seconds), statistics.median(seconds), max(seconds))
    )
    digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ratio(over: Sequence[float], under: Sequence[float]) -> str:
    """Returns the median (minimum to maximum) over the rounds of one side's time by the other's."""
    ratios = [a / b for a, b in zip(over, under, strict=True)]
    return f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
