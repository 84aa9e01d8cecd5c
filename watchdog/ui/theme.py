"""Which palette the viewer's theme asks for, and the little style that themes cannot say."""

from __future__ import annotations

import streamlit as st

from watchdog.charts.palette import LIGHT, PALETTES, Palette

# Numbers that change in place must not move their neighbours.
_STYLE = """<style>
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p { color: MUTED; opacity: 1; }
[data-testid="stMetricValue"], [data-testid="stCaptionContainer"], .stMarkdown { font-variant-numeric: tabular-nums; }
[data-testid="stMetricValue"], [data-testid="stMetricValue"] * { white-space: normal !important; overflow: visible !important; }
.stMarkdown table { display: block; max-width: 100%; overflow-x: auto; }
@media (max-width: 640px) { .stMarkdown td:last-child { min-width: 14rem; } }
[data-testid^="stBaseButton-primary"] * { color: BACKGROUND; }
.st-key-notebook-questions button, .st-key-notebook-questions button p { text-align: left; justify-content: flex-start; }
[data-testid="stColumn"] > * > [data-testid="stLayoutWrapper"]:has(.st-key-notebook-side) { position: sticky; top: 4rem; }
[data-testid="stMainBlockContainer"] { padding-left: clamp(1rem, 2.5vw, 3rem); padding-right: clamp(1rem, 2.5vw, 3rem); }
</style>"""


def palette() -> Palette:
    """Colours for the theme in which this page is seen; light until the browser has told."""
    return PALETTES.get(str(st.context.theme.type), LIGHT)


def draw_style() -> None:
    """Tabular numbers everywhere, captions and main buttons with enough contrast, room used."""
    st.html(_STYLE.replace("MUTED", palette().muted).replace("BACKGROUND", palette().background))
