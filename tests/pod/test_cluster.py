"""A head and two workers of the image, alive: real munge, Slurm and nginx, each pod in namespaces of its own."""

import re
import time
from pathlib import Path

import pytest

from tests.pod.lab import MODEL_KEY, SECRET, TOKEN, until

pytestmark = pytest.mark.integration
HEAD_SERVICES = {"base", "munged", "gateway", "slurmctld", "slurmd", "gpu-exporter", "slurm-exporter", "vllm"}
WORKER_SERVICES = {"base", "munged", "gateway", "slurmd", "gpu-exporter"}
DAEMONS = ["munged", "slurmctld", "slurmd", "gpu-exporter", "slurm-exporter", "gateway", "vllm"]


def idle(cluster):
    return list(cluster.head.states().values()) == ["idle"] * 3


def job_lines(pod):
    lines = pod.ask("/metrics/gpu", TOKEN)[1].splitlines()
    found = [re.search(r'gpu="(\d+)".*Hostname="([^"]*)".*hpc_job="(\d+)"', line) for line in lines]
    return {(match[2], match[1], match[3]) for match in found if match}


def output_of(cluster, job):
    """A batch script runs on the job's first node, and that is the one which joined first."""
    return [line for pod in cluster.workers for line in pod.read(f"/tmp/{job}").splitlines()]


def test_pods_join_by_themselves_within_20_seconds(cluster):
    assert cluster.seconds < 20
    assert set(cluster.head.states()) == {"lab-head", "lab-worker-0", "lab-worker-1"}


def test_every_daemon_of_a_role_runs_and_the_pod_says_it_is_well(cluster):
    for pod, services in zip(cluster.pods, [HEAD_SERVICES, WORKER_SERVICES, WORKER_SERVICES], strict=True):
        health = pod.health()
        assert {s["name"] for s in health["services"] if s["state"] == "running"} == services
        done = pod.inside("env", "PYTHONPATH=/opt/watchdog", "python3", "-m", "pod", "health", "--model")
        assert "is well" in done.stdout


def test_the_model_s_gpu_is_not_given_to_jobs(cluster):
    told = cluster.head.inside("sinfo", "-h", "-N", "-O", "NodeList:20,Gres:30").stdout.split()
    assert told == ["lab-head", "gpu:h100:2", "lab-worker-0", "gpu:h100:2", "lab-worker-1", "gpu:h100:2"]
    assert '"CUDA_VISIBLE_DEVICES": "2"' in cluster.head.ask("/v1/told", MODEL_KEY)[1]


def test_a_job_over_two_pods_is_seen_by_slurm_and_on_each_of_its_gpus(cluster):
    places = {("lab-worker-0", "0"), ("lab-worker-0", "1"), ("lab-worker-1", "0"), ("lab-worker-1", "1")}
    job = cluster.submit(
        'srun sh -c "echo \\$SLURMD_NODENAME \\$CUDA_VISIBLE_DEVICES"; sleep 60',
        "-N2", "--nodelist=lab-worker-[0-1]", "--gres=gpu:2",
    )  # fmt: skip
    until(lambda: cluster.job_state(job) == "RUNNING", 10, cluster.head.tail)
    first = cluster.workers[0]
    until(lambda: len(output_of(cluster, job)) == 2, 15, first.tail)
    assert sorted(output_of(cluster, job)) == ["lab-worker-0 0,1", "lab-worker-1 0,1"]
    until(
        lambda: {found for pod in cluster.workers for found in job_lines(pod)} == {(n, g, job) for n, g in places},
        10,
        first.tail,
    )
    wanted = {f'slurm_job_gpu{{job_id="{job}",node="{n}",gpu_index="{g}"}} 1' for n, g in places}
    until(lambda: wanted <= set(cluster.head.ask("/metrics/slurm", TOKEN)[1].splitlines()), 10, cluster.head.tail)
    cluster.head.inside("scancel", job)
    until(lambda: not any(job_lines(pod) for pod in cluster.workers), 15, first.tail)
    until(lambda: idle(cluster), 15, cluster.head.tail)


def test_two_jobs_on_a_node_have_a_gpu_each_whatever_the_device_files_are_called(cluster):
    jobs = [
        cluster.submit("echo $CUDA_VISIBLE_DEVICES; sleep 60", "--gres=gpu:1", "--nodelist=lab-head", "--mem=1000")
        for _ in range(2)
    ]
    until(lambda: all(cluster.job_state(job) == "RUNNING" for job in jobs), 15, cluster.head.tail)
    until(lambda: len(job_lines(cluster.head)) == 2, 10, cluster.head.tail)
    said = {(job, cluster.head.read(f"/tmp/{job}").strip()) for job in jobs}
    assert {gpu for _, gpu in said} == {"0", "1"}
    assert {(job, gpu) for _, gpu, job in job_lines(cluster.head)} == said
    cluster.head.inside("scancel", *jobs)
    until(lambda: idle(cluster), 15, cluster.head.tail)


def test_nothing_but_slurm_and_the_gateway_can_be_reached_from_outside(cluster):
    for pod, ports in zip(cluster.pods, [{6817, 6818, 8080}, {6818, 8080}, {6818, 8080}], strict=True):
        rows = [row.split()[3] for row in pod.inside("ss", "-Hltn").stdout.splitlines()]
        assert {int(row.rpartition(":")[2]) for row in rows if not row.startswith("127.0.0.1:")} == ports


def test_secrets_are_in_no_command_line_no_log_and_no_environment_but_the_model_server_s(cluster):
    for pod in cluster.pods:
        found = {}
        for process in Path(f"/proc/{pod.pid}/root/proc").iterdir():
            if process.name.isdigit():
                assert not holds_secret(process / "cmdline")
                if secrets := holds_secret(process / "environ"):
                    found[(process / "comm").read_text().strip()] = secrets
        # The first two were given them, and belong to root; what they start is not.
        assert found.pop("tini") == found.pop("python3")
        assert found == ({"vllm": {MODEL_KEY, "hf_0123456789"}} if pod is cluster.head else {})
        text = "\n".join(pod.lines)
        assert not [secret for secret in (SECRET, TOKEN, MODEL_KEY) if secret in text]
        assert "SECRET" not in pod.read("/run/base.env")
    assert any("by mistake it prints [secret]" in line for line in cluster.head.lines)


def holds_secret(path):
    try:
        text = path.read_bytes().decode(errors="replace")
    except OSError:
        return set()
    return {secret for secret in (SECRET, TOKEN, MODEL_KEY, "hf_0123456789") if secret in text}


def test_files_with_secrets_are_their_owner_s_alone(cluster):
    out = cluster.head.inside("stat", "-c", "%U %a", "/etc/munge/munge.key", "/run/watchdog/gateway/nginx.conf").stdout
    assert out.splitlines() == ["munge 400", "gateway 400"]


def test_daemons_run_as_users_of_their_own(cluster):
    rows = (row.split() for row in cluster.head.inside("ps", "-eo", "user:20,pid").stdout.splitlines()[1:])
    users = {int(pid): user for user, pid in rows}
    own = {s["name"]: users[s["pid"]] for s in cluster.head.health()["services"]}
    assert own == {
        "base": "root", "munged": "munge", "gateway": "gateway", "slurmctld": "slurm", "slurmd": "root",
        "gpu-exporter": "watchdog", "slurm-exporter": "watchdog", "vllm": "vllm",
    }  # fmt: skip


def test_a_daemon_that_crashes_is_back_and_no_job_is_lost(cluster):
    head, began = cluster.head, time.monotonic()
    job = cluster.submit("sleep 10", "--nodelist=lab-worker-0", "--gres=gpu:1", "--no-requeue")
    until(lambda: cluster.job_state(job) == "RUNNING", 10, head.tail)
    crash(head, [name for name in DAEMONS if name != "slurmctld"])
    crash(cluster.workers[0], ["slurmd", "munged"])
    # slurmctld saves what it knows at most every 5 s; what came after that is lost with it.
    time.sleep(max(0.0, began + 7 - time.monotonic()))
    crash(head, ["slurmctld"])
    until(lambda: cluster.job_state(job) == "COMPLETED", 30, head.tail)
    until(lambda: idle(cluster), 20, head.tail)
    until(lambda: head.ask("/metrics/slurm", TOKEN)[0] == 200, 10, head.tail)
    until(lambda: head.ask("/v1/models", MODEL_KEY)[0] == 200, 10, head.tail)


def crash(pod, names):
    """Kill daemons and wait until others are in their place."""
    before = {name: pod.service(name)["pid"] for name in names}
    for name in names:
        pod.kill(name)
    until(
        lambda: all(pod.service(n)["state"] == "running" and pod.service(n)["pid"] != before[n] for n in names),
        20,
        pod.tail,
    )
    assert all("SIGKILL" in pod.service(name)["last_end"] for name in names)


def test_a_worker_that_is_told_to_stop_leaves_the_cluster_and_its_job_goes_elsewhere(cluster):
    leaving = cluster.workers[1]
    job = cluster.submit("sleep 60", "--gres=gpu:2", "--requeue", "--nodelist=lab-worker-1")
    until(lambda: cluster.job_state(job) == "RUNNING", 10, cluster.head.tail)
    began = time.monotonic()
    assert leaving.stop() == 0
    assert time.monotonic() - began < 10
    assert set(cluster.head.states()) == {"lab-head", "lab-worker-0"}
    assert cluster.job_state(job) in {"PENDING", "CONFIGURING"}
    cluster.head.inside("scancel", job)
    leaving.start()
    until(lambda: idle(cluster), 20, leaving.tail)
