"""The driver with the real terraform, a stand-in for RunPod's provider, and a stand-in for RunPod."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from infra import errors, tokens
from infra.errors import NoCapacityError, PaymentError, TerraformError, UnavailableError
from infra.lock import only_driver
from infra.terraform import STATE, read_state, worst
from tests.conftest import ROOT
from tests.infra.kit import A100, H100_PCIE, IMAGE, KEY, kit_at
from tests.infra.provider.mirror import UnavailableError as NoStandInError
from tests.infra.provider.mirror import stand_in
from tests.infra.provider.running import running
from watchdog.base.clock import SystemClock

pytestmark = pytest.mark.integration


@contextmanager
def terraform_kit(folder):
    """A kit whose driver runs terraform, with the provider's process already there."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    # Commands that run beside it live in real time.
    with kit_at(folder, direct=False, start=time.time()) as kit:
        try:
            with running(kit.fake.url, KEY) as env:
                kit.office.settings.terraform_env.update(env)
                yield kit
        except NoStandInError as error:
            pytest.skip(f"the stand-in provider cannot be installed: {error}")


@pytest.fixture
def kit(tmp_path):
    with terraform_kit(tmp_path) as made:
        yield made


def held(kit):
    return kit.office.held().get("gpuwd", {})


def test_a_cluster_comes_up_grows_and_goes(kit):
    kit.up(workers=1)
    assert sorted(kit.billed().values()) == ["gpuwd-head", "gpuwd-worker-0"]
    head = held(kit)["runpod_pod.head"]
    env = kit.account.pods[held(kit)["runpod_pod.worker[0]"]].env
    assert env["WATCHDOG_HEAD"] == f"{head}.runpod.internal"
    assert env["WATCHDOG_MARKER"] == kit.owner()
    assert kit.reconcile().clean
    kit.up(workers=2)
    assert len(kit.billed()) == 3
    assert held(kit)["runpod_pod.head"] == head
    kit.down()
    assert kit.billed() == {}
    assert held(kit) == {}
    assert KEY not in "".join(path.read_text(errors="replace") for path in _files(kit))


def _files(kit):
    return [path for path in kit.office.settings.state.rglob("*") if path.is_file() and ".terraform" not in path.parts]


def test_no_capacity_moves_on_and_half_a_cluster_is_returned(kit):
    kit.account.stock[A100] = 1
    kit.account.shown[A100] = "LOW"
    kit.up(gpus=("A100 PCIe", "H100 PCIe"), workers=1)
    assert kit.types() == {H100_PCIE}
    assert len(kit.billed()) == 2
    assert kit.reconcile().clean


def test_a_lost_answer_is_imported_and_a_dead_pod_is_replaced(kit):
    kit.fake.faults.drop("POST", "/v2/pods")
    kit.up(workers=0)
    assert len(kit.account.pods) == 1
    assert set(held(kit).values()) == kit.billed().keys()
    kit.fake.fates.next(dead_on_arrival=True)
    kit.up(workers=1)
    assert len(kit.account.pods) == 3
    assert set(held(kit).values()) == kit.billed().keys()
    assert kit.reconcile().clean


def test_a_dead_head_takes_its_unready_workers_along(kit):
    kit.fake.fates.next(dead_on_arrival=True)
    kit.up(workers=1)
    assert sorted(kit.billed().values()) == ["gpuwd-head", "gpuwd-worker-0"]
    ids = held(kit)
    assert (
        kit.account.pods[ids["runpod_pod.worker[0]"]].env["WATCHDOG_HEAD"]
        == f"{ids['runpod_pod.head']}.runpod.internal"
    )
    assert kit.reconcile().clean


def test_a_refusal_stops_with_its_word_and_leaves_nothing(kit):
    kit.fake.faults.refuse("POST", "/v2/pods", 402, detail="insufficient balance", times=5)
    with pytest.raises(errors.PaymentError, match="insufficient balance"):
        kit.up(workers=1)
    assert kit.billed() == {}


def test_teardown_works_when_terraform_does_not(kit, monkeypatch):
    kit.up(workers=1)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TerraformError, match="there is no terraform"):
        kit.up(workers=1)
    kit.out.truncate(0)
    kit.down()
    assert kit.billed() == {}
    assert "Terraform still holds runpod_pod.head" in kit.out.getvalue()


def test_a_state_that_was_lost_is_made_again_from_what_runs(kit):
    token = tokens.make(kit.office.settings.state / "gpuwd", "")["WATCHDOG_GATEWAY_TOKEN"]
    kit.up(workers=1)
    assert {pod.env["WATCHDOG_GATEWAY_TOKEN"] for pod in kit.account.pods.values()} == {token}
    before = kit.billed()
    (kit.office.settings.state / "gpuwd" / "terraform" / STATE).unlink()
    assert {finding.kind for finding in kit.reconcile().findings} == {"unheld"}
    kit.up(workers=1)
    assert kit.billed() == before
    assert kit.reconcile().clean


def command(kit, *words):
    """The driver as a person starts it, with a provider of its own."""
    env = os.environ | stand_in()
    env |= {
        "RUNPOD_API_KEY": KEY,
        "RUNPOD_API_BASE_URL": kit.fake.url,
        "RUNPOD_GRAPHQL_URL": kit.fake.graphql_url,
        "RUNPOD_IMAGE": IMAGE,
        "WATCHDOG_DATA_DIR": str(kit.office.settings.state.parent),
    }
    words = [sys.executable, "-m", "infra.cluster", *words]
    return subprocess.Popen(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(what, seconds=60):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_driver_stopped_while_terraform_rents_leaves_nothing_that_is_not_listed(kit, how):
    kit.fake.faults.delay("POST", "/v2/pods", 0.5, times=2)
    driver = command(kit, "up", "--yes", "--workers", "1", "--gpu", "A100 PCIe")
    wait_for(lambda: kit.fake.asked("POST", "/v2/pods") >= 2)
    driver.send_signal(how)
    out, err = driver.communicate(timeout=60)
    assert driver.returncode == (-9 if how == signal.SIGKILL else 130), out + err
    # The lock is held for as long as a terraform of that driver lives.
    with only_driver(kit.office.settings.state / "lock", SystemClock(), wait_seconds=60):
        pass
    report = kit.reconcile()
    named = {pod.id for pod in report.order} | {finding.pod.id for finding in report.findings}
    assert kit.billed()
    assert kit.billed().keys() <= named
    if how == signal.SIGKILL:
        kit.up(workers=1, gpus=("A100 PCIe",))
        assert sorted(kit.billed().values()) == ["gpuwd-head", "gpuwd-worker-0"]
    kit.down()
    assert kit.billed() == {}
    assert kit.reconcile().clean


def test_of_several_errors_what_stops_comes_first_and_what_is_unknown_stays_open():
    full = "400 There are no longer any instances available"
    assert isinstance(worst([full]), NoCapacityError)
    assert isinstance(worst([full, "context deadline exceeded"]), UnavailableError)
    stop = worst([full, "context deadline exceeded", "402 insufficient balance"])
    assert isinstance(stop, PaymentError)
    assert isinstance(stop.__cause__, UnavailableError)


def test_a_state_file_that_is_damaged_is_no_empty_one(tmp_path):
    assert read_state(tmp_path / "none") == {}
    (tmp_path / "bad").write_text('{"resources": [')
    with pytest.raises(TerraformError, match="damaged"):
        read_state(tmp_path / "bad")
