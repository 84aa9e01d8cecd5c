"""Jobs of JUWELS Booster as LLview recorded them: Slurm's side from the job report, readings from its tables.

Units: `gpu_usage` is percent, `gpu_memu` GiB, `gpu_pu` W, `gpu_sclk` MHz. A row is a GPU (`jwb0033_02`) or a node.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from watchdog.analysis.health.facts import (
    CELL_METRICS,
    DERIVED,
    HOLDER_DTYPES,
    IDENTITY_DTYPES,
    TRACE_MINUTES,
    Facts,
    Slurm,
)
from watchdog.analysis.health.trace import MINUTE_US, Trace
from watchdog.model.arrays import micros
from watchdog.model.frames import Frame
from watchdog.model.scheduler import JOBS, NODE_STATES, STEPS
from watchdog.model.slurm.hostlist import compress
from watchdog.model.slurm.states import job_state

_STEP = re.compile(
    r"\((\w+)::name=(.*?)::rc=(-?\d*)::sig=(\d*)::beg=(-?\d+)::end=(-?\d+)::.*?nodelist=(.*?)::st=(\w*)\)"
)
_DOWN = re.compile(
    r"([^\s|]+) (\w+)\.\S+ psid\[\d+\]: psslurm: nodeDownAlloc: node (\d+) in allocation \d+ \S+ \S+ is down"
)
# ParaStation counts JUWELS Booster's nodes from here; LLview's own report does not name them.
_FIRST_NODE = 3000
_READINGS = {
    "gpu_util_ratio": ("gpu_usage", 0.01),
    "memory_used_bytes": ("gpu_memu", 2.0**30),
    "power_watts": ("gpu_pu", 1.0),
    "gpu_temperature_celsius": ("gpu_temp", 1.0),
    "sm_clock_hertz": ("gpu_sclk", 1e6),
}


@dataclass(frozen=True)
class Recorded:
    """One job: its report, and where its tables lie."""

    job_id: str
    folder: Path
    report: Mapping[str, dict[str, object]]

    def table(self, name: str) -> pd.DataFrame:
        """A table of readings (`GPU`, `LoadMem`), every row in the order of time."""
        frame = pd.read_parquet(self.folder / f"{name}_{self.job_id}_node.parquet")
        return frame.sort_values(["nodeid", "ts"], kind="stable", ignore_index=True)

    def matrix(self, name: str, column: str) -> pd.DataFrame:
        """One column of a table: rows are GPUs or nodes, columns the instants of its samples (Unix seconds)."""
        return self.table(name).pivot_table(index="nodeid", columns="ts", values=column)


def load(folder: Path, job_id: str) -> Recorded:
    """The job whose files lie in `folder`."""
    (path,) = folder.glob("jobreport_*.json")
    return Recorded(job_id, folder, json.loads(path.read_text()))


def steps(job: Recorded) -> pd.DataFrame:
    """STEPS of a job; the script is `batch`, the job's own line is left out."""
    rows = [found for found in _STEP.findall(str(job.report["rc"]["stepspec"])) if found[0] != "job"]
    return _frame(
        STEPS,
        [
            {
                "job_id": job.job_id,
                "step_id": step,
                "name": name,
                "state": job_state(state).value,
                "exit_code": int(code or 0),
                "signal": int(signal or 0),
                "started_at": _instant(begin),
                "ended_at": _instant(end),
            }
            for step, name, code, signal, begin, end, _, state in rows
        ],
    )


def span(job: Recorded) -> tuple[datetime, datetime]:
    """When the job began and ended, by Slurm's own line: the report's `endedhm` is only start and limit."""
    (line,) = (found for found in _STEP.findall(str(job.report["rc"]["stepspec"])) if found[0] == "job")
    return _instant(line[4]), _instant(line[5])


def jobs(job: Recorded, *, running: bool = False) -> pd.DataFrame:
    """JOBS with the job as it ended, or while it ran."""
    rc, about = job.report["rc"], job.report["job"]
    begin, end = span(job)
    nodes = compress(str(about["nodelist"]).split())
    row = {"job_id": job.job_id, "raw_id": int(job.job_id), "user": about["owner"], "account": about["account"]}
    row |= {"partition": about["queue"], "nodes": nodes, "gpus": about["numgpus"], "started_at": begin}
    row |= {"submitted_at": begin, "time_limit_seconds": float(str(about["wallh"])) * 3600, "state": "RUNNING"}
    if not running:
        row |= {"state": job_state(str(rc["rc_state"])).value, "ended_at": end, "signal": int(str(rc["rc_signr"]))}
    return _frame(JOBS, [row])


def nodes_down(job: Recorded) -> pd.DataFrame:
    """NODE_STATES: nodes that another one of the job reported down, from then on."""
    reports = _DOWN.findall(str(job.report["rc"]["errmsgs"]))
    rows = [
        {"node": f"jwb{int(number) - _FIRST_NODE:04}", "changed_at": pd.Timestamp(at), "state": "DOWN", "reason": by}
        for at, by, number in reports
    ]
    return _frame(NODE_STATES, rows)


def facts_at(job: Recorded, at: datetime) -> Facts:
    """What health checks see of the job's GPUs at an instant while it runs."""
    table = job.table("GPU")
    names = sorted(table["nodeid"].unique())
    begin, _ = span(job)
    minutes = micros(at) // MINUTE_US * MINUTE_US - MINUTE_US * np.arange(TRACE_MINUTES)[::-1]
    values = {key: _minutes(table, names, column, factor, minutes) for key, (column, factor) in _READINGS.items()}
    now = {key: _last(matrix) for key, matrix in values.items()}
    columns: dict[str, object] = {
        **dict.fromkeys((*CELL_METRICS, *DERIVED), np.nan),
        **now,
        "node": [name.partition("_")[0] for name in names],
        "gpu_uuid": names,
        "gpu_index": [int(name.partition("_")[2]) for name in names],
        "gpu_model": "NVIDIA A100-SXM4-40GB",
        **dict.fromkeys(("sampled_at", "first_seen_at", "last_seen_at"), pd.Timestamp(at)),
        "busy_ratio": now["gpu_util_ratio"],
        "job_id": job.job_id,
        "job_user": str(job.report["job"]["owner"]),
        "job_account": "",
        "job_partition": "",
        "job_gpus": len(names),
        "job_started_at": pd.Timestamp(begin),
    }
    dtypes = IDENTITY_DTYPES | dict.fromkeys((*CELL_METRICS, *DERIVED), "float64") | HOLDER_DTYPES
    cells = pd.DataFrame(
        {name: pd.Series(columns[name], index=range(len(names))).astype(dtypes[name]) for name in dtypes}
    )
    return Facts(
        at=at,
        cells=cells,
        trace=Trace(len(names), minutes, values),
        slurm=Slurm(at, jobs=jobs(job, running=True)),
        not_exported=frozenset(CELL_METRICS) - set(values),
    )


def _minutes(table: pd.DataFrame, names: list[str], column: str, factor: float, minutes: np.ndarray) -> np.ndarray:
    """The mean of each minute, NaN where nobody read."""
    rows = pd.DataFrame(
        {"name": table["nodeid"], "minute": table["ts"] // 60 * MINUTE_US, "value": table[column] * factor}
    )
    wide = rows.pivot_table(index="name", columns="minute", values="value")
    return wide.reindex(index=names, columns=minutes).to_numpy(dtype=np.float32)


def _last(matrix: np.ndarray) -> np.ndarray:
    """The newest reading of the last five minutes."""
    recent = pd.DataFrame(matrix[:, -5:].T).ffill()
    return recent.iloc[-1].to_numpy(dtype=np.float64)


def _frame(contract: Frame, rows: list[dict[str, object]]) -> pd.DataFrame:
    if not rows:
        return contract.empty()
    table = {}
    for name, column in contract.columns.items():
        cells = [row.get(name) for row in rows]
        if column.dtype.startswith("datetime"):
            table[name] = pd.Series(pd.to_datetime(cells, utc=True)).astype(column.dtype)
        else:
            blank = ["" if cell is None else cell for cell in cells] if column.dtype == "string" else cells
            table[name] = pd.Series(blank, dtype=column.dtype)
    return contract.conform(pd.DataFrame(table))


def _instant(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
