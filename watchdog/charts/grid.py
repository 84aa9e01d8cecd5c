"""The GPU grid: a row a node, a cell a GPU; colour = utilization, marks by shape = what is wrong.

Cells are placed by numbers, not by a facet: nodes flow into as many blocks side by side as keep the
chart low, so that a thousand GPUs fit on the first screen. Beyond `MOST_CELLS` a cell is a node.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from watchdog.charts.axes import styled
from watchdog.charts.glyphs import SHAPES
from watchdog.charts.palette import Palette, state_colour
from watchdog.model.health import GpuState

MOST_CELLS = 1_500
PICK = "pick"
_HEIGHT = 420.0
_ROW = (15.0, 34.0)
# The legends stand inside the height a chart is given.
_AROUND = 66
# Pixels a node's name takes, of so many that the chart is wide on the screen it is made for.
_LABEL_PIXELS, _WIDTH_PIXELS = 96.0, 1100.0
_GAP = 0.6
_LABEL_CHARACTERS = 14
_SEVERITY = {state: rank for rank, state in enumerate(GpuState)}


@dataclass(frozen=True)
class Grid:
    """Placed cells: `cells` with x, x2, y, y2; `labels` with x, y, text; sizes in units and pixels."""

    cells: pd.DataFrame
    labels: pd.DataFrame
    width: float
    rows: int
    row_height: float
    by_node: bool


def gpu_grid(cells: pd.DataFrame, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    """The grid of `analysis.gpu_state.gpu_cells`; the selection `pick` gives node and gpu_uuid.

    Where `analysis.holders` has said which job holds a GPU, hovering it says so.
    """
    grid = _placed_nodes(cells) if len(cells) > MOST_CELLS else _placed_gpus(cells)
    pick = alt.selection_point(name=PICK, fields=["node"] if grid.by_node else ["node", "gpu_uuid"])
    chart = alt.layer(_rects(grid, palette, pick), _badges(grid, palette), _marks(grid, palette), _names(grid, palette))
    chart = chart.properties(height=_AROUND + grid.rows * grid.row_height, width="container")
    return styled(chart, palette, scale={"invalid": {"color": {"value": palette.no_data}}})


def grid_text(cells: pd.DataFrame) -> str:
    """The grid in a sentence, for those who do not see it."""
    counts = cells["state"].value_counts()
    words = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"Grid of {len(cells)} GPUs on {cells['node'].nunique()} nodes: {words or 'none'}."


def _placed_gpus(cells: pd.DataFrame) -> Grid:
    place = cells.groupby("node", sort=False).cumcount().to_numpy()
    rank, nodes = pd.factorize(cells["node"])
    widest = int(place.max()) + 1 if len(place) else 1
    blocks = _blocks(len(nodes))
    rows = math.ceil(len(nodes) / blocks) if len(nodes) else 1
    label = _label_width(blocks, widest)
    block_width = label + widest + _GAP
    x = (rank // rows) * block_width + label + place
    placed = _boxes(_readable(cells), x, rank % rows)
    number = np.arange(len(nodes))
    labels = pd.DataFrame(
        {
            "x": (number // rows) * block_width + label * 0.97,
            "y": number % rows + 0.5,
            "text": [_short(str(node)) for node in nodes],
        }
    )
    return Grid(placed, labels, blocks * block_width - _GAP, rows, _row_height(rows), by_node=False)


def _label_width(blocks: int, widest: int) -> float:
    """Room for a node's name, in units of one cell."""
    share = min(0.4, _LABEL_PIXELS * blocks / _WIDTH_PIXELS)
    return share / (1 - share) * (widest + _GAP)


def _blocks(nodes: int) -> int:
    return max(1, math.ceil(nodes / (_HEIGHT / _ROW[0]))) if nodes > 12 else 1


def _row_height(rows: int) -> float:
    return min(_ROW[1], max(_ROW[0], _HEIGHT / rows))


def _short(name: str) -> str:
    """Long names keep their end: that is where the number is."""
    return name if len(name) <= _LABEL_CHARACTERS else "…" + name[1 - _LABEL_CHARACTERS :]


def _boxes(cells: pd.DataFrame, x: Any, y: Any) -> pd.DataFrame:  # noqa: ANN401 (integer arrays)
    edge = 0.05
    return cells.assign(x=x + edge, x2=x + 1 - edge, y=y + edge * 1.5, y2=y + 1 - edge * 1.5)


def _readable(cells: pd.DataFrame) -> pd.DataFrame:
    """Only what is drawn or hovered, in shown units."""
    return pd.DataFrame(
        {
            "node": cells["node"].astype("string"),
            "gpu_uuid": cells["gpu_uuid"].astype("string"),
            "gpu": cells["gpu_index"].astype("Int16"),
            "state": cells["state"].astype("string"),
            "reason": cells["reason"].astype("string"),
            "busy": (cells["busy_ratio"] * 100).round(1),
            "memory": (cells["memory_ratio"] * 100).round(1),
            "celsius": cells["gpu_temperature_celsius"],
            "watts": cells["power_watts"].round(0),
            "seen": cells["sampled_at"].dt.strftime("%Y-%m-%d %H:%M:%S UTC").astype("string"),
            **{name: cells[name].str.slice(0, 60) for name in ("job", "user") if name in cells},
        }
    )


def _placed_nodes(cells: pd.DataFrame) -> Grid:
    nodes = _by_node(cells)
    across = math.ceil(math.sqrt(len(nodes) * 3))
    number = np.arange(len(nodes))
    rows = math.ceil(len(nodes) / across)
    placed = _boxes(nodes, number % across, number // across)
    labels = pd.DataFrame({"x": [], "y": [], "text": []}).astype({"text": "string"})
    return Grid(placed, labels, across, rows, min(28.0, max(14.0, _HEIGHT / rows)), by_node=True)


def _by_node(cells: pd.DataFrame) -> pd.DataFrame:
    rank = cells["state"].map({state.value: number for state, number in _SEVERITY.items()})
    worst = cells.assign(rank=rank, silent=cells["sampled_at"].isna(), trouble=rank >= _SEVERITY[GpuState.HELD_IDLE])
    nodes = worst.groupby("node", sort=False, as_index=False).agg(
        gpus=("gpu_uuid", "size"), busy=("busy_ratio", "mean"), celsius=("gpu_temperature_celsius", "max"),
        watts=("power_watts", "sum"), rank=("rank", "max"), silent=("silent", "sum"), trouble=("trouble", "sum"),
    )  # fmt: skip
    states = [state.value for state in GpuState]
    return nodes.assign(
        busy=(nodes["busy"] * 100).round(1),
        watts=nodes["watts"].round(0),
        state=nodes["rank"].map(dict(enumerate(states))).astype("string"),
    ).drop(columns="rank")


def _x(grid: Grid, field: str) -> alt.X:
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=[0, grid.width], nice=False), axis=None)


def _y(grid: Grid, field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", scale=alt.Scale(domain=[grid.rows, 0], nice=False), axis=None)


_GPU_TIPS = (
    ("node:N", "node"), ("gpu:Q", "GPU"), ("state:N", "state"), ("reason:N", "why"), ("busy:Q", "utilization, %"),
    ("memory:Q", "memory held, %"), ("celsius:Q", "temperature, °C"), ("watts:Q", "power, W"), ("seen:N", "read at"),
)  # fmt: skip
_NODE_TIPS = (
    ("node:N", "node"), ("gpus:Q", "GPUs"), ("silent:Q", "GPUs silent"), ("trouble:Q", "GPUs that need a look"),
    ("state:N", "worst state"), ("busy:Q", "utilization, %"), ("celsius:Q", "hottest, °C"), ("watts:Q", "power, W"),
)  # fmt: skip


_HOLDER_TIPS = (("job:N", "job"), ("user:N", "user"))


def _rects(grid: Grid, palette: Palette, pick: alt.Parameter) -> Any:  # noqa: ANN401 (Altair returns Any)
    load = alt.Color(
        "busy:Q",
        title="utilization, %",
        scale=alt.Scale(domain=[0, 100], range=list(palette.load), interpolate="lab", clamp=True),
        legend=alt.Legend(gradientLength=96, gradientThickness=8, direction="horizontal", tickCount=3, offset=6),
    )
    fields = _NODE_TIPS if grid.by_node else (*_GPU_TIPS, *(_HOLDER_TIPS if "job" in grid.cells else ()))
    tips = [alt.Tooltip(field, title=title) for field, title in fields]
    return (
        alt.Chart(grid.cells)
        .mark_rect(cornerRadius=2, cursor="pointer", stroke=palette.line, strokeWidth=0.5, invalid="show")
        .encode(
            x=_x(grid, "x"),
            x2="x2:Q",
            y=_y(grid, "y"),
            y2="y2:Q",
            color=load,
            tooltip=tips,
        )
        .add_params(pick)
    )


def _centres(grid: Grid) -> pd.DataFrame:
    marked = grid.cells[grid.cells["state"].isin([state.value for state in SHAPES])]
    return pd.DataFrame(
        {
            "x": (marked["x"] + marked["x2"]) / 2,
            "y": (marked["y"] + marked["y2"]) / 2,
            "state": marked["state"].astype("string"),
        }
    )


def _badges(grid: Grid, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    """A disc of background under each mark: marks must be read on every shade of load."""
    side = min(grid.row_height - 3, 24.0)
    return (
        alt.Chart(_centres(grid))
        .mark_point(shape="circle", size=side**2 * 0.8, filled=True, opacity=0.94, color=palette.background)
        .encode(x=_x(grid, "x"), y=_y(grid, "y"))
    )


def _marks(grid: Grid, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    side = min(grid.row_height - 3, 24.0) * 0.62
    states = list(SHAPES)
    names = [state.value for state in states]
    legend = alt.Legend(title="needs a look", symbolSize=110, offset=6, columns=3)
    return (
        alt.Chart(_centres(grid))
        .mark_point(filled=True, size=side**2, opacity=1.0)
        .encode(
            x=_x(grid, "x"),
            y=_y(grid, "y"),
            shape=alt.Shape("state:N", scale=alt.Scale(domain=names, range=list(SHAPES.values())), legend=legend),
            fill=alt.Fill(
                "state:N",
                scale=alt.Scale(domain=names, range=[state_colour(state, palette) for state in states]),
                legend=legend,
            ),
        )
    )


def _names(grid: Grid, palette: Palette) -> Any:  # noqa: ANN401 (Altair returns Any)
    return (
        alt.Chart(grid.labels)
        .mark_text(align="right", baseline="middle", fontSize=min(12.0, grid.row_height - 4), color=palette.text)
        .encode(x=_x(grid, "x"), y=_y(grid, "y"), text="text:N")
    )
