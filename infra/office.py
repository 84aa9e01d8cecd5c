"""Put together what a command needs: settings, lock, RunPod, Terraform, journal."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from infra import notes, prices
from infra.applier import Applier
from infra.choosing import Market
from infra.desk import Desk, Timing
from infra.direct import DirectApplier
from infra.errors import ElsewhereError, ForbiddenError, KeyRefusedError, UnavailableError
from infra.http import Patience, Wire
from infra.journal import Journal
from infra.lock import only_driver
from infra.ownership import ours
from infra.progress import Progress
from infra.raising import standing
from infra.runpod import RunPod
from infra.settings import Settings
from infra.spec import Wishes
from infra.terraform import STATE, TerraformApplier, read_state
from infra.wire import Balance
from watchdog.base.clock import Clock, SystemClock

# How long a reader waits for a driver, or for a terraform that a killed driver left, to finish.
WAIT_SECONDS = 90.0


@dataclass(frozen=True)
class Office:
    """Everything but the cluster: from it comes a desk for each."""

    settings: Settings
    clock: Clock
    progress: Progress
    confirm: Callable[[str], bool]
    timing: Timing = field(default_factory=Timing)
    patience: Patience = field(default_factory=Patience)
    by: str = ""

    @property
    def journal(self) -> Journal:
        """The file of records; one that is read from elsewhere must be there."""
        elsewhere = self.settings.record
        return (
            Journal(self.settings.state / "journal.jsonl") if elsewhere is None else Journal(elsewhere, expected=True)
        )

    @property
    def elsewhere(self) -> bool:
        """Whether the driver works elsewhere, so that nothing may be done from here."""
        return self.settings.record is not None

    def refuse_elsewhere(self) -> None:
        """ElsewhereError where nothing may be done from here."""
        if self.elsewhere:
            raise ElsewhereError(
                "this app only reads the record of what is rented",
                hint="`make teardown`, or the page of `make run`, in the folder from which it was rented.",
            )

    def runpod(self) -> RunPod:
        """A client, or KeyRefusedError where there is no key."""
        if not self.settings.key:
            raise KeyRefusedError(
                "there is no RUNPOD_API_KEY", hint="Put it into .env; without it only dry runs are made."
            )
        wire = Wire(self.settings.key, self.clock, self.patience)
        return RunPod(wire, self.settings.api, self.settings.graphql)

    @contextmanager
    def desk(self, cluster: str, wait_seconds: float = 0.0) -> Iterator[Desk]:
        """A desk for one cluster, with the lock held; ElsewhereError where the driver works elsewhere."""
        self.refuse_elsewhere()
        runpod = self.runpod()
        with only_driver(self.settings.state / "lock", self.clock, wait_seconds) as lock:
            yield self._desk(runpod, self._applier(runpod, cluster, lock))

    def reading_desk(self, cluster: str) -> Desk:
        """A desk for looking only: without the lock."""
        runpod = self.runpod()
        return self._desk(runpod, self._applier(runpod, cluster, None))

    def held(self) -> dict[str, dict[str, str]]:
        """What Terraform holds, by cluster and address; ElsewhereError where its state is not here."""
        self.refuse_elsewhere()
        folders = [path for path in self.settings.state.glob("*") if path.is_dir()]
        if self.settings.direct:
            runpod = self.runpod()
            return {path.name: self._applier(runpod, path.name, None).held() for path in folders}
        return {path.name: read_state(path / "terraform" / STATE) for path in folders}

    def market(self, desk: Desk, wishes: Wishes) -> Market:
        """What RunPod offers now for these wishes, and what we have."""
        pods = desk.runpod.pods()
        entry = notes.founded(desk, wishes.name)
        price_list = prices.live(desk.runpod.gpus(wishes.gpu_count, wishes.cloud))
        networked = frozenset(center.id for center in desk.runpod.data_centers() if center.global_network)
        spent = notes.book(desk).spent_usd(wishes.name, self.clock.now())
        mine = ours(pods, wishes.name, entry.owner)
        return Market(price_list, networked, balance(desk.runpod), mine, standing(desk, mine), spent)

    def _desk(self, runpod: RunPod, applier: Applier) -> Desk:
        by = self.by or _user()
        return Desk(runpod, applier, self.journal, self.clock, by, self.progress, self.confirm, self.timing)

    def _applier(self, runpod: RunPod, cluster: str, lock: int | None) -> Applier:
        folder = self.settings.state / cluster
        if self.settings.direct:
            return DirectApplier(runpod, folder / "direct.json")
        return TerraformApplier(self.settings, folder / "terraform", lock)


def balance(runpod: RunPod) -> Balance:
    """The balance with RunPod's own limit, where it tells it."""
    money = runpod.balance()
    try:
        limit = runpod.spend_limit()
    except (ForbiddenError, UnavailableError):
        limit = None
    return Balance(money.usd, money.usd_per_hour, limit)


def open_office(settings: Settings, *, yes: bool) -> Office:
    """The office of a person at a terminal."""
    progress = Progress(sys.stderr)
    return Office(settings, SystemClock(), progress, _agreed if yes else _ask)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return f"uid {os.getuid()}"


def _agreed(question: str) -> bool:
    sys.stderr.write(f"{question} yes (--yes)\n")
    return True


def _ask(question: str) -> bool:
    """Ask at the terminal; where nobody can answer, the answer is no."""
    if not sys.stdin.isatty():
        sys.stderr.write(f"{question} no: nobody is here to answer; --yes says yes\n")
        return False
    sys.stderr.write(f"{question} [type yes] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() == "yes"
