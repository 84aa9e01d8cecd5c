"""sdiag, fair share, licences and reservations: recorded outputs, and anything at all."""

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.exporters.slurm import fake_slurm
from tests.unit.exporters.support import samples
from watchdog.exporters.slurm.amounts import gpus_by_type
from watchdog.exporters.slurm.holdings import licenses_page, parse_licenses, parse_reservations, reservations_page
from watchdog.exporters.slurm.sdiag import parse_sdiag, scheduler_page
from watchdog.exporters.slurm.shares import parse_sshare, shares_page
from watchdog.model.slurm.records import GpuHold, Job, JobState, Node


@pytest.mark.parametrize(
    ("path", "threads", "submitted", "operation"),
    [
        ("slurm-lab/22.05.8/sdiag.txt", 3, 63, "REQUEST_NODE_INFO"),
        ("slurm-lab/24.11.5/sdiag.txt", None, None, "REQUEST_NODE_INFO"),
        ("slurm-SckyzO/test_data/scheduler.txt", None, None, None),
        ("slurm-SckyzO/test_data/slurm-24.11.7/scheduler.txt", None, None, None),
        ("slurm-vpenso/test_data/sdiag.txt", None, None, None),
    ],
)
def test_recorded_sdiag_is_read_in_every_version(fixtures, path, threads, submitted, operation):
    text = (fixtures / path).read_text()
    found = samples(scheduler_page(parse_sdiag(text)))
    for words, name in (
        ("Server thread count:", "slurm_scheduler_threads"),
        ("DBD Agent queue size:", "slurm_scheduler_dbd_queue_size"),
        ("Jobs submitted:", "slurm_scheduler_jobs_submitted"),
    ):
        said = [line.split(":")[1].strip() for line in text.splitlines() if line.strip().startswith(words)]
        assert [str(int(value)) for _, value in found.get(name, [])] == said[:1]
    assert "slurm_scheduler_backfill_last_cycle" in found
    if threads:
        assert found["slurm_scheduler_threads"] == [({}, threads)]
        assert found["slurm_scheduler_jobs_submitted"] == [({}, submitted)]
    if operation:
        assert operation in {labels["operation"] for labels, _ in found["slurm_rpc_stats"]}


def test_the_last_cycles_of_both_schedulers_are_kept_apart():
    found = samples(scheduler_page(parse_sdiag(fake_slurm.SDIAG)))
    assert found["slurm_scheduler_last_cycle"] == [({}, 15)]
    assert found["slurm_scheduler_backfill_last_cycle"] == [({}, 4002)]


def test_recorded_shares_are_read_with_parents_and_gaps(fixtures):
    shares = parse_sshare((fixtures / "slurm-SckyzO/test_data/fairshare.txt").read_text())
    by_key = {(share.account, share.user): share for share in shares}
    assert by_key["account_a", ""].fairshare == 0.6
    assert math.isnan(by_key["root", "ci-bot"].raw_shares)
    assert by_key["root", "ci-bot"].fairshare == 0.5
    found = samples(shares_page(shares, 100))
    assert ({"account": "account_a", "user": "user2"}, 0.8) in found["slurm_user_fairshare"]


def test_only_the_users_with_the_most_usage_are_told_where_there_are_too_many():
    text = "".join(f"a|u{n}|1|0.1|{n}|0.1|0.5\n" for n in range(20))
    found = samples(shares_page(parse_sshare(text), 2))
    assert [labels["user"] for labels, _ in found["slurm_user_fairshare"]] == ["u19", "u18"]


def test_recorded_licences_are_read(fixtures):
    found = samples(licenses_page(parse_licenses((fixtures / "slurm-SckyzO/test_data/licenses.txt").read_text())))
    assert ({"license": "fluent@flex"}, 5) in found["slurm_license_reserved"]
    assert ({"license": "ansys@flex"}, 100) in found["slurm_license_total"]


def test_a_recorded_reservation_on_several_lines_is_one_on_one_line(fixtures):
    text = (fixtures / "slurm-lab/22.05.8/scontrol-reservation.txt").read_text()
    one_line = " ".join(text.split()) + "\n"
    (found,) = parse_reservations(one_line, ZoneInfo("Europe/Berlin"))
    assert (found.name, found.nodes, found.node_count, found.state) == ("maint1", "gn004", 1, "ACTIVE")
    assert found.partition == ""
    assert found.starts_at == datetime(2026, 11, 23, 21, 47, 36, tzinfo=UTC)
    assert samples(reservations_page((found,)))["slurm_reservation_node_count"] == [({"reservation_name": "maint1"}, 1)]


@pytest.mark.parametrize("text", ["No licenses configured in Slurm.\n", "No reservations in the system\n", ""])
def test_slurms_words_for_nothing_are_nothing(text):
    assert parse_licenses(text) == ()
    assert parse_reservations(text, UTC) == ()


@given(st.text() | st.text("LicenseNameReservationName=()|:\n 0123456789.-/"))
def test_no_text_breaks_a_part(text):
    scheduler_page(parse_sdiag(text))
    shares_page(parse_sshare(text), 3)
    for first in ("", "LicenseName=", "ReservationName="):
        licenses_page(parse_licenses(first + text))
        reservations_page(parse_reservations(first + text, UTC))


# ---- GPUs of several types on one node ----


def mixed(**fields) -> Node:
    given = {"gpu_types": (("a100", 4), ("h100", 2)), "gpus_allocated": 3}
    return Node("n1", "MIXED", gpus=6, **{**given, **fields})


def holder(kind: str, count: int) -> Job:
    return Job("1", 1, "x", "u", JobState.RUNNING, gpu_type=kind, holds=(GpuHold("n1", count),))


def test_jobs_tell_which_type_is_in_use_on_a_node_with_two():
    (kinds,) = gpus_by_type([mixed()], [holder("a100", 2), holder("h100", 1)]).values()
    assert {kind: (one.alloc, one.idle) for kind, one in kinds.items()} == {"a100": (2, 2), "h100": (1, 1)}


@pytest.mark.parametrize("jobs", [[], [holder("a100", 2)], [holder("", 3)], [holder("h100", 3)]])
def test_what_jobs_do_not_explain_is_counted_under_all_types_together(jobs):
    (kinds,) = gpus_by_type([mixed()], jobs).values()
    assert {kind: (one.alloc, one.idle) for kind, one in kinds.items()} == {"a100+h100": (3, 3)}


def test_a_node_that_holds_more_than_it_has_never_has_less_than_nothing_free():
    (kinds,) = gpus_by_type([mixed(gpu_types=(("a100", 6),), gpus_allocated=9)], []).values()
    assert (kinds["a100"].alloc, kinds["a100"].idle) == (6, 0)
