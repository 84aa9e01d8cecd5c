"""What every act of the driver needs at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from infra.applier import Applier
from infra.journal import Journal
from infra.progress import Progress
from infra.runpod import RunPod
from watchdog.base.clock import Clock


@dataclass(frozen=True)
class Timing:
    """Seconds.

    Attributes:
        poll: between two looks at RunPod while something is awaited.
        start: longest from rented to ready; pulling 7.5 GB took others 4 to 27 minutes.
        network: longest from running to a private network; others saw 2 minutes, or never.
        lost_pause: before looking whether a lost request was carried out.
        settle: after an intent, how long a pod of it may still turn up.
        returned: longest until a returned pod is gone from the list.
    """

    poll: float = 5.0
    start: float = 1800.0
    network: float = 300.0
    lost_pause: float = 5.0
    settle: float = 180.0
    returned: float = 300.0


@dataclass(frozen=True)
class Desk:
    """RunPod, the applier of one cluster, the journal, the clock, who acts, and where progress is shown.

    Attributes:
        confirm: asks a person; False is no.
    """

    runpod: RunPod
    applier: Applier
    journal: Journal
    clock: Clock
    by: str
    progress: Progress
    confirm: Callable[[str], bool]
    timing: Timing = Timing()
