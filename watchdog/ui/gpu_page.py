"""Where the GPUs page stands: the cluster, a node, or one GPU."""

from __future__ import annotations

from watchdog.base.errors import WatchdogError
from watchdog.model.telemetry import Where
from watchdog.ui.address import View
from watchdog.ui.cards import problem
from watchdog.ui.data import fleet, part_of_fleet
from watchdog.ui.filters import current_view
from watchdog.ui.gpu_blocks import gpu_names, place_picker, unknown_place

# Names of lines are worth their place in the cache's key only for the GPUs of a node.
_MOST_NAMED = 64


def scope(view: View) -> Where:
    """The GPUs that the page is about."""
    return view.where


def choose_place() -> str:
    """Draw the pickers; "cluster", "node" or "gpu", or "" where there is nothing to show."""
    view = current_view()
    address = view.address
    try:
        everything = fleet(view.at).cells
    except WatchdogError as error:
        problem(str(error), error.hint)
        return ""
    nodes = list(everything["node"].unique())
    here = everything[everything["node"] == address.node]
    place_picker([str(node) for node in nodes], here, view)
    if address.node and not len(here):
        unknown_place(view, "This node")
        return ""
    if address.gpu and not (everything["gpu_uuid"] == address.gpu).any():
        unknown_place(view, "This GPU")
        return ""
    return "gpu" if address.gpu else "node" if address.node else "cluster"


def names_of(view: View) -> tuple[tuple[str, str], ...]:
    """(gpu_uuid, name) of the scope's GPUs."""
    cells = part_of_fleet(view.at, scope(view)).cells
    return tuple(gpu_names(cells.head(_MOST_NAMED)).items()) if len(cells) <= _MOST_NAMED else ()
