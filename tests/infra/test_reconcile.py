"""What reconcile names: every pod that is billed and out of order, and none that is not ours to return."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import errors
from infra import records as r
from infra.book import Book
from infra.journal import Journal
from infra.lock import only_driver
from infra.records import decoded, encoded
from tests.infra.kit import kit_at
from watchdog.base.clock import SystemClock

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def kit(tmp_path):
    with kit_at(tmp_path) as made:
        yield made


def kinds(report):
    return {(finding.pod.name, finding.kind) for finding in report.findings}


def test_a_cluster_that_stands_is_in_order(kit):
    kit.up(workers=2)
    report = kit.reconcile()
    assert report.clean
    assert len(report.order) == 3


def test_a_pod_with_our_name_and_marker_that_we_never_wrote_down_is_named_and_then_recorded(kit):
    kit.up(workers=0)
    stray = kit.strange_pod("gpuwd-worker-0", kit.owner())
    report = kit.reconcile()
    assert kinds(report) == {("gpuwd-worker-0", "unrecorded"), ("gpuwd-worker-0", "unheld")}
    assert [finding.pod.id for finding in report.returnable] == [stray]
    assert kit.book().pods[stray].how == "found"
    assert kinds(kit.reconcile()) == {("gpuwd-worker-0", "unheld")}


@pytest.mark.parametrize(("name", "marked"), [("gpuwd-worker-7", False), ("somebody-else", True)])
def test_a_pod_with_only_our_name_or_only_our_marker_is_named_but_not_ours_to_return(kit, name, marked):
    kit.up(workers=0)
    kit.strange_pod(name, kit.owner() if marked else None)
    report = kit.reconcile()
    assert kinds(report) == {(name, "unmarked")}
    assert report.returnable == []
    kit.down()
    assert list(kit.billed().values()) == [name]


def test_a_pod_of_another_watchdog_is_named_but_not_ours_to_return(kit):
    kit.up(workers=0)
    kit.strange_pod("other-head", "gpu-watchdog:somebody")
    report = kit.reconcile()
    assert kinds(report) == {("other-head", "foreign")}
    assert report.returnable == []


def test_a_record_that_was_lost_leaves_pods_that_are_still_named(kit):
    kit.up(workers=1)
    os.remove(kit.office.journal.path)
    assert {kind for _, kind in kinds(kit.reconcile())} == {"foreign"}
    assert len(kit.reconcile().findings) == 2


def test_pods_of_others_are_counted_and_left_alone(kit):
    kit.up(workers=0)
    kit.strange_pod("training")
    report = kit.reconcile()
    assert report.clean
    assert report.others == (1, pytest.approx(1.79))
    kit.down()
    assert list(kit.billed().values()) == ["training"]


def test_a_pod_past_its_deadline_is_named(kit):
    kit.up(workers=1, hours=2)
    kit.fake.clock.advance(2 * 3600 - 60)
    assert kit.reconcile().clean
    kit.fake.clock.advance(60)
    assert kinds(kit.reconcile()) == {("gpuwd-head", "overdue"), ("gpuwd-worker-0", "overdue")}


def test_a_pod_that_the_host_took_is_told_and_no_longer_counted(kit):
    kit.up(workers=1)
    head = next(pod_id for pod_id, name in kit.billed().items() if name.endswith("head"))
    kit.account.terminate_by_host(head)
    report = kit.reconcile()
    assert report.vanished == [f"gpuwd-head ({head})"]
    assert [pod.name for pod in kit.book().live("gpuwd")] == ["gpuwd-worker-0"]


def test_a_stopped_pod_is_still_on_the_bill(kit):
    kit.up(workers=0)
    kit.office.runpod().stop(next(iter(kit.billed())))
    assert [pod.status for pod in kit.reconcile().order] == ["EXITED"]


def test_a_terminated_pod_that_is_still_listed_is_not_on_the_bill(kit):
    kit.account.terminated_listed_s = 600
    kit.up(workers=0)
    proof = kit.down()
    assert "has no pod of it" in proof.text()
    assert kit.reconcile().clean
    assert "TERMINATED" in next(iter(kit.book().pods.values())).proof


def test_without_a_list_nothing_is_said_to_be_in_order(kit):
    kit.up(workers=0)
    kit.fake.faults.refuse("GET", "/v2/pods", 503, times=9)
    with pytest.raises(errors.UnavailableError):
        kit.reconcile()


def test_an_intent_without_outcome_may_still_bring_a_pod_until_it_is_settled(kit):
    kit.up(workers=0)
    with kit.office.desk("gpuwd") as desk:
        desk.journal.append(
            r.Intended(
                at=desk.clock.now(), by="ada", cluster="gpuwd", run="r1", names=["gpuwd-worker-0"], gpu_type="g",
                gpu_count=1, hourly_usd=1.0, deadline_at=desk.clock.now().replace(year=2027),
            )
        )  # fmt: skip
    report = kit.reconcile()
    assert not report.clean
    assert report.pending["gpuwd"][0] == ["gpuwd-worker-0"]
    kit.fake.clock.advance(181)
    assert kit.reconcile().clean


NAMES = st.text("abc-", min_size=1, max_size=8)
STAMPS = {"at": st.just(NOW), "by": NAMES, "cluster": NAMES}
RECORDS = st.one_of(
    st.builds(r.Founded, owner=NAMES, **STAMPS),
    st.builds(r.Rented, pod_id=NAMES, name=NAMES, gpu_type=NAMES, gpu_count=st.integers(1, 8), hourly_usd=st.floats(0, 99), how=NAMES, **STAMPS),
    st.builds(r.Ready, pod_id=NAMES, **STAMPS),
    st.builds(r.Returning, pod_id=NAMES, reason=st.text(), **STAMPS),
    st.builds(r.Returned, pod_id=NAMES, proof=st.text(), **STAMPS),
    st.builds(r.Acted, what=st.text(), **STAMPS),
)  # fmt: skip


@given(RECORDS)
def test_a_record_survives_its_line(record):
    line = encoded(record)
    assert line.count(b"\n") == 1
    assert decoded(line) == record


@given(st.lists(RECORDS, max_size=6), st.integers(0, 400))
def test_a_journal_cut_anywhere_keeps_all_whole_records_and_goes_on(tmp_path_factory, records, cut):
    journal = Journal(tmp_path_factory.mktemp("j") / "journal.jsonl")
    whole = b"".join(encoded(record) for record in records)
    journal.path.write_bytes(whole[:cut])
    kept = [record for end, record in _ends(records) if end <= cut]
    assert journal.read() == kept
    last = r.Acted(at=NOW, by="ada", cluster="c", what="after")
    journal.append(last)
    after = journal.read()
    assert after[: len(kept)] == kept
    assert after[-1] == last


def _ends(records):
    total = 0
    for record in records:
        total += len(encoded(record))
        yield total, record


def test_a_journal_is_read_on_from_where_one_left_off(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")
    first, second = (r.Acted(at=NOW, by="a", cluster="c", what=word) for word in ("one", "two"))
    assert journal.read_from(0) == ([], 0)
    journal.append(first)
    records, offset = journal.read_from(0)
    with journal.path.open("ab") as file:
        file.write(encoded(second)[:10])
    assert (records, journal.read_from(offset)) == ([first], ([], offset))
    with journal.path.open("ab") as file:
        file.write(encoded(second)[10:])
    assert journal.read_from(offset)[0] == [second]


def test_records_of_a_newer_program_are_passed_over(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")
    journal.path.write_bytes(b'{"event":"teleported","at":"2026-01-01T00:00:00Z"}\n')
    journal.append(r.Founded(at=NOW, by="a", cluster="c", owner="o"))
    assert list(Book(journal.read()).clusters) == ["c"]


def test_the_journal_is_for_the_owner_alone(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")
    journal.append(r.Acted(at=NOW, by="a", cluster="c", what="x"))
    assert journal.path.stat().st_mode & 0o077 == 0


def test_two_drivers_never_work_at_once(tmp_path):
    lock, clock = tmp_path / "lock", SystemClock()
    refused = pytest.raises(errors.BusyError, match=str(os.getpid()))
    with only_driver(lock, clock), refused, only_driver(lock, clock):
        pass
    with only_driver(lock, clock):
        pass
