"""Money: figures worked out by hand, limits, the balance, and estimates without a key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from infra import estimate, prices
from infra import records as r
from infra.book import Book
from infra.budget import check_balance, check_limits, cluster_cost, hours_left, overrun
from infra.errors import BudgetError, CandidateError, PaymentError
from infra.names import matching
from infra.spec import Wishes, parse_gpus
from infra.wire import Balance
from watchdog.base.errors import ConfigError

START = datetime(2026, 11, 20, tzinfo=UTC)


def test_a_cluster_of_four_a100_pods_by_hand():
    # 1 head + 3 workers, 2 GPUs each at $1.79: 8 x 1.79 = 14.32.
    # Disks: 4 x 60 GB + 100 GB + 3 x 20 GB = 400 GB at $0.10 a month of 730 h: 40 / 730 = 0.05479...
    wishes = Wishes(workers=3, gpu_count=2, disk_gb=60, volume_gb=100, worker_volume_gb=20)
    cost = cluster_cost(wishes, 1.79, 0.10)
    assert cost.gpus == pytest.approx(14.32)
    assert cost.disks == pytest.approx(0.0547945, abs=1e-6)
    assert cost.hourly == pytest.approx(14.3747945, abs=1e-6)
    assert cost.over(10) == pytest.approx(143.747945, abs=1e-5)


def test_an_estimate_without_a_key_by_hand():
    # 2 pods x $0.74 = 1.48; disks 2 x 60 = 120 GB: 12 / 730 = 0.016438. A day x 24, a month x 730.
    wishes = Wishes(workers=1, volume_gb=0)
    rows = {row.name: row for row in estimate.estimates(wishes, prices.offline())}
    row = rows["RTX 4090"]
    assert (row.gpu_usd, round(row.hour, 4), round(row.day, 2), round(row.month, 2)) == (0.74, 1.4964, 35.91, 1092.40)
    assert {"RTX 4090", "A100 PCIe", "A100 SXM", "H100 SXM"} <= rows.keys()
    assert {row.availability for row in rows.values()} == {"unknown"}


def test_an_estimate_says_where_its_prices_come_from_and_when():
    wishes = Wishes()
    text = estimate.table(wishes, prices.offline(), estimate.estimates(wishes, prices.offline()))
    assert "2026-11-09" in text
    assert "infra/prices.json" in text


def test_a_cluster_that_runs_is_over_its_budget_only_above_the_limits_it_was_given():
    assert overrun(None, None, 1e6, 1e6) == ""
    assert overrun(10.0, 20.0, 10.0, 20.0) == ""
    assert overrun(10.0, 20.0, 10.01, 19) == "$10.01 an hour is above --max-hourly $10.00"
    assert overrun(10.0, 20.0, 9, 20.01) == "$20.01 so far is above --max-total $20.00"


def test_a_type_that_the_cloud_does_not_sell_has_no_row():
    rows = estimate.estimates(Wishes(cloud="COMMUNITY"), prices.offline())
    assert "RTX 4090" not in {row.name for row in rows}
    assert "A100 PCIe" in {row.name for row in rows}


def test_what_if_is_the_same_for_other_numbers():
    base = estimate.what_if(Wishes(volume_gb=0), prices.offline(), "H100 SXM", 0)[0]
    assert base.hour == pytest.approx(3.99 + 60 * 0.10 / 730)


@pytest.mark.parametrize(("limit", "fits"), [(7.23, True), (7.20, False)])
def test_the_hourly_limit_is_for_the_whole_cluster(limit, fits):
    # 4 x 1.79 + 340 GB x 0.10 / 730 = 7.16 + 0.0466 = 7.2066
    wishes = Wishes(workers=3, max_hourly=limit)
    cost = cluster_cost(wishes, 1.79, 0.10)
    if fits:
        check_limits(wishes, cost, 0.0)
    else:
        with pytest.raises(BudgetError, match=r"\$7\.21 an hour is above --max-hourly \$7\.20"):
            check_limits(wishes, cost, 0.0)


def test_the_total_counts_what_was_spent_before_and_says_what_would_fit():
    wishes = Wishes(workers=0, volume_gb=0, disk_gb=20, hours=10, max_total=15)
    cost = cluster_cost(wishes, 1.0, 0.0)
    check_limits(wishes, cost, 5.0)
    with pytest.raises(BudgetError, match=r"\$10\.00 for 10 h and \$8\.00 before") as caught:
        check_limits(wishes, cost, 8.0)
    assert caught.value.hint == "--hours 7.0 would fit."


def test_the_balance_must_carry_an_hour_of_everything():
    cost = cluster_cost(Wishes(workers=1, volume_gb=0), 2.0, 0.0)
    check_balance(cost, Balance(usd=5.0, usd_per_hour=1.0))
    with pytest.raises(PaymentError, match=r"\$4\.99; an hour of everything would cost \$5\.00"):
        check_balance(cost, Balance(usd=4.99, usd_per_hour=1.0))


def test_what_runs_already_is_not_counted_twice():
    cost = cluster_cost(Wishes(workers=1, volume_gb=0), 2.0, 0.0)
    check_balance(cost, Balance(usd=0.5, usd_per_hour=4.0), already_usd=4.0)


def test_the_limit_of_the_account_counts():
    cost = cluster_cost(Wishes(workers=1), 39.0, 0.0)
    with pytest.raises(PaymentError, match="limit for the account"):
        check_balance(cost, Balance(usd=1000, usd_per_hour=5, limit_usd_per_hour=80))


def test_hours_left_by_hand():
    assert hours_left(Balance(usd=12, usd_per_hour=2), 1) == 4
    assert hours_left(Balance(usd=12, usd_per_hour=0)) == float("inf")


def test_the_book_counts_each_pod_from_rented_to_returned():
    who = {"by": "ada", "cluster": "c"}
    pod = {"gpu_type": "g", "gpu_count": 1, "how": "created"}
    book = Book(
        [
            r.Founded(at=START, owner="o", **who),
            r.Rented(at=START, pod_id="a", name="c-head", hourly_usd=2.0, **pod, **who),
            r.Rented(at=START, pod_id="b", name="c-worker-0", hourly_usd=2.0, **pod, **who),
            r.Priced(at=START, pod_id="b", hourly_usd=1.5, **who),
            r.Returned(at=START + timedelta(minutes=90), pod_id="b", proof="", **who),
        ]
    )
    # a: 3 h x 2.00, still there; b: 1.5 h x 1.50
    assert book.spent_usd("c", START + timedelta(hours=3)) == pytest.approx(6.0 + 2.25)
    assert [entry.pod_id for entry in book.live("c")] == ["a"]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"workers": -1}, "workers is -1"),
        ({"workers": 33}, "workers is 33"),
        ({"gpu_count": 0}, "gpu-count is 0"),
        ({"disk_gb": 5}, "disk is 5"),
        ({"volume_gb": 3}, "volume is 3"),
        ({"hours": 0}, "hours is 0"),
        ({"hours": float("nan")}, "hours is nan"),
        ({"max_price": 0}, "--max-price is 0"),
        ({"max_total": -4}, "--max-total is -4"),
        ({"max_hourly": float("nan")}, "--max-hourly is nan"),
        ({"name": "Gpu Cluster"}, "'Gpu Cluster'"),
        ({"name": "../x"}, "../x"),
        ({"cloud": "ALL"}, "'ALL'"),
    ],
)
def test_impossible_wishes_are_refused_with_what_is_possible(wrong, word):
    with pytest.raises(ConfigError) as caught:
        Wishes(**wrong)
    assert word in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("wish", "names"),
    [
        ("A100-80GB", {"A100 PCIe", "A100 SXM"}),
        ("H100", {"H100 PCIe", "H100 NVL", "H100 SXM"}),
        ("NVIDIA H100 80GB HBM3", {"H100 SXM"}),
        ("RTX4090", {"RTX 4090"}),
        ("4090", {"RTX 4090"}),
        ("L4", {"L4"}),
        ("a40", {"A40"}),
    ],
)
def test_gpu_types_go_by_the_names_people_use(wish, names):
    assert {gpu.name for gpu in matching(wish, prices.offline().gpus)} == names


def test_an_unknown_type_names_the_nearest():
    with pytest.raises(CandidateError, match="'H100 SXMM'") as caught:
        matching("H100 SXMM", prices.offline().gpus)
    assert "H100 SXM" in caught.value.hint


def test_the_order_of_gpu_types_is_the_users():
    assert parse_gpus("any-of:H100, A100-80GB,") == ("H100", "A100-80GB")
    with pytest.raises(ConfigError):
        parse_gpus("any-of:,")
