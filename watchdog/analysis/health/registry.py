"""Every health check there is."""

from __future__ import annotations

from types import MappingProxyType

from watchdog.analysis.health import throttle
from watchdog.analysis.health.check import Check

CHECKS: MappingProxyType[str, Check] = MappingProxyType({check.key: check for check in (throttle.CHECK,)})
