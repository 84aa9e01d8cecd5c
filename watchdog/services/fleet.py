"""Is anything wrong with the GPUs at an instant, and how busy are they?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from watchdog.analysis.attention import WORST_FIRST, Attention, needs_a_look
from watchdog.analysis.faults import COUNTERS, LAST_VALUES
from watchdog.analysis.faults import recent_faults as _faults_of
from watchdog.analysis.gpu_state import HUNG_ABOVE, HUNG_POWER_RATIO, IDLE_BELOW, LATEST_METRICS, THROTTLES, gpu_cells
from watchdog.analysis.load import BUSY, BUSY_METRICS, LONG, POWER, busy_series
from watchdog.analysis.load import recent_load as _load_of
from watchdog.analysis.runs import holds_since
from watchdog.base.clock import floor_to
from watchdog.base.errors import SourceError, StoreError
from watchdog.model.frames import SAMPLES
from watchdog.model.health import GpuState
from watchdog.model.telemetry import EVERYWHERE, Answer, Statistic, Telemetry, Where, Window

# A GPU that was not seen for this long is no longer expected: it was taken away.
EXPECTED_FOR = timedelta(days=7)
FAULTS_FOR = timedelta(hours=24)
_MINUTE = timedelta(minutes=1)
_SINCE_STEP = timedelta(minutes=5)
_SINCE_GPUS = 64
# With more GPUs than this the last half hour is read in steps of five minutes instead of one.
_FINE_GPUS = 2_000


@dataclass(frozen=True)
class Recent:
    """What the judgement over a GPU needs beyond its newest reading; None where history did not answer."""

    load: pd.DataFrame | None
    faults: pd.DataFrame | None
    incomplete: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fleet:
    """All GPUs at one instant.

    Attributes:
        cells: one row a GPU (`analysis.gpu_state.gpu_cells`).
        look: the worst groups of GPUs, at most five; `look_count` is how many groups there are in all.
        newest_sample_at: of all readings; None without any.
        incomplete: in words, what is missing from this answer.
    """

    at: datetime
    cells: pd.DataFrame
    nodes_reporting: int
    nodes_known: int
    gpus_seen: int
    gpus_expected: int
    mean_busy_ratio: float
    power_watts: float
    hottest_celsius: float
    memory_used_bytes: float
    memory_total_bytes: float
    newest_sample_at: datetime | None
    look: tuple[Attention, ...]
    look_count: int
    incomplete: tuple[str, ...] = ()
    not_exported: frozenset[str] = frozenset()

    @property
    def gpus_idle(self) -> int:
        """GPUs idle or held idle."""
        return int(self.cells["state"].isin([GpuState.IDLE.value, GpuState.HELD_IDLE.value]).sum())


def recent(telemetry: Telemetry, at: datetime, count: int) -> Recent:
    """The last half hour's load and the last day's faults of about `count` GPUs; what fails is said, not raised."""
    load, load_notes = _load(telemetry, at, count)
    faults, fault_notes = _faults(telemetry, at)
    return Recent(load, faults, (*load_notes, *fault_notes))


def _load(telemetry: Telemetry, at: datetime, count: int) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    step = _MINUTE if count <= _FINE_GPUS else 5 * _MINUTE
    window = Window(floor_to(at - LONG, step), at)
    try:
        answer = telemetry.range((BUSY_METRICS[0], POWER), window, step)
        frames = [answer.frame]
        if BUSY_METRICS[0] in answer.not_exported:
            frames.append(telemetry.range((BUSY_METRICS[1],), window, step).frame)
    except (SourceError, StoreError) as error:
        return None, (f"no history, so idle-held and hung GPUs are not told apart: {error}",)
    return _load_of(pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0], at, step), answer.incomplete


def _faults(telemetry: Telemetry, at: datetime) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    window, hour = Window(at - FAULTS_FOR, at), 60 * _MINUTE
    try:
        grown = telemetry.range(COUNTERS, window, hour, statistic=Statistic.INCREASE)
        lasts = telemetry.range(LAST_VALUES, window, hour, statistic=Statistic.LAST)
    except (SourceError, StoreError) as error:
        return None, (f"no history, so new faults are not seen: {error}",)
    return _faults_of(grown.frame, lasts.frame), (*grown.incomplete, *lasts.incomplete)


def expected_at(inventory: pd.DataFrame, at: datetime, where: Where = EVERYWHERE) -> pd.DataFrame:
    """GPUS that should be there at `at`: seen before it, and not given up."""
    wanted = (inventory["first_seen_at"] <= pd.Timestamp(at)) & (
        inventory["last_seen_at"] > pd.Timestamp(at - EXPECTED_FOR)
    )
    if where.nodes:
        wanted &= inventory["node"].isin(where.nodes)
    if where.gpus:
        wanted &= inventory["gpu_uuid"].isin(where.gpus)
    return inventory[wanted].reset_index(drop=True)


def fleet(telemetry: Telemetry, inventory: pd.DataFrame, at: datetime, before: Recent) -> Fleet:
    """Judge every GPU at `at`; SourceError or StoreError if the newest readings cannot be had."""
    latest = telemetry.latest(LATEST_METRICS, at)
    expected = expected_at(inventory, at)
    cells = gpu_cells(latest.frame, expected, before.load, before.faults)
    return _summed(cells, latest, at, before.incomplete)


def narrowed(answer: Fleet, where: Where) -> Fleet:
    """The same answer about some of the GPUs: judged among their neighbours, so that a lost one stays lost."""
    keep = pd.Series(True, index=answer.cells.index)
    if where.nodes:
        keep &= answer.cells["node"].isin(where.nodes)
    if where.gpus:
        keep &= answer.cells["gpu_uuid"].isin(where.gpus)
    rest = Answer(SAMPLES.empty(), answer.incomplete, answer.not_exported)
    return _summed(answer.cells[keep].reset_index(drop=True), rest, answer.at)


def _summed(cells: pd.DataFrame, latest: Answer, at: datetime, notes: tuple[str, ...] = ()) -> Fleet:
    seen = cells[cells["sampled_at"].notna()]
    look, look_count = needs_a_look(cells)
    newest = seen["sampled_at"].max() if len(seen) else None
    return Fleet(
        at=at,
        cells=cells,
        nodes_reporting=seen["node"].nunique(),
        nodes_known=cells["node"].nunique(),
        gpus_seen=len(seen),
        gpus_expected=len(cells),
        mean_busy_ratio=float(seen["busy_ratio"].mean()),
        power_watts=float(seen["power_watts"].sum(min_count=1)),
        hottest_celsius=float(seen["gpu_temperature_celsius"].max()),
        memory_used_bytes=float(seen["memory_used_bytes"].sum(min_count=1)),
        memory_total_bytes=float(seen["memory_total_bytes"].sum(min_count=1)),
        newest_sample_at=None if newest is None else newest.to_pydatetime(),
        look=look,
        look_count=look_count,
        incomplete=(*latest.incomplete, *notes),
        not_exported=latest.not_exported,
    )


def with_since(telemetry: Telemetry, answer: Fleet, inventory: pd.DataFrame) -> Fleet:
    """The same answer with `since_at` in its list, as far as a day of history tells."""
    states = set(WORST_FIRST) - {GpuState.FAULTY}
    gpus = tuple(gpu for item in answer.look if item.state in states for gpu in item.gpus)[:_SINCE_GPUS]
    history = _history_of(telemetry, gpus, answer.at) if gpus else None
    look = tuple(_dated(item, answer, inventory, history) for item in answer.look)
    return replace(answer, look=look)


def _history_of(telemetry: Telemetry, gpus: tuple[str, ...], at: datetime) -> pd.DataFrame | None:
    window = Window(floor_to(at - FAULTS_FOR, _SINCE_STEP), at)
    where = Where(gpus=gpus)
    try:
        means = telemetry.range((*BUSY_METRICS, POWER), window, _SINCE_STEP, where=where).frame
        flags = telemetry.range(tuple(THROTTLES), window, _SINCE_STEP, statistic=Statistic.MAX, where=where).frame
    except (SourceError, StoreError):
        return None
    return pd.concat([means, flags], ignore_index=True)


def _dated(item: Attention, answer: Fleet, inventory: pd.DataFrame, history: pd.DataFrame | None) -> Attention:
    if item.state is GpuState.FAULTY:
        rows = answer.cells[answer.cells["gpu_uuid"].isin(item.gpus)]
        return replace(item, since_at=_instant(rows["fault_at"].min()))
    if item.state in {GpuState.LOST, GpuState.UNKNOWN}:
        return replace(item, since_at=_silent_since(item, answer.at, inventory, history))
    if history is None:
        return item
    own = history[history["gpu_uuid"].isin(item.gpus)]
    since, at_least = holds_since(_buckets(own, item.state, answer.cells), _SINCE_STEP)
    return replace(item, since_at=since, since_at_least=at_least)


def _silent_since(
    item: Attention, at: datetime, inventory: pd.DataFrame, history: pd.DataFrame | None
) -> datetime | None:
    """The last reading of its sensors: what is counted by the node goes on after a GPU is lost."""
    known = [_instant(inventory.loc[inventory["gpu_uuid"].isin(item.gpus), "last_seen_at"].max())]
    if history is not None:
        bucket = _instant(history.loc[history["gpu_uuid"].isin(item.gpus), "bucket_at"].max())
        known.append(None if bucket is None else bucket + _SINCE_STEP)
    # At a rewound instant the inventory already knows that the GPU came back later.
    past = [instant for instant in known if instant is not None and instant <= at]
    return min(past, default=None)


def _instant(value: object) -> datetime | None:
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) and not pd.isna(value) else None


def _buckets(own: pd.DataFrame, state: GpuState, cells: pd.DataFrame) -> pd.DataFrame:
    """Whether the state could hold in each bucket, of any of the GPUs."""
    if state is GpuState.THROTTLED:
        flags = own[own["metric"].isin(list(THROTTLES))]
        worst = flags.groupby("bucket_at")["value"].max()
        return (worst > 0).rename("holds").reset_index()
    busy = busy_series(own).assign(gpu_uuid=lambda rows: rows["gpu_uuid"].astype("string"))
    if state is GpuState.HELD_IDLE:
        holds = busy[BUSY] < IDLE_BELOW
    else:
        power = own[own["metric"] == POWER][["gpu_uuid", "bucket_at", "value"]].astype({"gpu_uuid": "string"})
        joined = busy.merge(power, how="left", on=["gpu_uuid", "bucket_at"])
        limit = joined["gpu_uuid"].map(cells.set_index("gpu_uuid")["power_limit_watts"]).astype("float64")
        holds = (joined[BUSY] >= HUNG_ABOVE) & (joined["value"] < HUNG_POWER_RATIO * limit)
    return busy.assign(holds=holds.to_numpy()).groupby("bucket_at")["holds"].any().reset_index()
