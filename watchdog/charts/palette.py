"""Colours, each with one meaning, for a light and a dark background.

Status colours of the light theme are darker than those of the dark one, so that words in them keep a
contrast of 4.5:1 (a unit test checks all of them).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from watchdog.model.health import GpuState

# Okabe and Ito's, told apart by colour-blind eyes; on dark the two blues change places.
_ON_LIGHT = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_ON_DARK = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#0072B2", "#D55E00")


@dataclass(frozen=True)
class Palette:
    """Colours of one theme.

    Attributes:
        load: from nothing to full, one hue: more = stronger. High load is not bad.
        heat: from cool to the GPU's own limit.
        series: lines side by side, in this order.
    """

    name: str
    background: str
    surface: str
    text: str
    muted: str
    line: str
    accent: str
    ok: str
    warning: str
    critical: str
    information: str
    unknown: str
    no_data: str
    load: tuple[str, ...]
    heat: tuple[str, ...]
    series: tuple[str, ...]


LIGHT = Palette(
    name="light",
    background="#FFFFFF",
    surface="#F6F8FA",
    text="#1F2328",
    muted="#59636E",
    line="#D1D9E0",
    accent="#0550AE",
    ok="#1A7F37",
    warning="#8A5A00",
    critical="#CF222E",
    information="#0969DA",
    unknown="#59636E",
    no_data="#C9CED4",
    load=("#EAF2FB", "#9CC4EA", "#3F7FBF", "#08306B"),
    heat=("#FFF4D6", "#F2B950", "#DE6B35", "#A4161A"),
    series=_ON_LIGHT,
)
DARK = Palette(
    name="dark",
    background="#0D1117",
    surface="#161B22",
    text="#E6EDF3",
    muted="#9198A1",
    line="#30363D",
    accent="#58A6FF",
    ok="#3FB950",
    warning="#D29922",
    critical="#F85149",
    information="#58A6FF",
    unknown="#9198A1",
    no_data="#3D444D",
    load=("#13233A", "#1F4E86", "#4C8FD6", "#9ECBFF"),
    heat=("#2B2113", "#8A5A14", "#E08A3C", "#FF7B72"),
    series=_ON_DARK,
)
PALETTES: MappingProxyType[str, Palette] = MappingProxyType({"light": LIGHT, "dark": DARK})


def state_colour(state: GpuState, palette: Palette) -> str:
    """Colour of a state's mark; its shape and word stand beside it, always."""
    colours = {
        GpuState.HELD_IDLE: palette.warning,
        GpuState.THROTTLED: palette.warning,
        GpuState.HUNG: palette.critical,
        GpuState.FAULTY: palette.critical,
        GpuState.LOST: palette.critical,
        GpuState.UNKNOWN: palette.unknown,
    }
    return colours.get(state, palette.text)
