"""The node map: a cell a node, grouped by partition; colour = GPUs given out, marks by shape = takes no work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from watchdog.charts.axes import styled
from watchdog.charts.glyphs import CROSS, HATCH, PAUSE, RING, TRIANGLE
from watchdog.charts.palette import Palette

PICK = "pick"
_HEIGHT, _ROW, _AROUND = 260.0, (16.0, 30.0), 62
_LABEL_CHARACTERS = 12
# Names stand left of their cells, as wide as this part of both; beyond so many nodes there is no room for them.
_NAME, _MOST_NAMED, _NAMED_ACROSS = 0.6, 64, 4

# What keeps a node from work, each with a shape and the palette's colour for it. Others are drawn without a mark.
SHAPES: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        "draining": (RING, "warning"),
        "drained": (PAUSE, "warning"),
        "down": (CROSS, "critical"),
        "not responding": (TRIANGLE, "critical"),
        "maintenance": ("square", "information"),
        "powered down": ("diamond", "unknown"),
        "unknown": (HATCH, "unknown"),
    }
)


@dataclass(frozen=True)
class Placed:
    """Cells with x, x2, y, y2, and the size of the whole in cells; `named` leaves room for names."""

    cells: pd.DataFrame
    across: int
    rows: int
    named: bool

    @property
    def row_height(self) -> float:
        """In pixels."""
        return min(_ROW[1], max(_ROW[0], _HEIGHT / self.rows))


def node_map(nodes: pd.DataFrame, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    """A cell a node in the order given; the selection `pick` gives the node.

    Args:
        nodes: node, condition (a key of SHAPES or any word), share_ratio (of its GPUs or CPUs given out; null =
            unknown), partitions, reason, given (as in "6 of 8 GPUs").
        palette: the theme's colours.
    """
    placed = _placed(nodes)
    layers = [_rects(placed, palette), _badges(placed, palette), _marks(placed, palette)]
    if placed.named:
        layers.append(_names(placed, palette))
    chart = alt.layer(*layers).properties(height=_AROUND + placed.rows * placed.row_height, width="container")
    return styled(chart, palette).configure_scale(invalid={"color": {"value": palette.no_data}})


def node_map_text(nodes: pd.DataFrame) -> str:
    """The map in a sentence, for those who do not see it."""
    words = ", ".join(f"{count} {word}" for word, count in nodes["condition"].value_counts().items())
    return f"Map of {len(nodes)} nodes: {words or 'none'}."


def _placed(nodes: pd.DataFrame) -> Placed:
    named = len(nodes) <= _MOST_NAMED
    across = _NAMED_ACROSS if named else math.ceil(math.sqrt(len(nodes) * 4))
    number = np.arange(len(nodes))
    x, y, edge = number % across, number // across, 0.06
    cells = pd.DataFrame(
        {
            "node": nodes["node"].astype("string"),
            "condition": nodes["condition"].astype("string"),
            "share": (nodes["share_ratio"] * 100).astype("float64").round(1),
            "given": nodes["given"].astype("string"),
            "partitions": nodes["partitions"].astype("string").str.slice(0, 60),
            "reason": nodes["reason"].astype("string").str.slice(0, 80),
            "x": x + (_NAME if named else edge),
            "x2": x + 1 - edge,
            "y": y + edge,
            "y2": y + 1 - edge,
        }
    )
    return Placed(cells, across, max(1, math.ceil(len(nodes) / across)), named)


def _x(placed: Placed, field: str) -> alt.X:
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=[0, placed.across], nice=False), axis=None)


def _y(placed: Placed, field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", scale=alt.Scale(domain=[placed.rows, 0], nice=False), axis=None)


_TIPS = (
    ("node:N", "node"), ("condition:N", "state"), ("reason:N", "reason"), ("given:N", "given out"),
    ("partitions:N", "partitions"),
)  # fmt: skip


def _rects(placed: Placed, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    load = alt.Color(
        "share:Q",
        title="GPUs given out, %",
        scale=alt.Scale(domain=[0, 100], range=list(palette.load), interpolate="lab", clamp=True),
        legend=alt.Legend(gradientLength=96, gradientThickness=8, direction="horizontal", tickCount=3, offset=6),
    )
    return (
        alt.Chart(placed.cells)
        .mark_rect(cornerRadius=2, cursor="pointer", stroke=palette.line, strokeWidth=0.5, invalid="show")
        .encode(
            x=_x(placed, "x"),
            x2="x2:Q",
            y=_y(placed, "y"),
            y2="y2:Q",
            color=load,
            tooltip=[alt.Tooltip(field, title=title) for field, title in _TIPS],
        )
        .add_params(alt.selection_point(name=PICK, fields=["node"]))
    )


def _centres(placed: Placed) -> pd.DataFrame:
    marked = placed.cells[placed.cells["condition"].isin(list(SHAPES))]
    middle_x, middle_y = (marked["x"] + marked["x2"]) / 2, (marked["y"] + marked["y2"]) / 2
    return pd.DataFrame({"x": middle_x, "y": middle_y, "condition": marked["condition"]})


def _side(placed: Placed) -> float:
    return min(placed.row_height - 4, 20.0)


def _badges(placed: Placed, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    """A disc of background under each mark: marks must be read on every shade of load."""
    mark = alt.Chart(_centres(placed)[["x", "y"]])
    disc = mark.mark_point(
        shape="circle", size=_side(placed) ** 2 * 0.8, filled=True, opacity=0.94, color=palette.background
    )
    return disc.encode(x=_x(placed, "x"), y=_y(placed, "y"))


def _marks(placed: Placed, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    centres = _centres(placed)
    present = [word for word in SHAPES if (centres["condition"] == word).any()]
    title = "takes no work, or not known" if "unknown" in present else "takes no work"
    legend = alt.Legend(title=title, symbolSize=100, offset=6, columns=4) if present else None
    shapes = alt.Scale(domain=present, range=[SHAPES[word][0] for word in present])
    colours = alt.Scale(domain=present, range=[getattr(palette, SHAPES[word][1]) for word in present])
    return (
        alt.Chart(centres)
        .mark_point(filled=True, size=(_side(placed) * 0.62) ** 2, opacity=1.0)
        .encode(
            x=_x(placed, "x"),
            y=_y(placed, "y"),
            shape=alt.Shape("condition:N", scale=shapes, legend=legend),
            fill=alt.Fill("condition:N", scale=colours, legend=legend),
        )
    )


def _names(placed: Placed, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    cells = placed.cells
    names = [name if len(name) <= _LABEL_CHARACTERS else "…" + name[1 - _LABEL_CHARACTERS :] for name in cells["node"]]
    labels = pd.DataFrame(
        {"x": cells["x"] - 0.04, "y": (cells["y"] + cells["y2"]) / 2, "text": pd.array(names, dtype="string")}
    )
    mark = alt.Chart(labels).mark_text(align="right", baseline="middle", fontSize=11, color=palette.text)
    return mark.encode(x=_x(placed, "x"), y=_y(placed, "y"), text="text:N")
