"""History: what happened, how often and to whom, in questions, charts and words?"""

import streamlit as st

from watchdog.ui.data import runtime
from watchdog.ui.notebook_bar import draw_bar
from watchdog.ui.notebook_cells import draw_cells
from watchdog.ui.notebook_page import arrive, watch
from watchdog.ui.notebook_side import draw_side

st.title("History", anchor=False)
runtime().sql.warm()
place = arrive()
draw_bar(place)

if place.desk.locked:
    draw_cells(place)
else:
    cells, side = st.columns([3, 1], gap="medium")
    with cells:
        draw_cells(place)
    with side:
        st.fragment(draw_side)()

watch()
