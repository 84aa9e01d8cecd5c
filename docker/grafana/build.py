"""Writes Grafana's dashboards and the recording rules that they read: `python -m docker.grafana.build`.

Names of metrics come from the catalogue, so that a dashboard shows the same whatever exporter a node runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watchdog.model.metrics import CATALOGUE, Dialect

HERE = Path(__file__).parent
DASHBOARDS, RULES = HERE / "dashboards", HERE.parent / "prometheus" / "rules" / "recording.yml"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
# Recorded as `gpu:<key>`, a series a GPU with the labels node, gpu, uuid, model.
RECORDED = (
    *("gpu_util_ratio", "sm_active_ratio", "tensor_active_ratio", "dram_active_ratio"),
    *("memory_used_bytes", "memory_total_bytes", "memory_free_bytes", "power_watts", "power_limit_watts"),
    *("gpu_temperature_celsius", "memory_temperature_celsius", "sm_clock_hertz"),
    *("ecc_uncorrected_volatile_count", "ecc_corrected_volatile_count", "row_remap_pending_flag", "pcie_replay_count"),
)
# DCGM's smallest value for "no measurement"; nothing recorded here comes near it in the exporter's unit.
_BLANK = 2147483632
_DIALECTS = (Dialect.DCGM, Dialect.DCGM_46, Dialect.WATCHDOG)


@dataclass(frozen=True)
class Panel:
    """A panel: its title, queries (PromQL, legend), unit, and how it is drawn."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    about: str = ""


# Recording rules


def recording_rules() -> str:
    """The rule file, as JSON, which is YAML."""
    rules = [{"record": f"gpu:{key}", "expr": _recorded(key)} for key in RECORDED]
    rules += [{"record": name, "expr": query} for name, query in _SUMS]
    groups = [{"name": "gpu-watchdog-recording", "interval": "15s", "rules": rules}]
    return "# Made by: python -m docker.grafana.build\n" + json.dumps({"groups": groups}, indent=1) + "\n"


def _recorded(key: str) -> str:
    names = [each for each in CATALOGUE[key].names if each.dialect in _DIALECTS and not each.bit]
    terms = " or ".join(f"({each.name} < {_BLANK}) * {each.factor!r}" for each in names)
    how = "sum" if key.endswith(("_bytes", "_count")) and "memory" in key else "max"
    # hpc_job and MIG labels would split one GPU into several series.
    one = f"{how} without (hpc_job, GPU_I_ID, GPU_I_PROFILE) (max without (hpc_job) ({terms}))"
    named = f'label_replace({one}, "node", "$1", "Hostname", "(.+)")'
    named = f'label_replace({named}, "node", "$1", "hostname", "(.+)")'
    return f"max by (node, gpu, UUID, modelName) ({named})"


_SUMS = (
    ("node:gpus:count", "count by (node) (gpu:gpu_util_ratio)"),
    ("node:gpu_util_ratio:avg", "avg by (node) (gpu:gpu_util_ratio)"),
    ("node:power_watts:sum", "sum by (node) (gpu:power_watts)"),
    ("cluster:gpu_util_ratio:avg", "avg(gpu:gpu_util_ratio)"),
    ("cluster:power_watts:sum", "sum(gpu:power_watts)"),
    ("cluster:gpus:count", "count(gpu:gpu_util_ratio)"),
    ("cluster:gpus_idle:count", "count(max_over_time(gpu:gpu_util_ratio[10m]) < 0.05) or 0 * cluster:gpus:count"),
)


# Dashboards

_NODE, _GPU = 'node=~"$node"', 'node=~"$node", gpu=~"$gpu"'


def _info(query: str) -> str:
    """One series a job, with who has it."""
    return f"{query} * on (job_id) group_left (user, account, partition, name) max by (job_id, user, account, partition, name) (slurm_job_info)"


BOARDS: dict[str, tuple[str, tuple[str, ...], tuple[Panel, ...]]] = {
    "cluster": (
        "Cluster",
        (),
        (
            Panel("GPUs seen", (("cluster:gpus:count", ""),), kind="stat", width=4),
            Panel("Mean utilization", (("cluster:gpu_util_ratio:avg", ""),), "percentunit", "stat", 4),
            Panel("Idle for 10 minutes", (("cluster:gpus_idle:count", ""),), kind="stat", width=4),
            Panel("Power", (("cluster:power_watts:sum", ""),), "watt", "stat", 4),
            Panel("Exporters that do not answer", (('count(up{job=~"gpu|slurm"} == 0) or 0 * count(up{job=~"gpu|slurm"})', ""),), kind="stat", width=4),
            Panel("Alerts that fire", (('sum(ALERTS{alertstate="firing", alertname!="watchdog-alive"}) or vector(0)', ""),), kind="stat", width=4),
            Panel("Utilization by node", (("node:gpu_util_ratio:avg", "{{node}}"),), "percentunit"),
            Panel("Power by node", (("node:power_watts:sum", "{{node}}"),), "watt"),
            Panel("GPUs held and free", (("sum(slurm_node_gpus_alloc)", "held"), ("sum(slurm_node_gpus) - sum(slurm_node_gpus_alloc)", "free")), about="As Slurm says."),
            Panel("Hottest GPUs", (("topk(10, gpu:gpu_temperature_celsius)", "{{node}} {{gpu}}"),), "celsius"),
        ),
    ),
    "node": (
        "Node",
        ("node",),
        (
            Panel("Utilization by GPU", ((f"gpu:gpu_util_ratio{{{_NODE}}}", "{{node}} {{gpu}}"),), "percentunit"),
            Panel("Memory used", ((f"gpu:memory_used_bytes{{{_NODE}}}", "{{node}} {{gpu}}"),), "bytes"),
            Panel("Power", ((f"gpu:power_watts{{{_NODE}}}", "{{node}} {{gpu}}"),), "watt"),
            Panel("Temperature", ((f"gpu:gpu_temperature_celsius{{{_NODE}}}", "{{node}} {{gpu}}"),), "celsius"),
            Panel("CPUs", ((f"slurm_node_cpus_alloc{{{_NODE}}}", "{{node}} held"), (f"slurm_node_cpus{{{_NODE}}}", "{{node}} there"))),
            Panel("Memory of the node", ((f"slurm_node_memory_alloc_bytes{{{_NODE}}}", "{{node}} held"), (f"slurm_node_memory_bytes{{{_NODE}}}", "{{node}} there")), "bytes"),
        ),
    ),
    "gpu": (
        "GPU",
        ("node", "gpu"),
        (
            Panel("Utilization", ((f"gpu:gpu_util_ratio{{{_GPU}}}", "{{node}} {{gpu}} busy"), (f"gpu:sm_active_ratio{{{_GPU}}}", "{{node}} {{gpu}} SM"), (f"gpu:tensor_active_ratio{{{_GPU}}}", "{{node}} {{gpu}} tensor")), "percentunit", about="SM and tensor activity take DCGM's profiling."),
            Panel("Memory", ((f"gpu:memory_used_bytes{{{_GPU}}}", "{{node}} {{gpu}} used"), (f"gpu:memory_total_bytes{{{_GPU}}}", "{{node}} {{gpu}} there")), "bytes"),
            Panel("Power", ((f"gpu:power_watts{{{_GPU}}}", "{{node}} {{gpu}}"), (f"gpu:power_limit_watts{{{_GPU}}}", "{{node}} {{gpu}} limit")), "watt"),
            Panel("Temperature", ((f"gpu:gpu_temperature_celsius{{{_GPU}}}", "{{node}} {{gpu}}"), (f"gpu:memory_temperature_celsius{{{_GPU}}}", "{{node}} {{gpu}} memory")), "celsius"),
            Panel("SM clock", ((f"gpu:sm_clock_hertz{{{_GPU}}}", "{{node}} {{gpu}}"),), "hertz"),
            Panel("ECC errors since the driver was loaded", ((f"gpu:ecc_uncorrected_volatile_count{{{_GPU}}}", "{{node}} {{gpu}} uncorrected"), (f"gpu:ecc_corrected_volatile_count{{{_GPU}}}", "{{node}} {{gpu}} corrected"))),
            Panel("Row remap waits for a reset", ((f"gpu:row_remap_pending_flag{{{_GPU}}}", "{{node}} {{gpu}}"),)),
            Panel("PCIe replays in an hour", ((f"increase(gpu:pcie_replay_count{{{_GPU}}}[1h])", "{{node}} {{gpu}}"),)),
        ),
    ),
    "slurm": (
        "Slurm",
        (),
        (
            Panel("Jobs by state", (("count by (state) (slurm_job_info)", "{{state}}"),)),
            Panel("Why jobs wait", (('count by (reason) (slurm_job_info{state="PENDING"})', "{{reason}}"),)),
            Panel("GPUs held by node", (("slurm_node_gpus_alloc", "{{node}}"),)),
            Panel("GPUs waited for by partition", (('sum by (partition) (slurm_job_gpus * on (job_id) group_left (partition) max by (job_id, partition) (slurm_job_info{state="PENDING"}))', "{{partition}}"),)),
            Panel("Nodes by state", (("count by (state) (slurm_node_info)", "{{state}}"),)),
            Panel("Age of what Slurm said", (("time() - slurm_snapshot_timestamp_seconds", ""),), "s", "stat"),
        ),
    ),
    "jobs": (
        "Jobs",
        (),
        (
            Panel("GPUs by user", (('sum by (user) (slurm_job_gpus * on (job_id) group_left (user) max by (job_id, user) (slurm_job_info{state="RUNNING"}))', "{{user}}"),)),
            Panel("GPUs by account", (('sum by (account) (slurm_job_gpus * on (job_id) group_left (account) max by (job_id, account) (slurm_job_info{state="RUNNING"}))', "{{account}}"),)),
            Panel("Utilization of the GPUs of each job", (('avg by (job_id) (gpu:gpu_util_ratio * on (node, gpu) group_left (job_id) label_replace(max by (job_id, node, gpu_index) (slurm_job_gpu), "gpu", "$1", "gpu_index", "(.+)"))', "{{job_id}}"),), "percentunit", width=24),
            Panel("Jobs that run", ((_info('sort_desc(max by (job_id) (slurm_job_gpus) and on (job_id) slurm_job_info{state="RUNNING"})'), ""),), kind="table", width=24),
            Panel("Longest waits", (('topk(10, time() - max by (job_id) (slurm_job_submit_timestamp_seconds) and on (job_id) slurm_job_info{state="PENDING"})', "{{job_id}}"),), "s", width=24),
        ),
    ),
    "vllm": (
        "vLLM",
        (),
        (
            Panel("Requests", (("sum by (instance) (vllm:num_requests_running)", "{{instance}} running"), ("sum by (instance) (vllm:num_requests_waiting)", "{{instance}} waiting"))),
            Panel("Tokens a second", (("sum by (instance) (rate(vllm:generation_tokens_total[5m]))", "{{instance}} written"), ("sum by (instance) (rate(vllm:prompt_tokens_total[5m]))", "{{instance}} read"))),
            Panel("Time to the first token", (("histogram_quantile(0.5, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket[5m])))", "half"), ("histogram_quantile(0.95, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket[5m])))", "95 %")), "s"),
            Panel("Time between tokens", (("histogram_quantile(0.95, sum by (le) (rate(vllm:inter_token_latency_seconds_bucket[5m])))", "95 %"),), "s"),
            Panel("KV cache used", (("vllm:kv_cache_usage_perc", "{{instance}}"),), "percentunit"),
            Panel("Preemptions an hour", (("sum by (instance) (increase(vllm:num_preemptions_total[1h]))", "{{instance}}"),)),
        ),
    ),
}  # fmt: skip


def queries() -> Iterable[tuple[str, str, str]]:
    """(board, panel, PromQL with variables) of every panel."""
    for name, (_, _, panels) in BOARDS.items():
        for panel in panels:
            yield from ((name, panel.title, query) for query, _ in panel.queries)


def dashboard(name: str) -> dict[str, Any]:
    """One dashboard as Grafana reads it."""
    title, variables, panels = BOARDS[name]
    return {
        "uid": f"watchdog-{name}",
        "title": title,
        "tags": ["gpu-watchdog"],
        "timezone": "utc",
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "links": [{"type": "dashboards", "tags": ["gpu-watchdog"], "title": "Dashboards", "asDropdown": False}],
        "templating": {"list": [_variable(each) for each in variables]},
        "panels": [*_placed(panels)],
    }


def _variable(name: str) -> dict[str, Any]:
    narrowed = '{node=~"$node"}' if name == "gpu" else ""
    query = f"label_values(gpu:gpu_util_ratio{narrowed}, {name})"
    return {
        "name": name, "label": name, "type": "query", "datasource": SOURCE, "query": query, "refresh": 2, "sort": 3,
        "multi": True, "includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def _placed(panels: Iterable[Panel]) -> Iterable[dict[str, Any]]:
    left = top = 0
    for number, panel in enumerate(panels, 1):
        height = 4 if panel.kind == "stat" else 8
        if left + panel.width > 24:
            left, top = 0, top + 8
        yield _panel(number, panel, {"x": left, "y": top, "w": panel.width, "h": height})
        left += panel.width


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    table = panel.kind == "table"
    targets = [
        {
            "refId": chr(65 + i), "datasource": SOURCE, "expr": query, "legendFormat": legend or "__auto",
            "instant": table or panel.kind == "stat", "format": "table" if table else "time_series",
        }
        for i, (query, legend) in enumerate(panel.queries)
    ]  # fmt: skip
    # No data is a gap: lines are not drawn across it, and it is not 0.
    custom = {"spanNulls": False, "lineWidth": 1, "fillOpacity": 5} if panel.kind == "timeseries" else {}
    return {
        "id": number, "title": panel.title, "description": panel.about, "type": panel.kind, "datasource": SOURCE,
        "gridPos": place, "targets": targets,
        "fieldConfig": {"defaults": {"unit": panel.unit, "noValue": "unknown", "custom": custom}, "overrides": []},
        "options": {},
    }  # fmt: skip


def written() -> dict[Path, str]:
    """Every file that this makes, and its text."""
    boards = {DASHBOARDS / f"{name}.json": json.dumps(dashboard(name), indent=1) + "\n" for name in BOARDS}
    return {RULES: recording_rules(), **boards}


def main() -> int:
    """Write them."""
    for path, text in written().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
