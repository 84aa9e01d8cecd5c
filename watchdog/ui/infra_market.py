"""What could be rented: GPU types with price and what is free, and what a cluster of them would cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from infra.budget import cluster_cost
from infra.candidates import Candidate, survey
from infra.prices import HOURS_A_MONTH, PriceList
from infra.sight import Sight
from infra.spec import Wishes
from watchdog.model.units import instant_text
from watchdog.ui.cards import empty_state, problem, tiles
from watchdog.ui.data import runtime
from watchdog.ui.escape import escape
from watchdog.ui.infra_words import money

_FIRST = "NVIDIA A100 80GB PCIe"
_CLOUDS = {"secure": "SECURE", "community": "COMMUNITY"}
_SHAPES = {"HIGH": "✓ many", "MEDIUM": "✓ some", "LOW": "△ few", "NONE": "✕ none"}


def market_block() -> None:
    """The what-if estimate, and below it all types."""
    sight = runtime().rental.sight
    wishes, hours = _asked()
    prices = sight.prices(wishes.cloud)
    _source(sight, prices)
    found = _candidates(sight, prices, wishes)
    if not found:
        empty_state("No GPU type is sold in this cloud.", "Choose the other one.")
        return
    gpus = {each.gpu.id: each for each in found}
    names = list(gpus)
    first = names.index(_FIRST) if _FIRST in gpus else 0
    chosen = st.selectbox(
        "GPU type", names, index=first, key="infra.gpu", format_func=lambda name: _label(gpus[name], prices)
    )
    _estimate(sight, prices, wishes, gpus[chosen], hours)
    with st.expander(f"All {len(found)} GPU types"):
        _types(found, prices, wishes)


def _asked() -> tuple[Wishes, float]:
    with st.grid("auto", min_column_width=150):
        workers = st.number_input("Workers beside the head", 0, 32, 3, key="infra.workers")
        count = st.number_input("GPUs a pod", 1, 8, 1, key="infra.count")
        hours = st.number_input("Hours", 1.0, 720.0, 8.0, step=1.0, key="infra.what_if_hours")
        cloud = st.selectbox("Cloud", list(_CLOUDS), key="infra.cloud")
    return Wishes(workers=int(workers), gpu_count=int(count), cloud=_CLOUDS[cloud], hours=hours), hours


def _source(sight: Sight, prices: PriceList) -> None:
    if prices.live:
        st.caption(f"Prices and what is free: {escape(prices.source)}. Free is said for pods of one GPU.")
    else:
        st.caption(f"Prices: {escape(prices.source, 200)}. What is free is not known.")
    if sight.catalogue_trouble is not None:
        problem(f"The catalogue could not be read: {sight.catalogue_trouble.error}", sight.catalogue_trouble.hint)


def _candidates(sight: Sight, prices: PriceList, wishes: Wishes) -> list[Candidate]:
    """Those that the cloud sells, cheapest first."""
    everything = replace(wishes, gpus=tuple(gpu.id for gpu in prices.gpus))
    found = survey(everything, prices.gpus, sight.networked)
    return sorted((each for each in found if each.gpu_usd > 0), key=lambda each: (each.gpu_usd, each.gpu.id))


def _label(each: Candidate, prices: PriceList) -> str:
    free = f", free: {_SHAPES.get(each.gpu.availability, '?')}" if prices.live else ""
    return f"{each.gpu.name}, {each.gpu.memory} GB, ${each.gpu_usd:.2f} a GPU and hour{free}"


def _estimate(sight: Sight, prices: PriceList, wishes: Wishes, each: Candidate, hours: float) -> None:
    cost = cluster_cost(wishes, each.gpu_usd, prices.disk_usd)
    tiles(
        (
            ("An hour", money(cost.hourly), f"{wishes.words}; ${cost.disks:.2f} of it for {wishes.disks_gb} GB of disks."),
            (f"{hours:g} hours", money(cost.over(hours)), "Until it is returned."),
            ("A day", money(cost.over(24)), "24 hours."),
            ("A month", money(cost.over(HOURS_A_MONTH)), f"{HOURS_A_MONTH} hours."),
        )
    )  # fmt: skip
    if prices.live and each.why_not:
        st.warning(
            f"{escape(each.gpu.name)} would not be rented now: {escape(each.why_not, 200)}.", icon=":material/block:"
        )
    if sight.balance is not None and cost.over(hours) > sight.balance.usd:
        st.warning(
            f"The balance is {escape(money(sight.balance.usd))}: it does not carry that.", icon=":material/warning:"
        )
    limit = sight.balance.limit_usd_per_hour if sight.balance else None
    if sight.balance is not None and limit is not None and sight.balance.usd_per_hour + cost.hourly > limit:
        st.warning(f"RunPod lets this account spend {escape(money(limit))} an hour.", icon=":material/warning:")
    st.code(
        f"make infra-plan ARGS=\"--workers {wishes.workers} --gpu '{each.gpu.id}' --gpu-count {wishes.gpu_count} "
        f'--cloud {wishes.cloud} --hours {hours:g} --max-hourly {cost.hourly * 1.05:.2f}"',
        language="bash",
    )


def _types(found: list[Candidate], prices: PriceList, wishes: Wishes) -> None:
    table = pd.DataFrame(
        {
            "free": [_SHAPES.get(each.gpu.availability, "?") if prices.live else "? not known" for each in found],
            "type": [each.gpu.name for each in found],
            "memory": [each.gpu.memory for each in found],
            "gpu_usd": [each.gpu_usd for each in found],
            "hourly": [cluster_cost(wishes, each.gpu_usd, prices.disk_usd).hourly for each in found],
            "places": [", ".join(each.data_centers) for each in found],
            "against": [each.why_not if prices.live else "" for each in found],
        }
    )
    columns: dict[str, Any] = {
        "free": st.column_config.TextColumn("free now", width=100),
        "memory": st.column_config.NumberColumn("memory, GB", width=90),
        "gpu_usd": st.column_config.NumberColumn("a GPU and hour", format="$%.2f", width=110),
        "hourly": st.column_config.NumberColumn("this cluster, an hour", format="$%.2f", width=140),
        "places": st.column_config.TextColumn("data centers with the private network", width="medium"),
        "against": st.column_config.TextColumn("why not", width="medium"),
    }
    st.dataframe(table, hide_index=True, column_config=columns, height=400, alt=f"Table of {len(table)} GPU types")


def budget_caption(sight: Sight) -> str:
    """What limits the account."""
    if sight.balance is None:
        return ""
    limit = sight.balance.limit_usd_per_hour
    most = f", RunPod's limit {money(limit)} an hour" if limit is not None else ""
    return f"Account: {money(sight.balance.usd_per_hour)} an hour in all{most}; as of {instant_text(sight.at)}."
