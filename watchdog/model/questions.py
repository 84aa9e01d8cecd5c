"""Worked questions to history: each with its title, what it tells, and SQL that runs as it stands.

`$since` and `$until` are the window; other parameters have a value to begin with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        key: stable, for links.
        parameters: names and first values of what it asks for beyond the window; "" means any.
        chart: the kind of chart that shows it best: bar, line, heat map, histogram, table.
    """

    key: str
    title: str
    explanation: str
    sql: str
    chart: str = "table"
    parameters: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


def _held(metric: str, question: str) -> str:
    """`question` over `held`: hours of each GPU while a job held it. job_gpus names the place, not the GPU."""
    return _HELD.format(metric=metric) + question


_HELD = """WITH held AS (
    SELECT j.job_id, j.user_name, j.account, s.bucket_at, s.avg AS value,
        epoch(least(s.bucket_at + INTERVAL 1 HOUR, coalesce(j.ended_at, j.last_seen_at), $until)
            - greatest(s.bucket_at, j.started_at, $since)) / 3600 AS hours
    FROM jobs AS j
    JOIN job_gpus AS g ON g.job_id = j.job_id AND g.submitted_at = j.submitted_at
    JOIN gpu_samples_1h AS s ON s.node = g.node AND s.gpu_index = g.gpu_index
        AND s.bucket_at < coalesce(j.ended_at, j.last_seen_at) AND s.bucket_at + INTERVAL 1 HOUR > j.started_at
    WHERE s.metric = '{metric}' AND s.part = '' AND s.bucket_at < $until AND s.bucket_at + INTERVAL 1 HOUR > $since
)
"""

_USE = (
    Question(
        "wasted-hours",
        "Who wasted most GPU-hours?",
        "GPU-hours that a user's jobs held while the GPU was under 5 % busy, hour by hour.",
        _held(
            "gpu_util_ratio",
            """SELECT user_name, sum(hours) AS held_gpu_hours, sum(hours) FILTER (value < 0.05) AS idle_gpu_hours,
    coalesce(idle_gpu_hours, 0) / held_gpu_hours AS idle_ratio
FROM held WHERE hours > 0 GROUP BY user_name ORDER BY idle_gpu_hours DESC NULLS LAST""",
        ),
        "bar",
    ),
    Question(
        "idle-by-hour",
        "At which hours of the day do GPUs idle?",
        "Share of GPU-hours under 5 % busy, by hour of the day in UTC.",
        """SELECT hour(bucket_at) AS hour_of_day, avg((avg < 0.05)::INTEGER) AS idle_ratio, count(*) AS gpu_hours
FROM gpu_samples_1h
WHERE metric = 'gpu_util_ratio' AND part = '' AND bucket_at >= $since AND bucket_at < $until
GROUP BY hour_of_day ORDER BY hour_of_day""",
        "bar",
    ),
    Question(
        "utilization",
        "How busy was the cluster?",
        "Mean GPU utilization of all GPUs, hour by hour.",
        """SELECT bucket_at, avg(avg) AS gpu_util_ratio, count(DISTINCT gpu_uuid) AS gpus
FROM gpu_samples_1h
WHERE metric = 'gpu_util_ratio' AND part = '' AND bucket_at >= $since AND bucket_at < $until
GROUP BY bucket_at ORDER BY bucket_at""",
        "line",
    ),
    Question(
        "two-windows",
        "What changed against the window before?",
        "Every gauge and counter, this window against the one of the same length just before it.",
        """WITH pairs AS (
    SELECT metric, bucket_at >= $since AS is_now, coalesce(increase, avg) AS value
    FROM gpu_samples_1h
    WHERE bucket_at >= $since - ($until - $since) AND bucket_at < $until
)
SELECT metric, m.unit, avg(value) FILTER (NOT is_now) AS before, avg(value) FILTER (is_now) AS now,
    now / nullif(before, 0) - 1 AS change_ratio
FROM pairs JOIN metrics AS m USING (metric)
GROUP BY metric, m.unit ORDER BY abs(change_ratio) DESC NULLS LAST""",
    ),
    Question(
        "busy-by-node",
        "Which nodes work hardest?",
        "Mean utilization of a node's GPUs, its best and its worst GPU.",
        """WITH each AS (
    SELECT node, gpu_uuid, avg(avg) AS busy_ratio FROM gpu_samples_1h
    WHERE metric = 'gpu_util_ratio' AND part = '' AND bucket_at >= $since AND bucket_at < $until GROUP BY ALL
)
SELECT node, avg(busy_ratio) AS mean_ratio, min(busy_ratio) AS worst_ratio, max(busy_ratio) AS best_ratio
FROM each GROUP BY node ORDER BY mean_ratio DESC""",
        "bar",
    ),
)
_HARDWARE = (
    Question(
        "hottest-hour",
        "When was each node hottest?",
        "The hour with the highest GPU temperature of each node.",
        """SELECT node, arg_max(bucket_at, max) AS hottest_at, arg_max(gpu_index, max) AS gpu_index,
    max(max) AS gpu_temperature_celsius
FROM gpu_samples_1h
WHERE metric = 'gpu_temperature_celsius' AND bucket_at >= $since AND bucket_at < $until
GROUP BY node ORDER BY gpu_temperature_celsius DESC""",
    ),
    Question(
        "heat-map",
        "How does temperature move over nodes and hours?",
        "The hottest GPU of each node, hour by hour.",
        """SELECT bucket_at, node, max(max) AS gpu_temperature_celsius
FROM gpu_samples_1h
WHERE metric = 'gpu_temperature_celsius' AND bucket_at >= $since AND bucket_at < $until
GROUP BY bucket_at, node ORDER BY bucket_at, node""",
        "heat map",
    ),
    Question(
        "power",
        "How much power do the GPUs draw?",
        "Sum over all GPUs of the mean and of the highest power in each hour.",
        """SELECT bucket_at, sum(avg) AS mean_watts, sum(max) AS peak_watts
FROM gpu_samples_1h
WHERE metric = 'power_watts' AND part = '' AND bucket_at >= $since AND bucket_at < $until
GROUP BY bucket_at ORDER BY bucket_at""",
        "line",
    ),
    Question(
        "energy-by-account",
        "How much energy did each account use, and what did it cost?",
        "Mean power of the GPUs while jobs held them, times the hours held; priced at $usd_per_kwh.",
        _held(
            "power_watts",
            """SELECT account, sum(hours) AS gpu_hours, sum(value * hours) / 1000 AS energy_kwh,
    energy_kwh * $usd_per_kwh AS energy_usd
FROM held WHERE hours > 0 GROUP BY account ORDER BY energy_kwh DESC""",
        ),
        "bar",
        {"usd_per_kwh": 0.25},
    ),
    Question(
        "xids",
        "Which XIDs came, and how often?",
        "Counted from the counters that step up, by code and node.",
        """SELECT part AS xid, node, sum(increase) AS times, count(DISTINCT gpu_uuid) AS gpus, min(bucket_at) AS first_hour_at
FROM gpu_samples_1h
WHERE metric = 'xid_errors_count' AND increase > 0 AND bucket_at >= $since AND bucket_at < $until
GROUP BY xid, node ORDER BY times DESC""",
    ),
    Question(
        "memory-peak",
        "How much GPU memory is used at most?",
        "Highest memory use of each GPU against what it has.",
        """WITH each AS (
    SELECT node, gpu_index, max(max) FILTER (metric = 'memory_used_bytes') AS used_bytes,
        max(max) FILTER (metric IN ('memory_total_bytes')) AS total_bytes
    FROM gpu_samples_1h
    WHERE metric IN ('memory_used_bytes', 'memory_total_bytes') AND part = '' AND bucket_at >= $since AND bucket_at < $until
    GROUP BY node, gpu_index
)
SELECT *, used_bytes / total_bytes AS used_ratio FROM each ORDER BY used_bytes DESC NULLS LAST""",
    ),
)
_JOBS = (
    Question(
        "waits-by-size",
        "How long do jobs wait, by how many GPUs they ask for?",
        "Median and 95th percentile of the wait, of jobs that were submitted in the window; 8-GPU jobs are one row.",
        """SELECT gpus, count(*) AS jobs, median(wait_seconds) / 60 AS median_minutes,
    quantile_cont(wait_seconds, 0.95) / 60 AS p95_minutes, count(*) FILTER (started_at IS NULL) AS still_waiting
FROM jobs WHERE gpus > 0 AND submitted_at >= $since AND submitted_at < $until
GROUP BY gpus ORDER BY gpus""",
        "bar",
    ),
    Question(
        "longest-waits",
        "Which jobs waited longest?",
        "With what they asked for, and why Slurm says they wait or waited.",
        """SELECT job_id, user_name, account, partition, gpus, state, reason, submitted_at, wait_seconds / 3600 AS wait_hours
FROM jobs WHERE submitted_at >= $since AND submitted_at < $until
ORDER BY wait_seconds DESC NULLS LAST LIMIT 50""",
    ),
    Question(
        "failed-by-user",
        "Whose jobs fail, and how?",
        "Jobs that ended other than well, with the GPU-hours they took.",
        """SELECT user_name, state, count(*) AS jobs, sum(gpus * run_seconds) / 3600 AS gpu_hours
FROM jobs
WHERE ended_at >= $since AND ended_at < $until AND state NOT IN ('COMPLETED', 'RUNNING', 'PENDING')
GROUP BY user_name, state ORDER BY gpu_hours DESC NULLS LAST""",
        "bar",
    ),
    Question(
        "cost-by-account",
        "What does each account cost?",
        "GPU-hours of jobs that started in the window, and dollars where WATCHDOG_GPU_HOUR_USD is set.",
        """SELECT account, count(*) AS jobs, sum(gpu_hours) AS gpu_hours, sum(cost_usd) AS cost_usd
FROM costs WHERE started_at >= $since AND started_at < $until
GROUP BY account ORDER BY gpu_hours DESC""",
        "bar",
    ),
    Question(
        "memory-asked",
        "How much memory do jobs ask for, and use?",
        "Host memory asked for by job, against the most that one of its tasks used.",
        """SELECT j.job_id, j.user_name, j.gpus, j.memory_bytes / 1024 ** 3 AS asked_gib,
    max(s.max_memory_bytes) / 1024 ** 3 AS used_gib
FROM jobs AS j LEFT JOIN job_steps AS s ON s.job_id = j.job_id AND s.started_at >= j.started_at
WHERE j.submitted_at >= $since AND j.submitted_at < $until
GROUP BY ALL ORDER BY asked_gib DESC NULLS LAST LIMIT 100""",
    ),
    Question(
        "one-job",
        "How did one job use its GPUs?",
        "Utilization of every GPU of the job $job, minute by minute; without a number, of the newest that had GPUs.",
        """WITH run AS (
    SELECT * FROM jobs
    WHERE (job_id = $job OR $job = '') AND gpus > 0 AND started_at < $until AND last_seen_at >= $since
    ORDER BY started_at DESC LIMIT 1
)
SELECT s.bucket_at, s.node, s.gpu_index, s.avg AS gpu_util_ratio
FROM run JOIN job_gpus AS g ON g.job_id = run.job_id AND g.submitted_at = run.submitted_at
JOIN gpu_samples_1m AS s ON s.node = g.node AND s.gpu_index = g.gpu_index
    AND s.bucket_at >= run.started_at AND s.bucket_at < coalesce(run.ended_at, run.last_seen_at)
WHERE s.metric = 'gpu_util_ratio' AND s.part = ''
ORDER BY s.bucket_at, s.node, s.gpu_index""",
        "line",
        {"job": ""},
    ),
)
_TROUBLE = (
    Question(
        "alerts-per-node",
        "How many alerts has each node had, month by month?",
        "Alerts that fired, by node, month and severity.",
        """SELECT date_trunc('month', fired_at) AS month, node, severity, count(*) AS alerts
FROM alerts WHERE fired_at >= $since AND fired_at < $until AND node <> ''
GROUP BY ALL ORDER BY month, alerts DESC""",
        "bar",
    ),
    Question(
        "drained",
        "Which nodes were drained most?",
        "Hours in which a node took no work because it was drained or down, how often, and the last reason.",
        """SELECT node, count(*) AS times,
    sum(epoch(least(coalesce(until_at, $until), $until) - greatest(changed_at, $since))) / 3600 AS hours,
    arg_max(reason, changed_at) AS last_reason
FROM node_states
WHERE changed_at < $until AND coalesce(until_at, $until) > $since AND (flags LIKE '%DRAIN%' OR state IN ('DOWN', 'GONE'))
GROUP BY node ORDER BY hours DESC""",
        "bar",
    ),
    Question(
        "time-to-acknowledge",
        "How fast are incidents taken, and solved?",
        "Minutes from firing to the first acknowledgement and to the end, by severity.",
        """SELECT severity, count(*) AS incidents, median(epoch(acked_at - opened_at)) / 60 AS minutes_to_acknowledge,
    median(epoch(closed_at - opened_at)) / 60 AS minutes_to_resolve, count(*) FILTER (closed_at IS NULL) AS still_open
FROM incidents WHERE opened_at >= $since AND opened_at < $until GROUP BY severity ORDER BY incidents DESC""",
    ),
    Question(
        "noisy-rules",
        "Which rules speak most?",
        "Alerts by rule, how long they lasted, and how many came back within the hour.",
        """SELECT rule_id, count(*) AS alerts, median(epoch(resolved_at - fired_at)) / 60 AS median_minutes,
    count(*) FILTER (flaps > 1) AS came_back
FROM alerts WHERE fired_at >= $since AND fired_at < $until GROUP BY rule_id ORDER BY alerts DESC""",
        "bar",
    ),
)
QUESTIONS: dict[str, Question] = {each.key: each for each in (*_USE, *_HARDWARE, *_JOBS, *_TROUBLE)}
