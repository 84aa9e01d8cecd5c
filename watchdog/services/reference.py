"""Documentation made from the code, so that it cannot lie: settings and metrics."""

from __future__ import annotations

import dataclasses

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
