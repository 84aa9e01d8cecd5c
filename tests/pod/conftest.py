"""Pods that run, where this machine can run them."""

import pytest

from tests.pod.lab import MODEL_KEY, head, pod_net, until, why_not, worker


@pytest.fixture(scope="session")
def can_run_pods():
    if reason := why_not():
        pytest.skip(f"pods cannot run here: {reason}")


@pytest.fixture(scope="module")
def net(can_run_pods):
    with pod_net() as made:
        yield made


@pytest.fixture(scope="module")
def cluster(net):
    """A head that serves a small model, and two workers, all idle; how long that took is in `seconds`."""
    model = {"WATCHDOG_MODEL_PROFILE": "qwen3-4b-24gb", "WATCHDOG_VLLM_API_KEY": MODEL_KEY, "HF_TOKEN": "hf_0123456789"}
    pods = [head(net, **model), worker(net, 0), worker(net, 1)]
    try:
        for pod in pods:
            pod.start()
        seconds = until(lambda: list(pods[0].states().values()) == ["idle"] * 3, 60, pods[0].tail)
        until(lambda: pods[0].health().get("model") == "ready", 20, pods[0].tail)
        yield Cluster(pods[0], pods[1:], seconds)
    finally:
        for pod in pods:
            pod.destroy()


class Cluster:
    def __init__(self, head, workers, seconds):
        self.head, self.workers, self.seconds = head, workers, seconds
        self.pods = [head, *workers]

    def submit(self, script, *options):
        out = self.head.inside("sbatch", "--parsable", "--output=/tmp/%j", *options, f"--wrap={script}", user="daemon")
        return out.stdout.strip()

    def job_state(self, job):
        return self.head.inside("squeue", "-h", "--states=all", "-j", job, "-o", "%T", check=False).stdout.strip()
