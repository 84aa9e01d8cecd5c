"""Data health: can what is on screen be believed, and if not, what is to be done?"""

from datetime import timedelta

import streamlit as st

from watchdog.base.clock import floor_to
from watchdog.ui.cards import section
from watchdog.ui.data import not_exported, runtime
from watchdog.ui.health_blocks import audit_block, collector_block, not_exported_block, sources_block, store_block
from watchdog.ui.live import heartbeat

st.title("Data health", anchor=False)

with section("Sources", question="Does every source answer, and how old is what it says?"):
    sources_block()

with section("Collector", question="Is the loop alive that reads, keeps and rolls up?"):
    collector_block()

with section("Store", question="What is kept, how far back, and is there room?"):
    store_block()

with section("Not exported", question="Which metrics does nobody publish?"):
    not_exported_block(not_exported(floor_to(runtime().clock.now(), timedelta(minutes=1))))

with section("Changes", question="Who changed what?"):
    audit_block()

heartbeat()
