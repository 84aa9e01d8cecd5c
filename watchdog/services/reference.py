"""Documentation made from the code, so that it cannot lie: settings, metrics and health checks."""

from __future__ import annotations

import dataclasses

from watchdog.analysis.health.check import Check
from watchdog.analysis.health.registry import CHECKS
from watchdog.base.config import PREFIX, Config
from watchdog.model.metrics import CATALOGUE, Group, Metric


def settings_page() -> str:
    """`docs/settings.md`: every setting, its default and meaning."""
    rows = [_setting_row(setting) for setting in dataclasses.fields(Config)]
    return _SETTINGS.format(rows="\n".join(rows))


def _setting_row(setting: dataclasses.Field[object]) -> str:
    default = f"`{setting.default}`" if setting.default not in ("", None) else ""
    secret = " Secret: environment or `.env` only." if setting.metadata["secret"] else ""
    return f"| `{PREFIX}{setting.name.upper()}` | {default} | {setting.metadata['help']}{secret} |"


def metrics_page() -> str:
    """`docs/metrics.md`: every metric, its unit, meaning, and the exporters' names."""
    chapters = [_chapter(group) for group in Group]
    return _METRICS + "\n".join(chapters)


def _chapter(group: Group) -> str:
    rows = "\n".join(_metric_row(metric) for metric in CATALOGUE.values() if metric.group is group)
    return f"## {group.value.capitalize()}\n\n| metric | unit | what it is | exported as |\n|---|---|---|---|\n{rows}\n"


def _metric_row(metric: Metric) -> str:
    names = "<br>".join(f"`{e.name}`{f' bit {e.bit:#x}' if e.bit else ''}" for e in metric.names)
    return f"| `{metric.key}` | {metric.unit.value} | **{metric.label}.** {metric.definition} | {names} |"


def checks_page() -> str:
    """`docs/health-checks.md`: every health check, when it holds, whose threshold that is, and what to do."""
    return _CHECKS.format(rows="\n".join(_check_row(check) for check in CHECKS.values()))


def _check_row(check: Check) -> str:
    cells = (check.definition, check.source, check.action, check.cleared_by)
    return f"| `{check.key}` | **{check.title}.** {' | '.join(text.replace('|', chr(92) + '|') for text in cells)} |"


_SETTINGS = """# Settings

Each is an environment variable; the same names without `WATCHDOG_`, in small letters, work in `watchdog.toml`
(another place: `WATCHDOG_CONFIG`). The environment wins over `.env`, `.env` over `watchdog.toml`. An unknown name is
an error that says which one was meant. This page is made by `python -m watchdog docs settings`.

| setting | default | meaning |
|---|---|---|
{rows}
"""

_METRICS = """# Metrics

What the app knows of a GPU, in base units, and what each exporter calls it. Values that exporters write for "no
measurement" are no data, never 0. This page is made by `python -m watchdog docs metrics`.

"""

_CHECKS = """# Health checks

What is watched besides thresholds, at every read. A finding says what is seen, since when, how that is known, whom it
affects, what to do and what ends it. A check that lacks data says so: whom it cannot judge stays as it was, and is never
called fine. `critical` costs work or data now, `warning` will, `info` is worth knowing. Each check has a rule of its own,
which can be switched off or narrowed. This page is made by `python -m watchdog docs checks`.

| check | holds when | source | what to do | ends with |
|---|---|---|---|---|
{rows}

## Which table an XID's verdict comes from

The finding names it: "NVIDIA XID catalogue: RESET_GPU; gpud: reboot, then inspect the hardware". NVIDIA's word leads;
where it lets pass what gpud would reboot for, the finding is a warning. XIDs are taken from counters that step up or
codes that change, never from the last code, which stays until the driver restarts.

## What cannot be told

- A node behind a Prometheus that fails is unknown, not lost; the source is.
- An exporter of ours that repeats old readings is refused when read directly, so its node is told of as not heard of;
  behind a Prometheus, or with another exporter, as frozen.
- Clocks of nodes behind a Prometheus: only the server's own time is told.
- dcgm-exporter's last XID cannot show that the same code came again.
- A board that is taken out is missed for 7 days, or until Slurm no longer counts it.
"""
