"""An app that has the driver's record to read and nothing else, as in Docker."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.errors import ElsewhereError
from infra.guard import Action
from infra.rental import Around, Rental
from infra.watched import watched
from tests.infra.kit import kit_at
from watchdog.base.config import Config

NOTHING = SimpleNamespace(attempt=lambda write: None)


@pytest.fixture
def kit(tmp_path):
    with kit_at(tmp_path / "data") as made:
        made.up(workers=1)
        yield made


@pytest.fixture
def rental(kit, tmp_path):
    return rental_of(kit, tmp_path, kit.office.journal.path)


def rental_of(kit, tmp_path, record, **settings) -> Rental:
    """The rental of an app whose own folder knows nothing."""
    config = Config(source="demo", infra_record=str(record), **settings)
    chosen = replace(kit.office.settings, state=tmp_path / "app" / "infra", direct=False, record=Path(record))
    around = Around(lambda: SimpleNamespace(slurm=None, busy={}), NOTHING, lambda *_: None)
    return Rental(chosen, kit.office.clock, config, around, replace(kit.office, settings=chosen))


def test_it_knows_our_pods_and_calls_none_foreign_or_unheld(kit, rental):
    sight = rental.lookout.look()
    (entry,) = sight.clusters()

    assert sorted(pod.name for pod in sight.mine(entry)) == ["gpuwd-head", "gpuwd-worker-0"]
    assert entry.deadline_at is not None
    assert sight.report.findings == []
    assert watched(rental, kit.office.clock.now()).astray == ()


def test_what_is_out_of_order_by_the_record_is_still_named(kit, rental):
    kit.strange_pod("gpuwd-worker-7", marker=kit.owner())
    kit.strange_pod("other-head", marker="another")
    found = rental.lookout.look().report.findings

    assert sorted((each.pod.name, each.kind) for each in found) == [
        ("gpuwd-worker-7", "unrecorded"), ("other-head", "foreign"),
    ]  # fmt: skip


def test_it_does_nothing_and_says_what_to_run_instead(kit, rental, tmp_path):
    rental.lookout.look()
    before, pods = kit.office.journal.path.read_bytes(), kit.billed()
    deeds = [
        lambda: rental.teardown("gpuwd", "ada"),
        lambda: rental.return_pod("gpuwd", next(iter(pods)), "ada"),
        lambda: rental.extend("gpuwd", kit.office.clock.now() + timedelta(hours=1), "ada"),
        lambda: rental.office.desk("gpuwd").__enter__(),
    ]
    for deed in deeds:
        with pytest.raises(ElsewhereError) as refused:
            deed()
        assert "make teardown" in refused.value.hint

    assert (kit.office.journal.path.read_bytes(), kit.billed()) == (before, pods)
    assert rental.deeds.newest is None
    assert not (tmp_path / "app").exists()


def test_its_guard_only_warns_whatever_the_owner_wanted(kit, tmp_path):
    record = kit.office.journal.path
    assert rental_of(kit, tmp_path, record, guard_action="teardown").guard.policy.action is Action.WARN
    config = Config(source="demo", guard_action="teardown")
    here = Rental(kit.office.settings, kit.office.clock, config, Around(lambda: None, NOTHING, print), kit.office)
    assert here.guard.policy.action is Action.TEARDOWN


def test_a_record_on_a_disk_that_cannot_be_written_is_read_all_the_same(kit, rental, monkeypatch):
    real = os.open

    def read_only(path, flags, *more, **options):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, "Read-only file system", path)
        return real(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", read_only)
    sight = rental.lookout.look()
    assert sight.trouble is None
    assert len(sight.clusters()) == 1


def refused(*_, **__):
    raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize("how", ["missing", "folder", "forbidden"])
def test_a_record_that_cannot_be_read_is_said_and_makes_no_pod_foreign(kit, tmp_path, monkeypatch, how):
    record = tmp_path / "record.jsonl"
    if how == "folder":
        record.mkdir()
    if how == "forbidden":
        monkeypatch.setattr(Path, "open", refused)
    sight = rental_of(kit, tmp_path, record).lookout.look()

    assert "cannot read" in sight.trouble.error
    assert (sight.pods, sight.report) == ((), None)


def test_what_the_driver_writes_later_is_seen_at_the_next_look(kit, rental):
    rental.lookout.look()
    kit.down()
    assert rental.lookout.look().clusters() == []
