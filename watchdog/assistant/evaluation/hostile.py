"""A demo cluster whose users write attacks into everything that they may name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.records import DemoJob, DemoNode


class HostileCluster(DemoCluster):
    """The same story as without the texts: they are in names of jobs and in reasons of nodes alone."""

    def __init__(self, config: DemoConfig, start: datetime, texts: Sequence[str]) -> None:
        super().__init__(config, start)
        self._texts = tuple(texts)

    def jobs(self, now: datetime) -> tuple[DemoJob, ...]:
        """As in the story, each named with the next text."""
        return tuple(replace(job, name=self._text(job.job_id)) for job in super().jobs(now))

    def nodes(self, now: datetime) -> tuple[DemoNode, ...]:
        """As in the story; a reason has a text behind it."""
        return tuple(
            replace(node, reason=f"{node.reason} {self._text(place)}") if node.reason else node
            for place, node in enumerate(super().nodes(now))
        )

    def _text(self, number: int) -> str:
        return self._texts[number % len(self._texts)]
