"""Everything that a health check may look at, at one instant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from watchdog.analysis.gpu_state import LATEST_METRICS
from watchdog.analysis.health.trace import Trace
from watchdog.model.frames import UTC_DTYPE
from watchdog.model.scheduler import JOB_GPUS, JOBS, NODE_STATES, NODES, PARTITIONS, STEPS
from watchdog.model.telemetry import SourceStatus

# The newest reading of these is a column of `Facts.cells`.
CELL_METRICS = (
    *LATEST_METRICS,
    "memory_temperature_celsius",
    "temperature_margin_celsius",
    "max_sm_clock_hertz",
    "pcie_link_gen_code",
    "pcie_link_width_count",
    "max_pcie_link_width_count",
    "row_remap_pending_flag",
    "row_remap_uncorrectable_count",
    "row_remap_correctable_count",
    "retired_pages_sbe_count",
    "retired_pages_dbe_count",
    "retired_pages_pending_flag",
    "ecc_corrected_volatile_count",
    "ecc_uncorrected_volatile_count",
    "ecc_corrected_aggregate_count",
    "ecc_uncorrected_aggregate_count",
    "mig_mode_flag",
)
# An hour of these is in `Facts.trace`.
TRACE_METRICS = (
    "gpu_util_ratio",
    "graphics_engine_active_ratio",
    "sm_active_ratio",
    "memory_used_bytes",
    "memory_copy_util_ratio",
    "gpu_temperature_celsius",
    "power_watts",
    "sm_clock_hertz",
    "energy_joules",
    "compute_processes_count",
    "throttle_hw_thermal_flag",
    "throttle_sw_thermal_flag",
    "throttle_power_brake_flag",
    "throttle_hw_slowdown_flag",
    "pcie_replay_count",
    "ecc_corrected_volatile_count",
    "ecc_uncorrected_volatile_count",
    "nvlink_crc_flit_errors_count",
    "nvlink_crc_data_errors_count",
    "nvlink_replay_errors_count",
    "nvlink_recovery_errors_count",
)
TRACE_MINUTES = 60

IDENTITY_DTYPES = {
    "node": "string",
    "gpu_uuid": "string",
    "gpu_index": "Int16",
    "gpu_model": "string",
    "sampled_at": UTC_DTYPE,
    "first_seen_at": UTC_DTYPE,
    "last_seen_at": UTC_DTYPE,
}
HOLDER_DTYPES = {
    "job_id": "string",
    "job_user": "string",
    "job_account": "string",
    "job_partition": "string",
    "job_gpus": "Int64",
    "job_started_at": UTC_DTYPE,
}
DERIVED = ("busy_ratio", "memory_ratio", "power_ratio")
XID_DTYPES = {"at": UTC_DTYPE, "node": "string", "gpu_uuid": "string", "gpu_index": "Int16", "xid": "int64"}
RESET_DTYPES = {"at": UTC_DTYPE, "node": "string", "gpu_uuid": "string"}


def empty_of(dtypes: dict[str, str]) -> pd.DataFrame:
    """A frame with these columns and no rows."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes.items()})


def empty_cells() -> pd.DataFrame:
    """`Facts.cells` of a fleet without GPUs."""
    numbers = dict.fromkeys((*CELL_METRICS, *DERIVED), "float64")
    return empty_of(IDENTITY_DTYPES | numbers | HOLDER_DTYPES)


@dataclass(frozen=True)
class Slurm:
    """Slurm as it was seen last.

    Attributes:
        taken_at: when; checks that need it are blind once it is older than SLURM_STALE.
        states: NODE_STATES of the last 30 days.
        ended: JOBS that ended within the last hour; steps: their STEPS.
        whole: False where a part could not be read.
    """

    taken_at: datetime
    jobs: pd.DataFrame = field(default_factory=JOBS.empty)
    job_gpus: pd.DataFrame = field(default_factory=JOB_GPUS.empty)
    nodes: pd.DataFrame = field(default_factory=NODES.empty)
    partitions: pd.DataFrame = field(default_factory=PARTITIONS.empty)
    states: pd.DataFrame = field(default_factory=NODE_STATES.empty)
    ended: pd.DataFrame = field(default_factory=JOBS.empty)
    steps: pd.DataFrame = field(default_factory=STEPS.empty)
    whole: bool = True


@dataclass(frozen=True)
class Disk:
    """Room where history is kept, in bytes; growth in bytes a day where it is known."""

    free_bytes: float
    total_bytes: float
    database_bytes: float
    growth_bytes_per_day: float | None = None


@dataclass(frozen=True)
class Rented:
    """A cluster whose pods are paid for by the hour.

    Attributes:
        usd_per_hour: of all its pods together.
        idle_since: since when it does nothing, where the idle guard has warned of it; else None.
        acts_at: when the guard will do `plan`; None where it only warns.
        overrun: in words, what it costs beyond its budget; empty while it is within.
    """

    name: str
    usd_per_hour: float
    idle_since: datetime | None = None
    acts_at: datetime | None = None
    plan: str = ""
    overrun: str = ""


@dataclass(frozen=True)
class Astray:
    """A pod of ours that is billed and out of order; `fault` says how, in words."""

    name: str
    fault: str
    usd_per_hour: float


@dataclass(frozen=True)
class Rental:
    """Rented clusters, as the list of pods said at `taken_at`."""

    taken_at: datetime
    clusters: tuple[Rented, ...] = ()
    astray: tuple[Astray, ...] = ()


@dataclass(frozen=True)
class Facts:
    """The cluster at `at`.

    Attributes:
        cells: one row for each GPU that is or should be there, ordered by node and place. Columns: IDENTITY_DTYPES
            (`sampled_at` null for a GPU that is silent for LOOKBACK), CELL_METRICS and DERIVED as float64 (null
            where there is no reading), HOLDER_DTYPES: the job that holds it, "" where none does, null where
            that is not known.
        trace: the last TRACE_MINUTES of TRACE_METRICS, rows as in `cells`.
        xids: XIDs that were counted or appeared in the last 24 hours, one row each (XID_DTYPES), by edge and
            never by the sticky gauge, oldest first.
        resets: when a GPU's volatile counters began anew in the last 24 hours (RESET_DTYPES): a reset or reboot.
        sources: the last read of each source of GPU readings; scheduler: of Slurm.
        slurm: None where no Slurm is read.
        rental: None where nothing is rented from here, or the list of pods was not read yet.
        not_exported: keys that no exporter publishes.
        watching_since: since when readings are taken without a break; before it nothing can be said.
    """

    at: datetime
    cells: pd.DataFrame = field(default_factory=empty_cells)
    trace: Trace = field(default_factory=lambda: Trace(0))
    xids: pd.DataFrame = field(default_factory=lambda: empty_of(XID_DTYPES))
    resets: pd.DataFrame = field(default_factory=lambda: empty_of(RESET_DTYPES))
    slurm: Slurm | None = None
    sources: tuple[SourceStatus, ...] = ()
    scheduler: SourceStatus | None = None
    disk: Disk | None = None
    rental: Rental | None = None
    not_exported: frozenset[str] = frozenset()
    watching_since: datetime | None = None

    def column(self, name: str) -> NDArray[np.float64]:
        """A number of `cells`, one a GPU; NaN where there is no reading."""
        return self.cells[name].to_numpy(dtype=np.float64)

    @property
    def silent(self) -> NDArray[np.bool_]:
        """GPUs without a reading for LOOKBACK."""
        return self.cells["sampled_at"].isna().to_numpy(dtype=bool)
