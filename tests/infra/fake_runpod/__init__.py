"""A stand-in for RunPod's REST API v2 on real sockets: pods, prices, bills and the ways all of that goes wrong.

    with FakeRunpod(clock=ManualClock()) as runpod:
        client = Client(runpod.url, key=runpod.key)
        runpod.account.stock["NVIDIA H100 80GB HBM3"] = 0     # none to be had
        runpod.faults.drop("POST", "/v2/pods")                # the pod comes to be, the answer is lost
        runpod.fates.next(never_ready=True)                   # the next pod never gets a runtime
        runpod.clock.advance(3600)
        assert runpod.account.billed() == {}                  # pods that cost money now

By hand: `python -m tests.infra.fake_runpod --port 8099`. It needs nothing but Python. Where RunPod's OpenAPI document and
`jsonschema` are at hand, every body that comes and goes is checked against it; `runpod.violations` says what did not fit.
"""

from tests.infra.fake_runpod.account import Account
from tests.infra.fake_runpod.clock import ManualClock
from tests.infra.fake_runpod.faults import Fault, Faults
from tests.infra.fake_runpod.pods import Fate, Fates
from tests.infra.fake_runpod.server import FakeRunpod

__all__ = ["Account", "FakeRunpod", "Fate", "Fates", "Fault", "Faults", "ManualClock"]
