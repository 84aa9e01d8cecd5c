"""Timing and tables for the benchmarks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence


def median_ms(fn: Callable[[], object], repeat: int = 5) -> float:
    """Median wall time of `fn` in milliseconds, after one call to warm up."""
    fn()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        fn()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def fastest_ms(one: Callable[[], object], other: Callable[[], object], rounds: int = 4) -> tuple[float, float]:
    """The least wall time of each in milliseconds, taking turns: what else runs on a shared machine only adds."""
    fastest = [float("inf"), float("inf")]
    for _ in range(rounds):
        for i, (fn, repeat) in enumerate(((one, 5), (other, 1))):
            for _ in range(repeat):
                start = time.perf_counter()
                fn()
                fastest[i] = min(fastest[i], (time.perf_counter() - start) * 1e3)
    return fastest[0], fastest[1]


def table(title: str, rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns; the first row is the head."""
    cells = [[f"{cell:,.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    print(f"\n{title}")
    for row in cells:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
