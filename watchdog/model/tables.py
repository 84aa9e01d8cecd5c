"""The tables of history that people may ask in SQL: every column with its type, unit and meaning.

They are a contract of their own, apart from how the store keeps things: flat, with units in the names, and instants as
plain timestamps in UTC. Names avoid SQL's reserved words: `user_name`, `event_at`, `done_by`.
"""

from __future__ import annotations

from dataclasses import dataclass

TEXT, WHOLE, NUMBER, INSTANT, FLAG = "VARCHAR", "BIGINT", "DOUBLE", "TIMESTAMP", "BOOLEAN"


@dataclass(frozen=True)
class ColumnDoc:
    """One column.

    Attributes:
        type: DuckDB's. Instants are UTC.
        unit: a base unit ("bytes", "seconds", "USD"), or "" where there is none; "by metric": see `metrics.unit`.
    """

    name: str
    type: str
    doc: str
    unit: str = ""


@dataclass(frozen=True)
class TableDoc:
    """One table.

    Attributes:
        row: what a row is.
        example: a question that runs as it stands, with $since and $until.
        begins, ends: columns that say when a row's matter began and ended; "" where rows have no time. A null end
            means that it goes on. Without `ends`, a row is of one instant.
    """

    name: str
    row: str
    columns: tuple[ColumnDoc, ...]
    example: str
    begins: str = ""
    ends: str = ""

    def column(self, name: str) -> ColumnDoc:
        """The column of that name; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]


def _texts(**docs: str) -> tuple[ColumnDoc, ...]:
    return tuple(ColumnDoc(name, TEXT, doc) for name, doc in docs.items())


def _instants(**docs: str) -> tuple[ColumnDoc, ...]:
    return tuple(ColumnDoc(name, INSTANT, doc, "UTC") for name, doc in docs.items())


def _amount(name: str, unit: str, doc: str, kind: str = NUMBER) -> ColumnDoc:
    return ColumnDoc(name, kind, doc, unit)


_NODE = ColumnDoc("node", TEXT, "Slurm's short node name.")
_GPU = (
    ColumnDoc("gpu_uuid", TEXT, "NVML's UUID (`GPU-…`): the identity of a GPU; stays when it moves."),
    ColumnDoc("gpu_index", "SMALLINT", "Place in the node, from 0; not an identity. Null where nobody says."),
    ColumnDoc("gpu_model", TEXT, "As the driver names it; '' where no exporter says."),
)
_BY_METRIC = "by metric"


def _samples(name: str, bucket: str, example: str, note: str = "") -> TableDoc:
    return TableDoc(
        name,
        f"One series (metric, GPU, part) in one {bucket}; without a reading there is no row.{note}",
        (
            ColumnDoc("metric", TEXT, "Key in `metrics`, which ends in its unit."),
            ColumnDoc("bucket_at", INSTANT, f"Start of the {bucket}.", "UTC"),
            _NODE,
            *_GPU,
            ColumnDoc("part", TEXT, "'' for the whole GPU, else what of it: `mig=1g.10gb/7`, `link=3`, `xid=79`."),
            _amount("min", _BY_METRIC, "Smallest reading."),
            _amount("avg", _BY_METRIC, "Mean of the readings; join means by `count`, not evenly, where counts differ."),
            _amount("max", _BY_METRIC, "Largest reading."),
            _amount("last", _BY_METRIC, "Newest reading."),
            _amount("increase", _BY_METRIC, "Of counters: how much was counted, resets allowed for. Null for others."),
            ColumnDoc("count", "INTEGER", "How many readings.", "readings"),
        ),
        example,
        begins="bucket_at",
    )


_MINUTES = _samples(
    "gpu_samples_1m",
    "minute",
    """SELECT date_trunc('hour', bucket_at) AS hour, avg(avg) AS power_watts
FROM gpu_samples_1m
WHERE metric = 'power_watts' AND bucket_at >= $since AND bucket_at < $until
GROUP BY hour ORDER BY hour""",
    " Kept for WATCHDOG_MINUTES_RETENTION_DAYS.",
)
_HOURS = _samples(
    "gpu_samples_1h",
    "hour",
    """SELECT node, max(max) AS hottest_celsius
FROM gpu_samples_1h
WHERE metric = 'gpu_temperature_celsius' AND bucket_at >= $since AND bucket_at < $until
GROUP BY node ORDER BY hottest_celsius DESC""",
    " Hours that are over; kept for WATCHDOG_HOURS_RETENTION_DAYS.",
)
_DAYS = _samples(
    "gpu_samples_1d",
    "day",
    """SELECT bucket_at, avg(avg) AS gpu_util_ratio
FROM gpu_samples_1d
WHERE metric = 'gpu_util_ratio' AND bucket_at >= $since AND bucket_at < $until
GROUP BY bucket_at ORDER BY bucket_at""",
    " Days (UTC) that are over; kept for ever.",
)
_GPUS = TableDoc(
    "gpus",
    "One GPU that was ever seen, where it was last.",
    (
        _NODE,
        *_GPU,
        *_instants(first_seen_at="First reading.", last_seen_at="Newest reading."),
    ),
    "SELECT gpu_model, count(*) AS gpus FROM gpus GROUP BY gpu_model",
)
_METRICS = TableDoc(
    "metrics",
    "One metric of the catalogue.",
    _texts(
        metric="Key: quantity and unit.",
        label="In words.",
        unit="Base unit of its values; ratios are 0 to 1.",
        kind="gauge, counter or state.",
        chapter="Where it belongs: use, memory, thermal, power …",
        over_gpus="How values of several GPUs join: mean, sum or max.",
        definition="What it is, in a sentence.",
    ),
    "SELECT metric, unit, definition FROM metrics WHERE chapter = 'power'",
)
_JOBS = TableDoc(
    "jobs",
    "One run of a Slurm job; a requeued job has another row with another `submitted_at`.",
    (
        *_texts(
            job_id="As Slurm shows it; array tasks as `812_3`.",
            job_name="Given by the user.",
            user_name="Who submitted it.",
            account="Who pays.",
            partition="Asked for.",
            qos="Quality of service.",
            state="PENDING, RUNNING, COMPLETED, FAILED, TIMEOUT …; UNKNOWN: it vanished and accounting is silent.",
            reason="Why it waits, as Slurm says.",
            nodes="Slurm's list: `gpu[01-04]`.",
        ),
        _amount("node_count", "nodes", "Nodes it has or asked for.", WHOLE),
        _amount("cpus", "CPUs", "CPUs it has or asked for.", WHOLE),
        _amount("memory_bytes", "bytes", "Host memory it asked for."),
        _amount("gpus", "GPUs", "GPUs it has or asked for; 0 or null for none.", WHOLE),
        *_texts(gpu_type="Slurm's GPU type; '' where none is named."),
        _amount("priority", "", "Slurm's, when it was seen last."),
        *_instants(
            submitted_at="When it was submitted.",
            eligible_at="From when it could have started.",
            started_at="When it started; null while it waits.",
            ended_at="When it ended; null while it lives, or where nobody knows.",
            last_seen_at="The newest look that had it; of a job that is still there, when this copy was made.",
        ),
        _amount("time_limit_seconds", "seconds", "Longest it may run; infinity = no limit."),
        _amount("wait_seconds", "seconds", "From being submitted (or eligible, if later) to its start, or until now."),
        _amount("run_seconds", "seconds", "From its start to its end, or to its last sight. Null while it waits."),
        _amount("exit_code", "", "Null where unknown.", WHOLE),
        _amount("signal", "", "That ended it; null or 0 for none.", WHOLE),
        _amount("array_job_id", "", "Of array tasks: the array's number.", WHOLE),
        *_texts(dependency="As Slurm shows it.", reservation="Name.", features="Constraint asked for.", comment=""),
    ),
    """SELECT state, count(*) AS jobs FROM jobs
WHERE submitted_at >= $since AND submitted_at < $until GROUP BY state ORDER BY jobs DESC""",
    begins="submitted_at",
    ends="ended_at",
)
_JOB_GPUS = TableDoc(
    "job_gpus",
    "One GPU that a job holds or held. Joins `jobs` by job_id and submitted_at, samples by node and gpu_index.",
    (
        *_texts(job_id="Of `jobs`."),
        *_instants(submitted_at="Of `jobs`: which run of it.", started_at="Of `jobs`.", ended_at="Of `jobs`."),
        _NODE,
        ColumnDoc("gpu_index", "SMALLINT", "Place in the node; null where Slurm does not say which."),
    ),
    """SELECT g.node, count(DISTINCT g.job_id) AS jobs FROM job_gpus AS g
WHERE g.started_at < $until AND coalesce(g.ended_at, $until) >= $since GROUP BY g.node ORDER BY jobs DESC""",
    begins="submitted_at",
    ends="ended_at",
)
_STEPS = TableDoc(
    "job_steps",
    "One step of a job, from accounting.",
    (
        *_texts(job_id="Of `jobs`.", step_id="`batch`, `extern`, `0` …", step_name="", state="As of `jobs`."),
        _amount("exit_code", "", "", WHOLE),
        _amount("signal", "", "", WHOLE),
        *_instants(started_at="When it started.", ended_at="When it ended; null while it runs."),
        _amount("max_memory_bytes", "bytes", "Most host memory of one task; null where accounting does not say."),
    ),
    """SELECT job_id, max(max_memory_bytes) / 1024 ** 3 AS gibibytes FROM job_steps
WHERE started_at >= $since AND started_at < $until GROUP BY job_id ORDER BY gibibytes DESC NULLS LAST LIMIT 20""",
    begins="started_at",
    ends="ended_at",
)
_NODE_STATES = TableDoc(
    "node_states",
    "One state of a node: from `changed_at` until `until_at`. Idle, mixed and allocated count as one state.",
    (
        _NODE,
        *_instants(changed_at="From when on.", until_at="Until the next change; null = still."),
        *_texts(
            state="Slurm's base state; GONE: Slurm lists it no more.",
            flags="DRAIN, MAINTENANCE, NOT_RESPONDING …, joined by commas; '' for none.",
            reason="Of a drain or failure.",
            reason_by="Who gave it.",
        ),
    ),
    """SELECT node, changed_at, state, flags, reason FROM node_states
WHERE changed_at < $until AND coalesce(until_at, $until) >= $since AND flags LIKE '%DRAIN%' ORDER BY changed_at""",
    begins="changed_at",
    ends="until_at",
)
_ALERTS = TableDoc(
    "alerts",
    "One alert that fired: a rule that held for one subject, once.",
    (
        *_texts(
            alert_id="Unique.",
            incident_id="Of `incidents`.",
            rule_id="Which rule.",
            check_key="Which check found it; the metric's rule for thresholds.",
            state="firing, resolved, or unknown where there is no data to tell.",
            severity="critical, warning or info.",
            node="'' where it is about no node.",
            gpu_uuid="'' where it is about no GPU.",
        ),
        ColumnDoc("gpu_index", "SMALLINT", "Place in the node; null where it is about no GPU."),
        *_texts(
            part="As of samples: `xid=79` …",
            job_id="Whom it is about, else whom it hit; '' for none.",
            user_name="Of that job; '' for none.",
        ),
        *_instants(
            since_at="When the condition began.",
            fired_at="When it was told.",
            resolved_at="When it was over; null while it is not.",
        ),
        _amount("value", "", "What the rule looked at; its unit is the metric's."),
        *_texts(explanation="In words.", action="What to do.", evidence_source="Whose verdict it is."),
        _amount("flaps", "times", "How often it fired within an hour.", WHOLE),
        ColumnDoc("seen_late", FLAG, "It began while nobody watched, and was found afterwards."),
    ),
    """SELECT rule_id, severity, count(*) AS alerts FROM alerts
WHERE fired_at >= $since AND fired_at < $until GROUP BY ALL ORDER BY alerts DESC""",
    begins="since_at",
    ends="resolved_at",
)
_INCIDENTS = TableDoc(
    "incidents",
    "One incident: alerts with one cause.",
    (
        *_texts(
            incident_id="Unique.",
            cause="What its alerts share: `node:gpu03`, `hung:job=812`.",
            title="What people read.",
            severity="The worst of its alerts.",
            state="firing, resolved or unknown.",
        ),
        *_instants(
            opened_at="Start.", closed_at="End; null while it is open.", acked_at="First acknowledged; null if never."
        ),
        *_texts(ack_by="Who has it now; null for nobody.", ack_note="What they say."),
        _amount("members", "alerts", "Alerts it has had.", WHOLE),
        _amount("notifications", "messages", "Messages about it.", WHOLE),
    ),
    """SELECT severity, avg(epoch(closed_at - opened_at)) / 60 AS minutes_open FROM incidents
WHERE opened_at >= $since AND opened_at < $until GROUP BY severity""",
    begins="opened_at",
    ends="closed_at",
)
_EVENTS = TableDoc(
    "alert_events",
    "One step in the life of an alert or incident.",
    (
        _amount("seq", "", "In order; unique.", WHOLE),
        *_instants(event_at="When it happened.", recorded_at="When it was written down."),
        *_texts(
            kind="fired, acknowledged, silenced, resolved …",
            incident_id="Of `incidents`.",
            alert_id="Of `alerts`; '' where it is about the incident.",
            rule_id="Which rule.",
            severity="At that time.",
            node="'' for none.",
            gpu_uuid="'' for none.",
            job_id="'' for none.",
            done_by="Who did it; '' for the watchdog itself.",
            note="What they said.",
        ),
        ColumnDoc("seen_late", FLAG, "Found afterwards."),
    ),
    """SELECT event_at, kind, rule_id, node, done_by, note FROM alert_events
WHERE event_at >= $since AND event_at < $until ORDER BY seq DESC LIMIT 100""",
    begins="event_at",
)
_COSTS = TableDoc(
    "costs",
    "One run of a job that had GPUs and started: what it held, and what that cost where a price is set.",
    (
        *_texts(job_id="Of `jobs`.", user_name="", account="", partition="", state="", gpu_type=""),
        *_instants(submitted_at="Of `jobs`: which run.", started_at="Start.", ended_at="End; null while it runs."),
        _amount("gpus", "GPUs", "GPUs held.", WHOLE),
        _amount("gpu_hours", "GPU-hours", "GPUs times the time from start to end, or to its last sight."),
        _amount("usd_per_gpu_hour", "USD per GPU-hour", "Today's setting for this GPU type; null where none is set."),
        _amount("cost_usd", "USD", "The two multiplied; null without a price."),
    ),
    """SELECT account, sum(gpu_hours) AS gpu_hours, sum(cost_usd) AS cost_usd FROM costs
WHERE started_at >= $since AND started_at < $until GROUP BY account ORDER BY gpu_hours DESC""",
    begins="started_at",
    ends="ended_at",
)

TABLES: dict[str, TableDoc] = {
    table.name: table
    for table in (
        *(_MINUTES, _HOURS, _DAYS, _GPUS, _METRICS),
        *(_JOBS, _JOB_GPUS, _STEPS, _COSTS, _NODE_STATES),
        *(_ALERTS, _INCIDENTS, _EVENTS),
    )
}
