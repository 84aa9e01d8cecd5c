"""Two answers to one question about two windows on one axis: the earlier one moved, dashed, and named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import altair as alt
import pandas as pd

from watchdog.charts.cell_fields import Fields, fields
from watchdog.charts.cell_points import as_utc
from watchdog.model.notebook import Chart, ChartKind

_OVER_TIME = (ChartKind.LINE, ChartKind.AREA, ChartKind.SCATTER)
NOT_OVER_TIME = "Only charts over time are laid over each other; the table tells the difference."


@dataclass(frozen=True)
class Earlier:
    """The other window's answer.

    Attributes:
        shift: what its instants are moved by.
        names: what the chart calls this window and the other.
    """

    answer: pd.DataFrame
    shift: timedelta
    names: tuple[str, str]


def can_overlay(answer: pd.DataFrame, chosen: Fields) -> bool:
    """Whether such a chart can show two windows."""
    return chosen.kind in _OVER_TIME and answer[chosen.x].dtype.kind == "M"


def overlaid(
    answer: pd.DataFrame, chart: Chart, chosen: Fields, earlier: Earlier
) -> tuple[pd.DataFrame, Fields, tuple[str, ...]]:
    """Both answers as one, what is drawn of it, and what to say. Areas become lines, which may cross.

    NotebookError where the other answer has not the columns.
    """
    if earlier.answer.empty:
        return answer, chosen, ("The other window has no rows.",)
    period = _free("period", answer)
    both = overlay(answer, earlier, chosen.x, period)
    kind = ChartKind.SCATTER if chosen.kind is ChartKind.SCATTER else ChartKind.LINE
    found = fields(both, Chart(chart.of, kind, chosen.x, chosen.y, chart.colour, chart.unit))
    rest = [name for name in (found.colour or chosen.colour) if name != period]
    return both, replace(found, colour=(period, *rest), unit=chosen.unit), ()


def overlay(this: pd.DataFrame, earlier: Earlier, x: str, period: str) -> pd.DataFrame:
    """Rows of both, the other's `x` moved, after a first column `period` that names the window."""
    moved = earlier.answer.assign(**{x: as_utc(earlier.answer[x]) + earlier.shift})
    first = this.assign(**{x: as_utc(this[x])})
    both = [frame.assign(**{period: name}) for frame, name in zip((first, moved), earlier.names, strict=True)]
    joined = pd.concat(both, ignore_index=True)
    joined.insert(0, period, joined.pop(period))
    return joined


def dashed(layer: Any, earlier: Earlier) -> Any:  # noqa: ANN401 (Altair returns Any)
    """Lines of the other window dashed, and their own time under the pointer."""
    series = [*layer.data["series"].drop_duplicates()]
    dashes = [[5, 3] if name.startswith(earlier.names[1]) else [1, 0] for name in series]
    legend = alt.Legend(title=None, labelLimit=400, columns=1, symbolType="stroke")
    dash = alt.StrokeDash("series:N", scale=alt.Scale(domain=series, range=dashes), sort=series, legend=legend)
    # One legend for both: it is only joined where it is the same.
    layer.encoding.color.legend = legend
    return _own_times(layer.encode(strokeDash=dash), earlier)


def _own_times(layer: Any, earlier: Earlier) -> Any:  # noqa: ANN401 (Altair returns Any)
    shift = earlier.shift.total_seconds() * 1000
    is_other = f"indexof(datum.series, {_quoted(earlier.names[1])}) === 0"
    at = f"toNumber(datum.bucket_at) - ({is_other} ? {shift:.0f} : 0)"
    return layer.transform_calculate(when=f"utcFormat({at}, '%Y-%m-%d %H:%M:%S UTC')")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _free(name: str, taken: pd.DataFrame) -> str:
    return name if name not in taken.columns else _free(f"{name}_", taken)
