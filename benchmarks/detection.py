"""How well the health checks find labelled faults of the demo cluster, and how often they cry wolf.

Every kind of fault comes once a seed, on a cluster that lives its life meanwhile; then days without any fault are
watched. Printed are recall and time to detect by kind, and precision by check; `--write` keeps them in
`docs/detection.md`. Labels of recorded clusters are checked by `trace_labels.py`, where the recordings are present.
"""

from __future__ import annotations

import argparse
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from watchdog.analysis.health.facts import Slurm
from watchdog.analysis.health.registry import CHECKS
from watchdog.base.clock import FakeClock
from watchdog.model.findings import Finding, Severity
from watchdog.model.frames import GPUS
from watchdog.model.live import Live
from watchdog.model.scheduler import NODE_STATES
from watchdog.model.slurm.records import Snapshot
from watchdog.model.telemetry import SourceStatus, Window
from watchdog.services.observation import Around, Observation
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.faults import Fault, FaultKind
from watchdog.sources.demo.scenarios import HEALTHY, Scenario, every_fault
from watchdog.sources.demo.scheduler_view import DemoScheduler
from watchdog.sources.slurm_frames import job_gpus_frame, jobs_frame, nodes_frame, partitions_frame, steps_frame

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GAP_MINUTES = 20.0
# A finding may outlive its fault: windows of minutes drain, and a hardware fault is held until a reset.
AFTERMATH = timedelta(hours=2)
# Said until the GPU is reset.
UNTIL_RESET = frozenset({"ecc_uncorrected", "row_remap", "recovery_action"})
_K = FaultKind

# Which checks find which fault. Any counts.
FOUND_BY: dict[FaultKind, tuple[str, ...]] = {
    _K.THERMAL_THROTTLE: ("throttle", "hot", "hot_memory"),
    _K.COOLING_FAILURE: ("throttle", "hot", "hot_memory"),
    _K.NEVER_USED: ("held_idle",),
    _K.GONE_IDLE: ("held_idle",),
    _K.HUNG: ("hung",),
    _K.JOB_STALL: ("job_stall", "hung"),
    _K.INPUT_BOUND: ("input_bound",),
    _K.STRAGGLER: ("straggler",),
    _K.MEMORY_LEAK: ("memory_full",),
    _K.ZOMBIE_MEMORY: ("zombie_memory",),
    _K.GPU_LOST: ("gpu_missing", "xid"),
    _K.ECC_CORRECTED: ("ecc_corrected",),
    _K.ECC_UNCORRECTED: ("ecc_uncorrected", "row_remap", "xid"),
    _K.ROW_REMAP_FAILURE: ("row_remap", "ecc_uncorrected", "xid"),
    _K.XID_13: ("xid",),
    _K.XID_31: ("xid",),
    _K.XID_94: ("xid",),
    _K.XID_119: ("xid",),
    _K.NVLINK_ERRORS: ("nvlink", "xid"),
    _K.PCIE_DEGRADED: ("pcie",),
    _K.PCIE_REPLAYS: ("pcie",),
    _K.POWER_BRAKE: ("throttle",),
    _K.EXPORTER_DEAD: ("exporter_lost",),
    _K.EXPORTER_FROZEN: ("exporter_frozen",),
    _K.NODE_DRAINED: ("node_drained",),
    _K.NODE_DOWN: ("node_down", "exporter_lost"),
    _K.SENSOR_STUCK: ("sensor_stuck",),
    _K.CLOCK_SKEW: ("clock_skew",),
}
# What else is true while a fault lasts, because of it.
ALSO: dict[FaultKind, tuple[str, ...]] = {
    _K.HUNG: ("held_idle", "job_stall"),
    _K.XID_119: ("hung", "job_stall", "recovery_action"),
    _K.JOB_STALL: ("held_idle", "input_bound"),
    _K.GONE_IDLE: ("job_stall", "input_bound"),
    _K.GPU_LOST: ("node_drained", "drained_again", "exporter_lost", "job_failed_node"),
    _K.ECC_UNCORRECTED: ("recovery_action", "node_drained", "drained_again"),
    _K.ROW_REMAP_FAILURE: ("recovery_action", "node_drained", "drained_again"),
    _K.XID_94: ("ecc_uncorrected", "row_remap", "recovery_action"),
    _K.NODE_DRAINED: ("drained_again",),
    _K.NODE_DOWN: ("gpu_missing", "job_failed_node", "drained_again"),
    _K.EXPORTER_DEAD: ("gpu_missing",),
    _K.EXPORTER_FROZEN: ("sensor_stuck",),
    _K.THERMAL_THROTTLE: ("straggler", "input_bound"),
    _K.COOLING_FAILURE: ("straggler", "input_bound"),
    _K.STRAGGLER: ("input_bound",),
    _K.POWER_BRAKE: ("straggler", "input_bound"),
    _K.PCIE_DEGRADED: ("input_bound",),
    _K.MEMORY_LEAK: ("zombie_memory",),
    _K.NVLINK_ERRORS: ("straggler", "input_bound"),
}


@dataclass(frozen=True)
class Episode:
    """One finding, from when it was first to when it was last seen."""

    check: str
    severity: Severity
    since: datetime
    until: datetime
    node: str
    gpu_uuid: str
    raw_job: int | None
    text: str


@dataclass(frozen=True)
class Run:
    """One simulated stretch of time: the truth, and what was found."""

    seed: int
    faults: tuple[Fault, ...]
    uuids: dict[str, tuple[str, int]]
    episodes: tuple[Episode, ...]
    until: datetime


class Watcher:
    """Looks at a demo cluster once a minute, as the collector would."""

    def __init__(self, config: DemoConfig) -> None:
        self.cluster = DemoCluster(config, START)
        self._clock = FakeClock(START)
        self._scheduler = DemoScheduler(self.cluster, self._clock)
        self._live = Live()
        self._known = _inventory(self.cluster.samples(START), START)
        self._observation = Observation(self._live, lambda _: self._known)
        self._states: dict[str, tuple[str, str, str]] = {}
        self._changes: list[dict[str, object]] = []
        self.raw_jobs: dict[str, int] = {}
        self.uuids = {
            str(row.gpu_uuid): (str(row.node), int(row.gpu_index)) for row in self._known.itertuples(index=False)
        }

    def look(self, at: datetime) -> list[Finding]:
        """Everything that the checks find at `at`."""
        self._clock.sleep((at - self._clock.now()).total_seconds())
        frame = self.cluster.samples(at)
        self._live.update(frame, at)
        seen = self._known["gpu_uuid"].isin(set(frame["gpu_uuid"].astype(str)))
        self._known.loc[seen.to_numpy(), "last_seen_at"] = pd.Timestamp(at)
        facts = self._observation.facts(
            at, Around(self._slurm(at), self._statuses(at, frame), self._scheduler.status())
        )
        return [found for check in CHECKS.values() for found in check.judge(facts).findings]

    def _slurm(self, at: datetime) -> Slurm:
        view = self._scheduler.snapshot()
        self._note_states(view, at)
        self.raw_jobs |= {job.job_id: job.raw_id for job in view.jobs}
        done = self._scheduler.finished(Window(at - timedelta(hours=1), at + timedelta(microseconds=1)))
        states = NODE_STATES.conform(pd.DataFrame(self._changes, columns=list(NODE_STATES.columns)))
        return Slurm(
            at,
            jobs_frame(view.jobs),
            job_gpus_frame(view.jobs),
            nodes_frame(view.nodes),
            partitions_frame(view.partitions),
            states,
            jobs_frame(done.jobs),
            steps_frame(done.steps),
        )

    def _note_states(self, view: Snapshot, at: datetime) -> None:
        for node in view.nodes:
            lasting = "IDLE" if node.state in {"IDLE", "MIXED", "ALLOCATED"} else node.state
            now = (lasting, ",".join(sorted(node.flags - {"COMPLETING", "PLANNED"})), node.reason)
            if self._states.get(node.node) != now:
                self._states[node.node] = now
                row = dict(zip(("state", "flags", "reason"), now, strict=True))
                self._changes.append({"node": node.node, "changed_at": at, **row, "reason_by": node.reason_by})

    def _statuses(self, at: datetime, frame: pd.DataFrame) -> tuple[SourceStatus, ...]:
        answered = set(frame["node"].astype(str).unique())
        return tuple(
            SourceStatus(
                f"exporter {name}",
                at,
                at if name in answered else None,
                0.01,
                error="" if name in answered else "connection refused",
                clock_skew_seconds=self.cluster.clock_skew(name).total_seconds(),
            )
            for name in self.cluster.node_names
        )


def _inventory(frame: pd.DataFrame, at: datetime) -> pd.DataFrame:
    first = frame.drop_duplicates("gpu_uuid")[["node", "gpu_uuid", "gpu_index", "gpu_model"]]
    instant = pd.Timestamp(at)
    return GPUS.conform(
        first.assign(first_seen_at=instant, last_seen_at=instant).astype(
            {name: column.dtype for name, column in GPUS.columns.items()}
        )
    )


def watch(seed: int, scenario: Scenario, hours: float, nodes: int, gpus: int) -> Run:
    """Live through `hours` of a scenario; findings of INFO are not counted."""
    watcher = Watcher(DemoConfig(nodes=nodes, gpus=gpus, seed=seed, scenario=scenario))
    open_: dict[tuple[str, object], Episode] = {}
    closed: list[Episode] = []
    at, until = START, START + timedelta(hours=hours)
    while at < until:
        at += MINUTE
        now = {(found.check, found.subject): found for found in watcher.look(at) if _counts(found)}
        closed += [open_.pop(key) for key in [*open_] if key not in now]
        for key, found in now.items():
            open_[key] = _episode(found, open_.get(key), at, watcher.raw_jobs)
    episodes = (*closed, *open_.values())
    return Run(seed, watcher.cluster.faults(), watcher.uuids, episodes, until)


def _counts(found: Finding) -> bool:
    return found.severity is not Severity.INFO or found.check in {"xid", "node_drained", "input_bound"}


def _episode(found: Finding, known: Episode | None, at: datetime, raw_jobs: dict[str, int]) -> Episode:
    subject = found.subject
    since = known.since if known else at
    raw = raw_jobs.get(subject.job_id or found.job_id)
    return Episode(found.check, found.severity, since, at, subject.node, subject.gpu_uuid, raw, found.explanation)


def concerns(episode: Episode, fault: Fault, uuids: dict[str, tuple[str, int]]) -> bool:
    """Whether a finding is about whom the fault hit, while it lasted or soon after."""
    aftermath = timedelta(hours=24) if episode.check in UNTIL_RESET else AFTERMATH
    if episode.until < fault.since or episode.since > fault.until + aftermath:
        return False
    if episode.gpu_uuid and fault.gpus and uuids.get(episode.gpu_uuid) in fault.gpus:
        return True
    if fault.job is not None and episode.raw_job == fault.job:
        return True
    node = episode.node or (
        episode.text.rpartition(" as ")[2].partition(" ")[0] if episode.check == "job_failed_node" else ""
    )
    return bool(node) and node == fault.node


def _found(run: Run, fault: Fault) -> timedelta | None:
    """How long after its begin a fault was found; None if it was not."""
    hits = [
        each.since - fault.since
        for each in run.episodes
        if each.check in FOUND_BY[fault.kind] and concerns(each, fault, run.uuids) and each.until >= fault.since
    ]
    return max(min(hits), timedelta()) if hits else None


def _is_true(run: Run, episode: Episode) -> bool:
    return any(
        episode.check in (*FOUND_BY[fault.kind], *ALSO.get(fault.kind, ())) and concerns(episode, fault, run.uuids)
        for fault in run.faults
    )


def recall_table(runs: list[Run]) -> Iterator[tuple[str, int, int, float]]:
    """(kind, faults, found, median minutes to detect) of each kind."""
    times: dict[FaultKind, list[timedelta | None]] = defaultdict(list)
    for run in runs:
        for fault in run.faults:
            # One that ended with the run's end had no time to be found.
            if fault.since + 15 * MINUTE < run.until:
                times[fault.kind].append(_found(run, fault))
    for kind in FaultKind:
        found = [time / MINUTE for time in times[kind] if time is not None]
        yield str(kind), len(times[kind]), len(found), statistics.median(found) if found else float("nan")


def precision_table(runs: list[Run]) -> Iterator[tuple[str, int, int]]:
    """(check, findings, true ones) of each check that found something."""
    all_, true = Counter[str](), Counter[str]()
    for run in runs:
        for each in run.episodes:
            all_[each.check] += 1
            true[each.check] += _is_true(run, each)
    for check in sorted(all_):
        yield check, all_[check], true[check]


def false_alerts(runs: list[Run]) -> list[str]:
    """Every finding that no fault explains, in words."""
    return [
        f"seed {run.seed} {each.since:%d %H:%M}-{each.until:%H:%M} {each.check} ({each.severity}): {each.text}"
        for run in runs
        for each in run.episodes
        if not _is_true(run, each)
    ]


def report(faulty: list[Run], healthy: list[Run]) -> str:
    """The tables as Markdown."""
    lines = ["| fault | times | found | recall | median time to detect |", "|---|--:|--:|--:|--:|"]
    rows = [row for row in recall_table(faulty) if row[1]]
    lines += [f"| {kind} | {n} | {k} | {k / n:.2f} | {minutes:.0f} min |" for kind, n, k, minutes in rows]
    total, found = sum(row[1] for row in rows), sum(row[2] for row in rows)
    lines += [f"| **all** | {total} | {found} | **{found / max(total, 1):.3f}** | |", ""]
    lines += ["| check | findings | true | precision |", "|---|--:|--:|--:|"]
    checks = list(precision_table(faulty))
    lines += [f"| {check} | {n} | {k} | {k / n:.2f} |" for check, n, k in checks]
    total, true = sum(row[1] for row in checks), sum(row[2] for row in checks)
    lines += [f"| **all** | {total} | {true} | **{true / max(total, 1):.3f}** |", ""]
    days = sum((run.until - START) / timedelta(days=1) for run in healthy)
    lines += [f"Fault-free days watched: {days:.1f}; false alerts: {sum(len(run.episodes) for run in healthy)}."]
    return "\n".join(lines)


def main() -> None:
    """Run, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--healthy-days", type=float, default=7.0)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", type=Path, help="keep the tables in this Markdown file, below its marker")
    args = parser.parse_args()
    scenario = every_fault(GAP_MINUTES, since=1800.0)
    hours = (len(FaultKind) * GAP_MINUTES + 90) / 60
    size = (args.nodes, args.gpus)
    with ProcessPoolExecutor(args.workers) as pool:
        faulty = [pool.submit(watch, seed, scenario, hours, *size) for seed in range(1, args.seeds + 1)]
        days = [pool.submit(watch, 100 + day, HEALTHY, 24.0, *size) for day in range(round(args.healthy_days))]
        runs, calm = [job.result() for job in faulty], [job.result() for job in days]
    text = report(runs, calm)
    print(text)
    for line in [*false_alerts(runs), *false_alerts(calm)]:
        print("  false:", line)
    if args.write:
        head, marker, _ = args.write.read_text().partition("<!-- measured -->\n")
        args.write.write_text(f"{head}{marker}\n{text}\n")


if __name__ == "__main__":
    main()
