"""Whether the health checks find what real clusters' recordings are labelled with.

Every hard label (stated by Slurm, a daemon or an operator) and measured label (arithmetic on the readings) of
`GROUND_TRUTH_dev.json` is one row; soft ones, which are judgements, are left out. The recordings are not part of the
project: give the folder that holds them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import llview
from benchmarks.llview import Recorded
from watchdog.analysis.gpu_state import IDLE_BELOW
from watchdog.analysis.health import held_idle, job_failed_node, job_time_limit, node_down, steps_failed
from watchdog.analysis.health.facts import Facts, Slurm
from watchdog.analysis.health.held import trailing
from watchdog.analysis.health.node_spells import is_down, spells
from watchdog.analysis.health.still import moved
from watchdog.analysis.health.together import low_together, moving
from watchdog.analysis.health.trace import Trace
from watchdog.model.findings import Finding
from watchdog.model.frames import Frame
from watchdog.model.scheduler import NODE_STATES, NODES

TRACES = Path(__file__).resolve().parents[2] / "shared" / "traces" / "dev"
JUDGED = ("hard", "measured")
_MINUTE = timedelta(minutes=1)
# An arbitrary first day for recordings that count days only.
_DAY_ZERO = datetime(2024, 3, 30, tzinfo=UTC)
Label = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One label and whether it was found.

    Attributes:
        found: exactly what was expected, and nothing beside it.
        expected, detail: what the label says, and what was found, in words.
    """

    dataset: str
    kind: str
    strength: str
    found: bool
    expected: str
    detail: str


def rows(folder: Path = TRACES) -> tuple[Row, ...]:
    """Every hard and measured label of the recordings in `folder`."""
    truth = json.loads((folder / "GROUND_TRUTH_dev.json").read_text())
    labels = [label for label in truth["llview_juwels_booster"] if label["strength"] in JUDGED]
    found = [row for label in labels for row in _llview(folder / "llview_juwels_booster", label)]
    found += [_idle_jobs(folder / "clustercockpit_alex", label) for label in truth["clustercockpit_alex"]]
    return (*found, _operator_faults(folder / "infinitehbd"))


def _llview(folder: Path, label: Label) -> Iterator[Row]:
    names = [label["job"]] if label["job"] != "any" else ["8402497", "9438058"]
    for name in names:
        job = llview.load(folder / name, name)
        found, expected, detail = _CHECKS[label["kind"]](job, label)
        yield Row(f"llview {name}", label["kind"], label["strength"], found, expected, detail)


def _node_down(job: Recorded, label: Label) -> tuple[bool, str, str]:
    """The check on jobs lost with a node, given what Slurm's daemons said."""
    _, end = llview.span(job)
    slurm = Slurm(end, ended=llview.jobs(job), states=llview.nodes_down(job))
    told = job_failed_node.judge(Facts(at=end + _MINUTE, slurm=slurm)).findings
    named = {item.value for each in told for item in each.evidence if item.what == "node"}
    return named == set(label["nodes"]), _names(label["nodes"]), _explained(told)


def _stalls(job: Recorded, label: Label) -> tuple[bool, str, str]:
    """Instants at which the power of all nodes with a live sensor is far below their own usual one."""
    power = job.matrix("LoadMem", "currentwatts")
    low = low_together(power.to_numpy())
    at = [f"{datetime.fromtimestamp(int(ts), UTC):%H:%M:%S}" for ts in power.columns[low]]
    return at == label["t_list_utc"], f"{len(label['t_list_utc'])} instants", f"{len(at)} instants, {at[0]} to {at[-1]}"


def _frozen(job: Recorded, label: Label) -> tuple[bool, str, str]:
    """Nodes whose power has one single value while others' swings."""
    power = job.matrix("LoadMem", "currentwatts")
    still = power[~moving(power.to_numpy())].iloc[:, 0].astype(int).to_dict()
    return still == label["nodes"], _names(label["nodes"]), _names(still)


def _silent_failure(job: Recorded, _: Label) -> tuple[bool, str, str]:
    """The check on COMPLETED jobs whose steps failed."""
    _, end = llview.span(job)
    slurm = Slurm(end, ended=llview.jobs(job), steps=llview.steps(job))
    told = steps_failed.judge(Facts(at=end + _MINUTE, slurm=slurm)).findings
    return [each.value for each in told] == [200.0], "200 of 200 steps", _explained(told)


def _idle_tail(job: Recorded, label: Label) -> tuple[bool, str, str]:
    """Minutes without use before the end; those of half an hour or more the check must tell of, and no other."""
    wanted = label["idle_minutes_per_gpu_before_end"]
    usage = job.matrix("GPU", "gpu_usage")
    length = trailing((usage <= 0).to_numpy())
    last = usage.columns.to_numpy()
    minutes = {name: (last[-1] - last[-1 - n]) / 60 for name, n in zip(usage.index, length, strict=True)}
    close = all(abs(minutes[name] - each) < 0.06 for name, each in wanted.items())
    _, end = llview.span(job)
    facts = llview.facts_at(job, end)
    told = _gpus(facts, held_idle.judge(facts).findings)
    long = {name for name, each in wanted.items() if each >= held_idle.MINUTES}
    expected = f"{sum(wanted.values()):.1f} GPU-minutes; {len(long)} GPUs for {held_idle.MINUTES} min"
    return close and told == long, expected, f"{sum(minutes.values()):.1f} GPU-minutes; found idle: {_names(told)}"


def _timeout(job: Recorded, _: Label) -> tuple[bool, str, str]:
    """Slurm's state, and the check on time limits five minutes before."""
    ended = str(llview.jobs(job)["state"].iloc[0])
    _, end = llview.span(job)
    at = end - 5 * _MINUTE
    told = job_time_limit.judge(Facts(at=at, slurm=Slurm(at, jobs=llview.jobs(job, running=True)))).findings
    return ended == "TIMEOUT" and len(told) == 1, "TIMEOUT", f"{ended}; 5 min before: {_explained(told)}"


def _never_used(job: Recorded, label: Label) -> tuple[bool, str, str]:
    """The check on idle GPUs, in the middle of the job."""
    begin, _ = llview.span(job)
    facts = llview.facts_at(job, begin + 50 * _MINUTE)
    told = held_idle.judge(facts).findings
    return _gpus(facts, told) == set(label["gpus"]), _names(label["gpus"]), _explained(told)


_REPEATS = {"8402497": (27, 119, 196), "9438058": (5, 660, 708)}


def _repeats(job: Recorded, _: Label) -> tuple[bool, str, str]:
    """Samples in which no reading of any GPU moved, and those of single GPUs."""
    table = job.table("GPU")
    readings = [name for name in table.columns if name not in {"jobid", "ts", "nodeid"}]
    wide = {name: job.matrix("GPU", name).to_numpy(dtype=np.float32) for name in readings}
    count, samples = next(iter(wide.values())).shape
    trace = Trace(count, np.arange(samples) * 60_000_000, wide)
    still = ~np.logical_or.reduce([moved(trace, name) for name in readings])
    found = (int(still.all(axis=0).sum()), samples, int(still.sum()))
    whole, of, single = _REPEATS[job.job_id]
    return (
        found == (whole, of, single),
        f"{whole} of {of} samples, {single} rows",
        f"{found[0]} of {found[1]}, {found[2]} rows",
    )


_CHECKS: dict[str, Callable[[Recorded, Label], tuple[bool, str, str]]] = {
    "node_down_job_failed": _node_down,
    "synchronous_stall_of_whole_job": _stalls,
    "frozen_node_power_sensor": _frozen,
    "all_steps_failed_but_job_completed": _silent_failure,
    "idle_tail": _idle_tail,
    "timeout": _timeout,
    "allocated_gpus_idle": _never_used,
    "stale_repeat": _repeats,
}


def _idle_jobs(folder: Path, label: Label) -> Row:
    """Long jobs whose mean utilization is under a percent; a mean that is missing is no zero."""
    table = pd.read_parquet(folder / "job.parquet")
    footprint = table["footprint"].map(json.loads)
    mean = footprint.map(lambda each: each.get("acc_utilization_avg", float("nan"))).astype("float64") / 100
    idle = table[((mean < 0.01) & (mean < IDLE_BELOW) & (table["duration"] >= 3600)).to_numpy(dtype=bool)]
    count = len(idle)
    return Row(
        "clustercockpit",
        label["kind"],
        label["strength"],
        count == label["count"],
        f"{label['count']} jobs",
        f"{count} jobs: {_names(idle['job_id'].astype(str))}",
    )


def _operator_faults(folder: Path) -> Row:
    """Each fault lies in an outage of its node; at instants spread over all days the check names the nodes that are out."""
    pairs = _pairs(json.loads((folder / "fault_trace.json").read_text()))
    states = _open_faults(pairs)
    times = spells(states, is_down(states))
    outages = {
        node: list(rows[["began_at", "ended_at"]].itertuples(index=False)) for node, rows in times.groupby("node")
    }
    hit = sum(any(low <= begin and end <= high for low, high in outages.get(node, ())) for node, begin, end in pairs)
    merged, asked = _merged(pairs), _spread(pairs)
    right = sum(_told(states, at) == {node for node, begin, end in pairs if begin <= at < end} for at in asked)
    found = hit == len(pairs) and len(times) == merged and right == len(asked)
    expected = f"{len(pairs)} pairs, {merged} outages"
    detail = f"{hit} pairs, {len(times)} outages; the nodes down at {right} of {len(asked)} instants"
    return Row("infinitehbd", "fault pairs", "hard", found, expected, detail)


def _spread(pairs: list[tuple[str, datetime, datetime]]) -> list[datetime]:
    """The middle of every twentieth fault."""
    return [begin + (end - begin) / 2 for _, begin, end in pairs[::20]]


def _pairs(events: list[dict[str, Any]]) -> list[tuple[str, datetime, datetime]]:
    """(node, begin, end): a start with the next end of the same node, of the same fault first."""
    open_: list[dict[str, Any]] = []
    pairs = []
    for event in events:
        if event["event_type"] == "fault_start":
            open_.append(event)
            continue
        mine = [each for each in open_ if each["node_id"] == event["node_id"]]
        start = next((each for each in mine if each["fault_type"] == event["fault_type"]), mine[0])
        open_.remove(start)
        begin, end = (_DAY_ZERO + timedelta(days=each["event_time"]) for each in (start, event))
        # Days are told to 0.0001: a fault of no length was shorter than nine seconds.
        pairs.append((str(event["node_id"]), begin, max(end, begin + timedelta(seconds=1))))
    return pairs


def _open_faults(pairs: list[tuple[str, datetime, datetime]]) -> pd.DataFrame:
    """NODE_STATES: DOWN while a fault of the node is open."""
    changes: dict[tuple[str, datetime], int] = {}
    for node, begin, end in pairs:
        changes[node, begin] = changes.get((node, begin), 0) + 1
        changes[node, end] = changes.get((node, end), 0) - 1
    count: dict[str, int] = {}
    table = []
    for (node, at), step in sorted(changes.items(), key=lambda item: item[0][1]):
        count[node] = count.get(node, 0) + step
        table.append({"node": node, "changed_at": at, "state": "DOWN" if count[node] else "IDLE"})
    return _texts(NODE_STATES, table)


def _merged(pairs: list[tuple[str, datetime, datetime]]) -> int:
    """How many outages the faults make where those of one node overlap."""
    until: dict[str, datetime] = {}
    outages = 0
    for node, begin, end in sorted(pairs, key=lambda pair: pair[1]):
        outages += node not in until or begin > until[node]
        until[node] = max(end, until.get(node, end))
    return outages


def _told(states: pd.DataFrame, at: datetime) -> set[str]:
    """The nodes that the check finds down at an instant."""
    before = states[states["changed_at"] <= pd.Timestamp(at)]
    last = before.drop_duplicates("node", keep="last")
    rows = [
        {"node": node, "state": state, "takes_work": False}
        for node, state in zip(last["node"], last["state"], strict=True)
    ]
    told = node_down.judge(Facts(at=at, slurm=Slurm(at, nodes=_texts(NODES, rows), states=before))).findings
    return {found.subject.node for found in told}


def _texts(contract: Frame, table: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a frame of the contract: what a row leaves out is "", or null."""
    frame = contract.empty().reindex(range(len(table)))
    given = pd.DataFrame(table)
    for name, column in contract.columns.items():
        if name in given:
            frame[name] = given[name].astype(column.dtype)
        elif column.dtype == "string":
            frame[name] = pd.Series("", index=frame.index, dtype="string")
    return contract.conform(frame)


def _gpus(facts: Facts, findings: tuple[Finding, ...]) -> set[str]:
    """The GPUs that findings about idle GPUs name in their evidence."""
    places = {
        f"GPU {index} on {node}": str(uuid)
        for node, index, uuid in facts.cells[["node", "gpu_index", "gpu_uuid"]].itertuples(index=False)
    }
    return {places[item.value.partition(":")[0]] for found in findings for item in found.evidence}


def _explained(findings: tuple[Finding, ...]) -> str:
    return " ".join(found.explanation for found in findings) or "nothing"


def _names(names: Any) -> str:
    return ", ".join(sorted(names))


def table(found: tuple[Row, ...]) -> str:
    """The rows as Markdown."""
    lines = ["| recording | label | strength | found | expected | what was found |", "|---|---|---|---|---|---|"]
    for row in found:
        cells = (row.dataset, row.kind, row.strength, "yes" if row.found else "**no**", row.expected, row.detail)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"Found: {sum(row.found for row in found)} of {len(found)}."])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=Path, default=TRACES)
    folder = parser.parse_args().traces
    if not folder.exists():
        print(f"no recordings in {folder}")
        return
    print(table(rows(folder)))


if __name__ == "__main__":
    main()
