"""Random runs of up, kill, timeout and down: after each, no pod is billed that we do not list.

`WATCHDOG_CHAOS_RUNS=500` runs that many; by default as many as fit in a few seconds. `WATCHDOG_CHAOS_SEED` repeats one.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from infra.lock import only_driver
from infra.ownership import MARKER
from tests.infra.killing import killed_at
from tests.infra.kit import A100, H100_PCIE, kit_at
from tests.infra.test_driver_terraform import terraform_kit
from watchdog.base.clock import SystemClock
from watchdog.base.errors import WatchdogError

RUNS = int(os.environ.get("WATCHDOG_CHAOS_RUNS", "0"))
SEED = int(os.environ.get("WATCHDOG_CHAOS_SEED", "20261127"))
SECONDS = 5.0
A_STORY = 25


class Chaos:
    """One account, one driver, and everything that goes wrong at once."""

    def __init__(self, kit, seed):
        self.kit = kit
        self.random = random.Random(seed)
        self.story = []
        self.others = set()
        self.counts = {"runs": 0, "killed": 0, "refused": 0, "pods": 0}

    def run(self):
        self.trouble()
        act = self.random.choices([self.up, self.down, self.give_back, self.wait], [6, 3, 1, 1])[0]
        self.story.append(act.__name__)
        if self.random.random() < 0.5:
            point = self.random.randrange(50)
            killed = killed_at(point, act)
            self.story[-1] += f", killed at {point}" if killed else ""
            self.counts["killed"] += killed
        else:
            self.counts["refused"] += not self.tried(act)
        self.counts["runs"] += 1
        self.check()

    def up(self):
        self.kit.up(workers=self.workers, gpus=("A100 PCIe", "H100 PCIe"), hours=1, replace=self.replace)

    def down(self):
        self.kit.down()

    def give_back(self):
        """What `reconcile --return` does."""
        from infra.giving_back import give_back

        for finding in self.kit.reconcile().returnable:
            with self.kit.office.desk("gpuwd") as desk:
                give_back(desk, finding.cluster, [finding.pod], "reconcile")

    def wait(self):
        self.kit.fake.clock.advance(self.random.choice([10, 300, 4000]))

    def tried(self, act):
        try:
            act()
        except WatchdogError as error:
            self.story[-1] += f": {type(error).__name__}"
            return False
        return True

    def trouble(self):
        """Something for the next run; what is left of the last is over."""
        kit, chance = self.kit, self.random
        kit.fake.faults.clear()
        kit.fake.fates._next.clear()
        self.workers = chance.randrange(3)
        self.replace = chance.random() < 0.3
        kit.account.stock = {A100: chance.choice([0, 1, 2, 9]), H100_PCIE: chance.choice([0, 2, 9])}
        kit.account.shown = {A100: "LOW", H100_PCIE: "LOW"} if chance.random() < 0.5 else {}
        kit.account.terminated_listed_s = chance.choice([0.0, 600.0])
        if kit.account.stock[A100] and chance.random() < 0.15:
            self.others.add(kit.strange_pod(f"training-{len(self.others)}"))
        for _ in range(chance.choice([0, 0, 1, 2])):
            self.one_fault()
        mine = [pod_id for pod_id in kit.billed() if pod_id not in self.others]
        if mine and chance.random() < 0.15:
            kit.account.terminate_by_host(chance.choice(mine))

    def one_fault(self):
        faults, fates, chance = self.kit.fake.faults, self.kit.fake.fates, self.random
        chance.choice(
            [
                lambda: faults.drop("POST", "/v2/pods", times=chance.randint(1, 3)),
                lambda: faults.drop("POST", "/v2/pods", done=False),
                lambda: faults.refuse("POST", "/v2/pods", 500, done=True),
                lambda: faults.refuse("POST", "/v2/pods", chance.choice([401, 402, 403, 422, 429, 503])),
                lambda: faults.refuse(
                    "DELETE", "/v2/pods/.*", chance.choice([404, 409, 500, 503]), times=chance.randint(1, 4)
                ),
                lambda: faults.drop("DELETE", "/v2/pods/.*"),
                lambda: faults.refuse("GET", "/v2/pods", 503, times=chance.randint(1, 4)),
                lambda: faults.drop("GET", "/v2/pods"),
                lambda: fates.next(dead_on_arrival=True),
                lambda: fates.next(never_ready=True),
                lambda: fates.next(terminated_after_s=20),
                lambda: fates.next(error_after_s=10),
            ]
        )()

    def check(self):
        """The promise, with nothing in the way of looking."""
        kit = self.kit
        # A terraform whose driver was killed keeps the lock until it has finished.
        with only_driver(kit.office.settings.state / "lock", SystemClock(), wait_seconds=60):
            pass
        kit.fake.faults.clear()
        report = kit.reconcile()
        billed = kit.billed()
        mine = billed.keys() - self.others
        named = {pod.id for pod in report.order} | {finding.pod.id for finding in report.findings}
        written = {entry.pod_id for entry in kit.book().live("gpuwd")}
        told = "\n".join(self.story[-12:])
        assert mine <= named, f"billed and not listed after\n{told}"
        assert mine == written, f"the record does not agree with the bill after\n{told}"
        assert all(kit.account.pods[pod_id].env.get(MARKER) == kit.owner() for pod_id in mine)
        assert self.others <= billed.keys(), f"returned what is not ours after\n{told}"
        self.counts["pods"] = len(kit.account.pods) - len(self.others)


@pytest.mark.integration
@pytest.mark.skipif(not RUNS, reason="takes minutes: set WATCHDOG_CHAOS_RUNS")
@pytest.mark.timeout(1800)
def test_the_same_through_the_real_terraform(tmp_path):
    with terraform_kit(tmp_path) as kit:
        kit.account.credit = 1e6
        chaos = Chaos(kit, SEED)
        kit.owner()
        for _ in range(max(1, RUNS // 20)):
            chaos.run()
        kit.fake.fates._next.clear()
        kit.down()
        assert kit.billed().keys() == chaos.others
        print(chaos.counts)  # noqa: T201 (shown with -s)


def story(folder, seed, go_on):
    """Runs while `go_on(runs)`, then a teardown, with one account; gives the counts."""
    with kit_at(folder) as kit:
        kit.account.credit = 1e6
        chaos = Chaos(kit, seed)
        kit.owner()
        while go_on(chaos.counts["runs"]):
            chaos.run()
        kit.fake.fates._next.clear()
        kit.down()
        assert kit.billed().keys() == chaos.others
        assert kit.book().live("gpuwd") == []
        return chaos.counts


@pytest.mark.timeout(3600)
def test_no_pod_is_ever_billed_that_we_do_not_list(tmp_path):
    until = time.monotonic() + SECONDS
    if not RUNS:
        counts = [story(tmp_path, SEED, lambda _: time.monotonic() < until)]
    else:
        sizes = [min(A_STORY, RUNS - done) for done in range(0, RUNS, A_STORY)]
        counts = [story(tmp_path / str(n), SEED + n, lambda runs, n=n: runs < sizes[n]) for n in range(len(sizes))]
    total = {key: sum(count[key] for count in counts) for key in counts[0]}
    print(total)  # noqa: T201 (shown with -s)
    assert total["killed"] > total["runs"] / 20
