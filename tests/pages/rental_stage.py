"""A rented cluster for pages: a stand-in for RunPod, a store, and time that moves only when told."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace

from infra.rental import Around, Rental
from infra.settings import Settings
from tests.fakes import fake_runtime
from tests.infra.kit import START, Kit, kit_at
from watchdog.base.config import Config
from watchdog.services.history import History


@dataclass
class Stage:
    """A runtime whose rental looks at the stand-in."""

    kit: Kit
    runtime: SimpleNamespace

    @property
    def rental(self) -> Rental:
        return self.runtime.rental

    def look(self) -> None:
        self.rental.tick()

    def pass_hours(self, hours: float) -> None:
        self.kit.fake.clock.advance(hours * 3600)


@contextmanager
def stage_at(folder, *, key: bool = True, work=None, start: float = START, config: dict | None = None, **settings):
    """A stage whose state lies in `folder`; `key=False` is an app that nobody connected."""
    with kit_at(folder, start=start, **settings) as kit:
        chosen = Config(source="demo", **(config or {}))
        runtime = fake_runtime()
        runtime.clock = kit.office.clock
        runtime.history = History(folder / "watchdog.duckdb", runtime.clock)
        told = []
        around = Around(
            work or (lambda: SimpleNamespace(slurm=None, busy={})), runtime.history, lambda *w: told.append(w)
        )
        office = kit.office
        if not key:
            office = replace(office, settings=Settings(state=folder / "infra"))
        runtime.rental = Rental(office.settings, runtime.clock, chosen, around, office)
        runtime.told = told
        yield Stage(kit, runtime)
        runtime.rental.deeds.join(30)
        runtime.history.close()
