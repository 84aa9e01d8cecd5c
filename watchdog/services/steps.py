"""How long a bucket of a chart is."""

from __future__ import annotations

from datetime import timedelta

_LADDER = tuple(
    timedelta(seconds=seconds)
    for seconds in (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
)


def step_for(length: timedelta, interval: timedelta, points: int = 400) -> timedelta:
    """The shortest round step that gives at most `points` buckets and holds a sample each.

    Args:
        length: of the window.
        interval: between two samples of the source.
        points: the most buckets a line may have.
    """
    fitting = (step for step in _LADDER if step >= interval and length / step <= points)
    return next(fitting, _LADDER[-1])
