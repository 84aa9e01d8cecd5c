"""Which GPU type is tried when, and what makes the driver stop instead of trying the next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import errors
from infra.candidates import survey, usable
from infra.errors import CandidateError
from infra.spec import Wishes
from infra.wire import GpuType, MaxCount, Place, Price
from tests.infra.kit import A100, A100_SXM, H100, H100_PCIE, RTX4090, kit_at

BOTH = ("A100 PCIe", "H100 PCIe")


@pytest.fixture
def kit(tmp_path):
    with kit_at(tmp_path) as made:
        yield made


def asked_for(kit):
    """GPU types in the order in which pods were asked for: the catalogue's promises aside."""
    return [
        line.split(" on ")[1].split(",")[0] for line in kit.out.getvalue().splitlines() if line.startswith("renting")
    ]


def test_the_first_wish_is_taken_when_it_is_to_be_had(kit):
    kit.up(gpus=BOTH)
    assert kit.types() == {A100}


def test_types_that_the_catalogue_says_are_out_are_not_asked_for(kit):
    kit.account.stock[A100] = 0
    kit.up(gpus=BOTH)
    assert asked_for(kit) == [H100_PCIE]


def test_an_answer_of_no_capacity_moves_on_to_the_next_in_the_users_order(kit):
    for gpu in (A100, A100_SXM, H100_PCIE):
        kit.account.stock[gpu] = 0
        kit.account.shown[gpu] = "HIGH"  # the catalogue is behind
    kit.up(gpus=("A100-80GB", "H100"))
    assert asked_for(kit) == [A100, A100_SXM, H100_PCIE, H100]
    assert kit.types() == {H100}


def test_the_users_order_counts_and_not_the_price(kit):
    kit.up(gpus=("H100 SXM", "RTX 4090"))
    assert kit.types() == {H100}


def test_half_a_cluster_is_returned_before_the_next_type_is_tried(kit):
    kit.account.stock[A100] = 2
    kit.account.shown[A100] = "LOW"
    kit.up(gpus=BOTH, workers=2)
    assert kit.types() == {H100_PCIE}
    assert len(kit.billed()) == 3
    assert kit.account.stock[A100] == 2
    returned = [pod for pod in kit.book().pods.values() if pod.returned_at]
    assert [pod.gpu_type for pod in returned] == [A100, A100]


def test_when_no_type_is_to_be_had_all_are_named_and_nothing_is_kept(kit):
    for gpu in (A100, H100_PCIE):
        kit.account.stock[gpu] = 1
        kit.account.shown[gpu] = "LOW"
    with pytest.raises(errors.NoCapacityError, match=f"no capacity for {A100}, {H100_PCIE}"):
        kit.up(gpus=BOTH)
    assert kit.billed() == {}
    assert kit.reconcile().clean


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.KeyRefusedError),
        (402, errors.PaymentError),
        (403, errors.ForbiddenError),
        (410, errors.GoneError),
        (422, errors.InvalidRequestError),
        (400, errors.InvalidRequestError),
    ],
)
def test_any_other_refusal_stops_and_returns_what_was_rented(kit, status, kind):
    kit.up(workers=0)
    before = kit.billed()
    kit.fake.faults.refuse("POST", "/v2/pods", status, detail="no")
    with pytest.raises(kind):
        kit.up(gpus=BOTH, workers=1)
    assert kit.billed() == before  # what ran before stays
    assert asked_for(kit) == [A100, A100]


def test_a_refusal_in_the_middle_of_a_new_cluster_leaves_nothing(kit):
    calls = []

    def on_request(method, path):
        calls.append((method, path))
        if calls.count(("POST", "/v2/pods")) == 2:
            kit.fake.faults.on_request = None
            kit.fake.faults.refuse("POST", "/v2/pods", 402, detail="insufficient balance")

    kit.fake.faults.on_request = on_request
    with pytest.raises(errors.PaymentError):
        kit.up(gpus=BOTH, workers=2)
    assert kit.billed() == {}
    assert [pod.name for pod in kit.book().pods.values()] == ["gpuwd-head"]


def test_a_price_over_the_limit_is_named_with_the_limit(kit):
    with pytest.raises(CandidateError, match=r"A100 PCIe: \$1\.79 an hour is above --max-price \$1\.50"):
        kit.up(gpus=("A100 PCIe",), max_price=1.5)
    assert kit.fake.asked("POST", "/v2/pods") == 0


def test_types_over_the_limit_are_left_out_and_the_rest_is_tried(kit):
    kit.up(gpus=("H100 SXM", "A100 PCIe"), max_price=2.0)
    assert asked_for(kit) == [A100]


def test_a_price_that_rose_is_the_price_that_counts(kit):
    kit.account.set_price(A100, secure=2.5)
    with pytest.raises(CandidateError, match=r"\$2\.50"):
        kit.up(gpus=("A100 PCIe",), max_price=2.0)


def test_the_whole_clusters_price_is_held_against_the_hourly_limit(kit):
    with pytest.raises(errors.BudgetError, match="--max-hourly"):
        kit.up(gpus=("A100 PCIe",), workers=3, max_hourly=7.0)
    kit.up(gpus=("H100 PCIe", "A100 PCIe"), workers=3, max_hourly=7.3)
    assert kit.types() == {A100}


def test_without_balance_nothing_is_asked_for(kit):
    kit.account.credit = 1.0
    with pytest.raises(errors.PaymentError, match=r"the balance is \$1\.00"):
        kit.up()
    assert kit.fake.asked("POST", "/v2/pods") == 0


def test_a_type_too_dear_for_the_balance_is_passed_over(kit):
    kit.account.credit = 3.0
    kit.up(gpus=("H100 SXM", "RTX 4090"), workers=0)
    assert kit.types() == {RTX4090}


def test_an_unknown_type_is_named_before_anything_is_asked_for(kit):
    with pytest.raises(CandidateError, match="no GPU type 'A1000'"):
        kit.up(gpus=("A100 PCIe", "A1000"))


def test_amd_is_left_out_with_the_reason(kit):
    with pytest.raises(CandidateError, match="no private network, which Slurm needs"):
        kit.up(gpus=("MI300X",))


def test_a_running_cluster_keeps_its_type(kit):
    kit.up(gpus=("H100 PCIe",), workers=0)
    kit.up(gpus=BOTH, workers=1)
    assert kit.types() == {H100_PCIE}
    assert len(kit.billed()) == 2


def test_a_running_cluster_is_not_taken_away_for_another_type(kit):
    kit.up(gpus=("A100 PCIe",), workers=1)
    before = kit.billed()
    with pytest.raises(errors.PlanError, match=A100) as caught:
        kit.up(gpus=("H100 PCIe",), workers=1)
    assert "--replace" in caught.value.hint
    assert kit.billed() == before


def test_no_capacity_for_more_workers_keeps_those_that_run(kit):
    kit.up(gpus=("A100 PCIe",), workers=1)
    before = kit.billed()
    kit.account.stock[A100] = 1
    with pytest.raises(errors.NoCapacityError):
        kit.up(gpus=BOTH, workers=3)
    assert kit.billed() == before
    assert kit.reconcile().clean


def test_fewer_workers_are_refused_unless_asked_for(kit):
    kit.up(workers=2)
    with pytest.raises(errors.PlanError, match=r"runpod_pod\.worker\[1\]"):
        kit.up(workers=1)
    assert len(kit.billed()) == 3
    kit.up(workers=1, replace=True)
    assert sorted(kit.billed().values()) == ["gpuwd-head", "gpuwd-worker-0"]
    assert kit.reconcile().clean
    assert {pod.name for pod in kit.book().live("gpuwd")} == {"gpuwd-head", "gpuwd-worker-0"}


GPUS = st.lists(
    st.builds(
        lambda n, usd, free, networked: GpuType(
            id=f"NVIDIA G{n}",
            name=f"G{n}",
            manufacturer="NVIDIA",
            secure=usd > 0,
            price=Price(secure=usd),
            max_count=MaxCount(8, 8),
            availability=free,
            data_centers=[Place("DC-1" if networked else "DC-2", free)],
        ),
        st.integers(0, 9),
        st.sampled_from([0.0, 0.5, 1.0, 2.0]),
        st.sampled_from(["NONE", "LOW", "HIGH"]),
        st.booleans(),
    ),
    min_size=1,
    unique_by=lambda gpu: gpu.id,
)


@given(GPUS, st.randoms(), st.sampled_from([None, 0.7, 1.5]))
def test_what_is_tried_is_what_may_be_tried_in_the_order_of_the_wishes(gpus, random, limit):
    wished = [gpu.id for gpu in gpus]
    random.shuffle(wished)
    candidates = survey(Wishes(gpus=tuple(wished), max_price=limit), gpus, ["DC-1"])
    assert [candidate.gpu.id for candidate in candidates] == wished
    fits = [
        gpu.id
        for gpu in sorted(gpus, key=lambda gpu: wished.index(gpu.id))
        if 0 < gpu.price.secure <= (limit or 9) and gpu.availability != "NONE" and gpu.data_centers[0].id == "DC-1"
    ]
    if fits:
        assert [candidate.gpu.id for candidate in usable(candidates)] == fits
    else:
        with pytest.raises(CandidateError):
            usable(candidates)
