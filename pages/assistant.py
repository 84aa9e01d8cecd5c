"""Assistant: what is wrong, why, and what to do, in words of which every claim can be checked?"""

import streamlit as st

from watchdog.ui.chat_bar import draw_bar
from watchdog.ui.chat_evidence import draw_evidence
from watchdog.ui.chat_page import conversation, question_box
from watchdog.ui.chat_place import ask_what_waits, current_place
from watchdog.ui.chat_start import who_answers

st.title("Assistant", anchor=False)
place = current_place()
ask_what_waits(place)
draw_bar(place)
who_answers()
conversation(place)
question_box(place)
draw_evidence(place)
