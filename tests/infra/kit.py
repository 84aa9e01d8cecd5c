"""An office against the stand-in for RunPod, with time that passes only when somebody waits."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import requests

from infra import notes, raising
from infra.choosing import offer
from infra.desk import Timing
from infra.http import Patience
from infra.lowering import lower_cluster
from infra.office import Office
from infra.ownership import MARKER
from infra.progress import Progress
from infra.reconcile import reconcile
from infra.settings import Settings
from infra.spec import Wishes
from tests.infra.fake_runpod import FakeRunpod, ManualClock

A100 = "NVIDIA A100 80GB PCIe"
A100_SXM = "NVIDIA A100-SXM4-80GB"
H100_PCIE = "NVIDIA H100 PCIe"
H100 = "NVIDIA H100 80GB HBM3"
RTX4090 = "NVIDIA GeForce RTX 4090"
IMAGE = "ghcr.io/example/gpu-watchdog-pod:1.0"
KEY = "fake-key"
START = 1_793_500_000.0


class FakeTime:
    """The driver's clock, moved together with the stand-in's."""

    def __init__(self, manual: ManualClock) -> None:
        self.manual = manual

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.manual.now, UTC)

    def monotonic(self) -> float:
        return self.manual.now

    def sleep(self, seconds: float) -> None:
        self.manual.advance(seconds)


@dataclass
class Kit:
    """A stand-in, an office, and what was said and asked."""

    fake: FakeRunpod
    office: Office
    out: io.StringIO
    answers: list[bool] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    @property
    def account(self):
        return self.fake.account

    def up(self, *, replace: bool = False, **wishes):
        """What `up` does once it was agreed to; the pods."""
        wanted = Wishes(**({"image": IMAGE, "workers": 1, "gpus": ("A100 PCIe", "H100 PCIe")} | wishes))
        with self.office.desk(wanted.name) as desk:
            entry = notes.founded(desk, wanted.name)
            found = offer(wanted, entry, self.office.market(desk, wanted), desk.clock.now(), may_replace=replace)
            return raising.raise_cluster(desk, found.specs, replace=replace)

    def down(self, name: str = "gpuwd"):
        with self.office.desk(name) as desk:
            return lower_cluster(desk, name)

    def reconcile(self, name: str = "gpuwd"):
        with self.office.desk(name) as desk:
            return reconcile(desk, self.office.held())

    def book(self):
        with self.office.desk("gpuwd") as desk:
            return notes.book(desk)

    def owner(self, name: str = "gpuwd") -> str:
        with self.office.desk(name) as desk:
            return notes.founded(desk, name).owner

    def billed(self) -> dict[str, str]:
        """Names of the pods that cost money now, by id."""
        return {pod.id: pod.name for pod in self.account.billed().values()}

    def types(self) -> set[str]:
        return {pod.spec["gpu"]["id"] for pod in self.account.billed().values()}

    def strange_pod(self, name: str, marker: str | None = None) -> str:
        """Somebody else rents a pod of the same account."""
        env = {} if marker is None else {MARKER: marker}
        body = {"name": name, "image": IMAGE, "gpu": {"id": A100, "count": 1}, "env": env}
        headers = {"Authorization": f"Bearer {KEY}"}
        return requests.post(f"{self.fake.url}/pods", json=body, headers=headers, timeout=5).json()["id"]


@contextmanager
def kit_at(folder, *, timing: Timing | None = None, patience: Patience | None = None, start: float = START, **settings):
    """A kit whose state lies in `folder`; `start` is when its time begins, seconds since 1970."""
    manual = ManualClock(start)
    with FakeRunpod(clock=manual, key=KEY) as fake:
        out = io.StringIO()
        chosen = {"key": KEY, "api": fake.url, "graphql": fake.graphql_url, "state": folder / "infra", "direct": True}
        kit = Kit(fake, None, out)  # type: ignore[arg-type]

        def confirm(question: str) -> bool:
            kit.questions.append(question)
            return kit.answers.pop(0) if kit.answers else True

        kit.office = Office(
            Settings(**(chosen | settings)),
            FakeTime(manual),
            Progress(out),
            confirm,
            timing or Timing(),
            patience or Patience(connect=5, answer=20, tries=3),
            by="ada",
        )
        yield kit
        assert fake.violations == []
