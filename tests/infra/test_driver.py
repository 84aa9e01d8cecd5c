"""The driver: pods are rented once, awaited, replaced when dead, and found again after any kill."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs

from infra import errors
from infra.commands import ssh_words
from infra.waiting import wait_ready
from infra.wire import Pod, Ssh, SshEndpoint
from tests.infra.killing import killed_at
from tests.infra.kit import A100, H100_PCIE, kit_at
from watchdog.base.errors import ConfigError


@pytest.fixture
def kit(tmp_path):
    with kit_at(tmp_path) as made:
        yield made


def all_listed(kit):
    """The promise: every pod that is billed stands in our record, and reconcile knows it."""
    report = kit.reconcile()
    known = {pod.id for pod in report.order} | {finding.pod.id for finding in report.findings}
    written = {entry.pod_id for entry in kit.book().live("gpuwd")}
    return kit.billed().keys() <= known and kit.billed().keys() <= written


def test_a_cluster_comes_up_is_recorded_and_goes(kit):
    pods = kit.up(workers=2)
    assert sorted(pod.name for pod in pods) == ["gpuwd-head", "gpuwd-worker-0", "gpuwd-worker-1"]
    assert all(entry.ready_at for entry in kit.book().live("gpuwd"))
    assert all_listed(kit)
    proof = kit.down()
    assert kit.billed() == {}
    assert "has no pod of it" in proof.text()
    assert kit.book().live("gpuwd") == []


def test_what_stands_is_not_rented_again(kit):
    kit.up(workers=2)
    before = kit.billed()
    kit.up(workers=2)
    assert kit.billed() == before


def test_a_pod_is_written_down_before_it_is_asked_for(kit):
    seen = []

    def on_request(method, path):
        if (method, path) == ("POST", "/v2/pods"):
            seen.append(sorted(name for i in kit.office.journal.read() if hasattr(i, "names") for name in i.names))

    kit.fake.faults.on_request = on_request
    kit.up(workers=1)
    assert seen == [["gpuwd-head", "gpuwd-worker-0"]] * 2


def test_a_lost_answer_is_found_and_taken_over(kit):
    kit.fake.faults.drop("POST", "/v2/pods")
    kit.up(workers=1)
    assert sorted(kit.billed().values()) == ["gpuwd-head", "gpuwd-worker-0"]
    assert "taking over gpuwd-head" in kit.out.getvalue()
    assert [entry.how for entry in kit.book().live("gpuwd")] == ["adopted", "created"]


def test_a_request_that_was_lost_on_the_way_is_sent_again(kit):
    kit.fake.faults.drop("POST", "/v2/pods", done=False)
    kit.up(workers=1)
    assert sorted(kit.billed().values()) == ["gpuwd-head", "gpuwd-worker-0"]


def test_every_answer_lost_ends_with_nothing_rented_or_everything_known(kit):
    kit.fake.faults.drop("POST", "/v2/pods", times=9)
    with pytest.raises(errors.UnavailableError):
        kit.up(workers=5)
    assert kit.billed() == {}
    assert not kit.reconcile().clean  # something may still turn up
    kit.fake.clock.advance(200)
    assert kit.reconcile().clean


def test_a_pod_that_turns_up_late_is_the_twin_that_is_returned(kit):
    kit.up(workers=0)
    twin = kit.strange_pod("gpuwd-head", kit.owner())
    kit.up(workers=0)
    assert twin not in kit.billed()
    assert len(kit.billed()) == 1
    assert kit.reconcile().clean


def test_dead_on_arrival_is_returned_and_rented_anew(kit):
    kit.fake.fates.next(dead_on_arrival=True)
    pods = kit.up(workers=1)
    assert all(pod.ready for pod in pods)
    assert len(kit.billed()) == 2
    assert len(kit.book().pods) == 3
    assert "its private network did not come up in 300 s" in kit.out.getvalue()


def test_a_pod_that_never_runs_is_returned_after_the_deadline(kit):
    start = kit.fake.clock.now
    kit.fake.fates.next(never_ready=True)
    kit.up(workers=0)
    assert 1800 <= kit.fake.clock.now - start < 1900
    assert len(kit.billed()) == 1
    assert len(kit.book().pods) == 2


def test_an_error_of_a_new_pod_is_not_waited_for(kit):
    start = kit.fake.clock.now
    kit.fake.fates.next(error_after_s=1, never_ready=True)
    kit.up(workers=0)
    assert kit.fake.clock.now - start < 60


def test_a_pod_that_the_host_took_is_rented_anew(kit):
    kit.fake.fates.next(terminated_after_s=3, never_ready=True)
    kit.up(workers=0)
    assert len(kit.billed()) == 1
    assert kit.reconcile().clean


def test_what_never_gets_ready_is_given_up_and_nothing_is_kept(kit):
    kit.fake.fates.default = kit.fake.fates.default.__class__(dead_on_arrival=True)
    with pytest.raises(errors.NotReadyError, match="not ready after 3 tries"):
        kit.up(workers=1)
    assert kit.billed() == {}
    assert kit.reconcile().clean


def test_waiting_says_for_what_it_waits(kit):
    kit.fake.fates.default = kit.fake.fates.default.__class__(ready_after_s=20, network_after_s=40)
    kit.up(workers=1)
    said = kit.out.getvalue()
    assert "0 of 2 ready, waiting for gpuwd-head: container" in said
    assert "gpuwd-worker-0: private network" in said


def test_a_stopped_pod_is_started_again(kit):
    kit.up(workers=1)
    worker = next(pod_id for pod_id, name in kit.billed().items() if name.endswith("worker-0"))
    kit.office.runpod().stop(worker)
    kit.fake.clock.advance(100)
    kit.up(workers=1)
    assert kit.office.runpod().pod(worker).status == "RUNNING"


def test_after_a_start_the_old_runtime_is_not_believed(kit):
    kit.up(workers=0)
    (old,) = kit.office.runpod().pods()
    new = structs.replace(old, started_at=old.started_at + timedelta(seconds=90))
    lists = [[old], [old], [new]]

    class Listing:
        def pods(self):
            return lists.pop(0)

    with kit.office.desk("gpuwd") as desk:
        outcome = wait_ready(replace(desk, runpod=Listing()), "gpuwd", [old], restarted=[old.id])
    assert lists == []
    assert [pod.started_at for pod in outcome.ready] == [new.started_at]


def test_a_stopped_pod_whose_gpu_was_rented_away_keeps_its_disk(kit):
    kit.account.stock[A100] = 2
    kit.up(workers=1)
    worker = next(pod_id for pod_id, name in kit.billed().items() if name.endswith("worker-0"))
    kit.office.runpod().stop(worker)
    kit.account.stock[A100] = 0
    with pytest.raises(errors.NoCapacityError):
        kit.up(workers=1)
    assert kit.office.runpod().pod(worker).status == "EXITED"


def test_a_pod_that_ran_before_and_broke_is_not_thrown_away(kit):
    kit.fake.fates.next(error_after_s=3600)
    kit.up(workers=0)
    head = next(iter(kit.billed()))
    kit.fake.clock.advance(4000)
    with pytest.raises(errors.NotReadyError, match="it went to ERROR"):
        kit.up(workers=0)
    assert kit.office.runpod().pod(head).status == "ERROR"


def test_teardown_goes_on_when_deleting_fails_for_a_while(kit):
    kit.up(workers=1)
    kit.fake.faults.refuse("DELETE", "/v2/pods/.*", 503, times=7)
    kit.down()
    assert kit.billed() == {}


def test_teardown_uses_the_action_where_delete_is_refused(kit):
    kit.up(workers=0)
    kit.fake.faults.refuse("DELETE", "/v2/pods/.*", 409, times=1)
    kit.down()
    assert kit.billed() == {}


def test_teardown_that_cannot_return_names_what_is_left(kit):
    kit.up(workers=0)
    kit.fake.faults.refuse("DELETE", "/v2/pods/.*", 403, times=9999, detail="not yours")
    with pytest.raises(errors.LeftoverError, match=r"still on the bill: gpuwd-head \(.*\$1\.79 an hour\).*not yours"):
        kit.down()
    assert {kind for _, kind in {(f.pod.name, f.kind) for f in kit.reconcile().findings}} == {"returning"}


def test_teardown_without_a_list_proves_nothing(kit):
    kit.up(workers=0)
    kit.fake.faults.refuse("GET", "/v2/pods", 503, times=9999)
    with pytest.raises(errors.UnavailableError):
        kit.down()


def test_teardown_returns_pods_that_nothing_holds(kit):
    kit.up(workers=0)
    kit.strange_pod("gpuwd-worker-3", kit.owner())
    kit.down()
    assert kit.billed() == {}


def test_two_clusters_do_not_touch_each_other(kit):
    kit.up(workers=0)
    kit.up(name="gpuwd-b", workers=0)
    kit.down()
    assert list(kit.billed().values()) == ["gpuwd-b-head"]
    kit.down("gpuwd-b")
    assert kit.billed() == {}


def test_replacing_by_another_type_returns_the_old_first(kit):
    kit.up(gpus=("A100 PCIe",), workers=1)
    with kit.office.desk("gpuwd") as desk:
        from infra import notes
        from infra.choosing import offer
        from infra.spec import Wishes

        wishes = Wishes(gpus=("H100 PCIe",), image="a/b:1")
        market = kit.office.market(desk, wishes)
        found = offer(wishes, notes.founded(desk, "gpuwd"), market, desk.clock.now(), may_replace=True)
    assert sorted(pod.name for pod in found.give_up) == ["gpuwd-head", "gpuwd-worker-0"]
    assert found.specs[0].gpu_type == H100_PCIE
    assert "RETURNED FIRST" in found.text()


def test_a_full_disk_stops_before_anything_is_rented(kit, monkeypatch):
    kit.owner()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("infra.journal.os.write", full)
    with pytest.raises(errors.InfraError, match="No space left"):
        kit.up()
    assert kit.fake.asked("POST", "/v2/pods") == 0


def test_a_lock_that_cannot_be_taken_is_told_and_nothing_is_rented(kit):
    (kit.office.settings.state / "lock").mkdir(parents=True)
    with pytest.raises(errors.InfraError, match=r"cannot write .*lock"):
        kit.up()
    assert kit.account.pods == {}


def points(act, stride=1):
    """Kill `act` at its first step and each `stride` later, until it ends by itself; yields after each kill."""
    for point in range(0, 500, stride):
        if not killed_at(point, act):
            return
        yield point
    raise AssertionError("it never ended by itself")


def test_up_killed_at_any_point_leaves_nothing_that_is_not_listed(kit):
    killed = 0
    for _ in points(lambda: kit.up(workers=1), stride=2):
        killed += 1
        assert all_listed(kit)
        kit.down()
        assert kit.billed() == {}
        assert kit.reconcile().clean
    assert killed > 15


def test_up_after_up_was_killed_at_any_point_gives_one_whole_cluster(kit):
    for _ in points(lambda: kit.up(workers=1), stride=4):
        kit.up(workers=1)
        assert sorted(kit.billed().values()) == ["gpuwd-head", "gpuwd-worker-0"]
        kit.fake.clock.advance(200)
        assert kit.reconcile().clean
        kit.down()


def test_up_with_fallback_and_lost_answers_killed_at_any_point_leaves_nothing(kit):
    def act():
        kit.account.shown[A100] = "LOW"
        return kit.up(workers=1)

    kit.account.shown[A100] = "LOW"
    killed = 0
    for point in points(act, stride=6):
        killed += 1
        assert all_listed(kit)
        kit.down()
        assert kit.billed() == {}
        kit.account.stock[A100] = 1
        kit.fake.faults.clear()
        if point % 12:
            kit.fake.faults.drop("POST", "/v2/pods")
    assert killed > 10


def test_down_killed_at_any_point_is_finished_by_the_next(kit):
    kit.up(workers=1)
    for _ in points(kit.down, stride=3):
        assert all_listed(kit)
        kit.down()
        assert kit.billed() == {}
        kit.up(workers=1)


def test_a_pod_that_turns_up_while_teardown_waits_is_returned_too(kit):
    assert killed_at(20, lambda: kit.up(workers=1))
    owner, lists = kit.owner(), []

    def on_request(method, path):
        lists.append((method, path))
        if lists.count(("GET", "/v2/pods")) == 4:
            kit.fake.faults.on_request = None
            kit.strange_pod("gpuwd-worker-0", owner)

    kit.fake.faults.on_request = on_request
    kit.down()
    assert [pod.name for pod in kit.account.pods.values()] == ["gpuwd-worker-0"]
    assert kit.billed() == {}


@pytest.mark.parametrize("host", ["-oProxyCommand=evil", "a b", "x;y"])
def test_ssh_is_never_started_with_a_name_that_is_none(host):
    pod = Pod("i", "gpuwd-head", "RUNNING", 1.0, None, ssh=Ssh(direct=SshEndpoint(host, 22, "root")))
    with pytest.raises(ConfigError):
        ssh_words(pod)


def test_ssh_takes_the_direct_way():
    pod = Pod("i", "gpuwd-head", "RUNNING", 1.0, None, ssh=Ssh(direct=SshEndpoint("203.0.113.7", 10022, "root")))
    assert ssh_words(pod) == ["ssh", "-p", "10022", "root@203.0.113.7"]
