"""Slurm: what runs, what waits and why, which nodes take no work, and who held which GPU when?"""

import streamlit as st

from watchdog.ui import slurm_blocks as blocks
from watchdog.ui.cards import section
from watchdog.ui.data import held_waste, queue, slurm_nodes, slurm_timeline
from watchdog.ui.filters import current_view
from watchdog.ui.live import live
from watchdog.ui.node_blocks import node_map_block, node_table, shares_block
from watchdog.ui.queue_table import queue_table
from watchdog.ui.timeline_block import choose_nodes, timeline_block
from watchdog.ui.waste_block import waste_block

st.title("Slurm", anchor=False)

if blocks.slurm_is_read():

    @live
    def now() -> None:
        """The verdict and why jobs wait."""
        view = current_view()
        with section("", question="How long is the queue, and is there room?"):
            blocks.slurm_verdict(queue(view.past), view)
        with section("Why jobs wait", question="What keeps jobs from starting, and what would help?"):
            blocks.reasons_block(queue(view.past))

    @live
    def jobs() -> None:
        """Every job, the longest wait first."""
        with section("Queue", question="Which jobs wait, run or have just ended? A row opens its job."):
            queue_table(queue(current_view().past), current_view())

    @live
    def room() -> None:
        """What is given out and what is free, by partition."""
        with section("Partitions", question="What is given out, what is free, and how much of it is on one node?"):
            past = current_view().past
            shares_block(slurm_nodes(past).shares)
            blocks.free_table(queue(past).free_by)

    @live
    def nodes() -> None:
        """Nodes and what keeps them from work."""
        with section("Nodes", question="Which nodes take no work, why, for how long, and who said so?"):
            answer = slurm_nodes(current_view().past)
            node_map_block(answer.nodes)
            node_table(answer)

    @live
    def waste() -> None:
        """GPU-hours of the window that were held and not used."""
        with section("Waste", question="Who held GPUs and did not use them, and what did that cost?"):
            waste_block(held_waste(current_view()))

    @live
    def timeline() -> None:
        """Jobs over GPUs in the window."""
        view = current_view()
        with section("Timeline", question="Who held which GPU when?"):
            picked = choose_nodes(slurm_nodes(view.past).nodes)
            timeline_block(slurm_timeline(view.window.since, view.window.until, picked), view)
