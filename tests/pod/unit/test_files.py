"""The files that a pod writes, and the command lines of its daemons."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pod import slurm
from pod.gateway import gateway_conf
from pod.health import Health, judge
from pod.machine import Gpu, Machine
from pod.plan import Plan, base, services
from pod.profiles import choose, read_profiles, split_gpus
from pod.serve_model import command
from pod.settings import Settings, SettingsError
from pod.supervisor import State

from tests.conftest import ROOT

TOKEN, KEY, HF = "t" * 20 + "._~+/=-" + "T" * 20, "k" * 40, "hf_secret_of_ours"
SETTINGS = Settings("head", "lab", "s" * 40, TOKEN, vllm_api_key=KEY, hf_token=HF, model_profile="qwen3-4b-24gb")
GPUS = tuple(Gpu(index, index + 3, "h100", 81559) for index in range(4))


def plan(settings=SETTINGS, profile="qwen3-4b-24gb"):
    chosen = choose(profile, GPUS)
    return Plan(settings, "10.0.0.1", Machine(8, 100_000, GPUS), *split_gpus(GPUS, chosen), chosen, Path("/cache"))


def conf(text):
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def test_slurm_runs_where_a_container_has_no_rights():
    told = conf(slurm.slurm_conf("lab", "c1", "10.0.0.1"))
    assert (told["ProctrackType"], told["TaskPlugin"]) == ("proctrack/linuxproc", "task/none")
    assert told["JobAcctGatherType"] == "jobacct_gather/linux"
    assert slurm.CGROUP_CONF == "CgroupPlugin=cgroup/v1\n"


def test_nodes_are_dynamic_and_get_their_configuration_from_the_head():
    told = conf(slurm.slurm_conf("lab", "c1", "10.0.0.1"))
    assert told["SlurmctldHost"] == "c1(10.0.0.1)"
    assert told["SlurmctldParameters"] == "enable_configless"
    assert int(told["MaxNodeCount"]) >= 100
    assert "NodeName" not in told
    assert told["Prolog"] == told["Epilog"] == "/opt/watchdog/job-map.sh"


def test_accounting_is_there_when_a_database_daemon_is():
    assert conf(slurm.slurm_conf("lab", "c1", "a"))["AccountingStorageType"] == "accounting_storage/none"
    told = conf(slurm.slurm_conf("lab", "c1", "a", "db.internal:7000"))
    assert (told["AccountingStorageHost"], told["AccountingStoragePort"]) == ("db.internal", "7000")
    # Slurm refuses to start with it and without a database.
    assert told["AccountingStorageTRES"] == "gres/gpu"
    assert "AccountingStorageTRES" not in slurm.slurm_conf("lab", "c1", "a")


def test_a_node_says_what_it_has_less_what_the_system_needs():
    machine = Machine(8, 100_000, GPUS)
    assert slurm.node_line("worker", machine, GPUS) == "CPUs=8 RealMemory=95000 Feature=worker,h100 Gres=gpu:h100:4"
    assert "RealMemory=78616 " in slurm.node_line("head", machine, GPUS[:3], serves_model=True)
    assert slurm.node_line("head", Machine(1, 900), ()) == "CPUs=1 RealMemory=256 Feature=head"
    mixed = (GPUS[0], Gpu(1, 1, "a100", 1))
    assert slurm.node_line("worker", machine, mixed).endswith("Feature=worker,a100,h100 Gres=gpu:a100:1,gpu:h100:1")


def test_device_files_get_the_number_that_cuda_counts(tmp_path):
    for _ in range(2):
        slurm.link_devices(GPUS[:2], tmp_path / "gpu")
    assert {p.name: str(p.readlink()) for p in (tmp_path / "gpu").iterdir()} == {
        "nvidia0": "/dev/nvidia3", "nvidia1": "/dev/nvidia4",
    }  # fmt: skip
    assert slurm.gres_lines(GPUS[1:2]) == "Name=gpu Type=h100 File=/run/watchdog/gpu/nvidia1\n"
    assert slurm.GRES_CONF == "Include /run/watchdog/gres.conf\n"


def test_the_model_and_the_jobs_share_no_gpu():
    jobs, model = split_gpus(GPUS, choose("qwen3-4b-24gb", GPUS))
    assert [gpu.index for gpu in jobs] == [0, 1, 2]
    assert [gpu.index for gpu in model] == [3]
    assert split_gpus(GPUS, None) == (GPUS, ())


def test_every_profile_says_what_it_needs_and_keeps_the_server_to_itself():
    profiles = read_profiles()
    assert len(profiles) >= 4
    for profile in profiles.values():
        argv = command(profile, "vllm", Path("/p.py") if profile.plugin else None)
        assert argv[argv.index("--host") + 1] == "127.0.0.1"
        assert "--api-key" not in argv
        assert ("--reasoning-parser" in argv) == ("--reasoning-parser-plugin" in argv)
        assert 1 <= profile.gpus <= 8
        assert profile.fits
    page = (ROOT / "docs" / "pod-image.md").read_text()
    assert [name for name in profiles if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("name", "memory", "why"),
    [
        ("nemotron-30b-fp8-80gb", 46068, "this pod has h100 44 GiB"),
        ("nemotron-30b-fp8-80g", 81559, "did you mean nemo"),
    ],
)
def test_a_profile_that_cannot_be_is_a_sentence(name, memory, why):
    with pytest.raises(SettingsError, match=why):
        choose(name, [Gpu(0, 0, "h100", memory)])


@pytest.mark.parametrize(
    ("name", "memory"),
    [("nemotron-30b-fp8-80gb", 81559), ("nemotron-30b-bf16-80gb", 81920), ("nemotron-30b-bf16-141gb", 143771),
     ("nemotron-30b-fp8-48gb", 46068), ("qwen3-4b-24gb", 23034), ("qwen3-4b-24gb", 24564)],
)  # fmt: skip
def test_a_card_of_the_size_that_a_profile_is_named_after_can_hold_it(name, memory):
    assert choose(name, [Gpu(0, 0, "x", memory)]).name == name


def test_no_command_line_holds_a_secret_and_only_the_model_server_is_told_one():
    for service in services(plan(), {"PATH": "/bin", "WATCHDOG_CLUSTER_SECRET": "s" * 40, "HF_TOKEN": HF}):
        secrets = [s for s in (TOKEN, KEY, HF, "s" * 40) if s in str(service.env)]
        assert secrets == ([KEY, HF] if service.name == "vllm" else [])
        assert not [s for s in (TOKEN, KEY, HF, "s" * 40) if s in " ".join(service.argv)]
        assert not [s for s in (TOKEN, KEY, HF) if s in repr(service)]


def test_only_what_starts_others_processes_runs_as_root():
    roots = {service.name for service in services(plan(), {}) if service.user == "root"}
    assert roots == {"slurmd"}


def test_the_base_image_s_script_sees_no_secret_and_starts_no_jupyter(tmp_path):
    script = tmp_path / "start.sh"
    environ = {
        "WATCHDOG_BASE_START": str(script),
        "PUBLIC_KEY": "k",
        "JUPYTER_PASSWORD": "j",
        "RUNPOD_API_KEY": "r",
        "A": "b",
    }
    assert base(environ) == []
    script.touch(0o755)
    (service,) = base(environ)
    assert service.env == {"WATCHDOG_BASE_START": str(script), "PUBLIC_KEY": "k", "A": "b"}


def test_a_worker_runs_less():
    worker = replace(SETTINGS, role="worker", head="h", model_profile="")
    names = [service.name for service in services(plan(worker, ""), {})]
    assert names == ["munged", "gateway", "slurmd", "gpu-exporter"]


@pytest.mark.parametrize("role", ["head", "worker"])
@pytest.mark.parametrize("key", [KEY, ""])
def test_nginx_accepts_the_gateway_s_configuration(role, key, tmp_path):
    if not (nginx := shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")):
        pytest.skip("nginx is not installed")
    path = tmp_path / "nginx.conf"
    path.write_text(gateway_conf(replace(SETTINGS, role=role, vllm_api_key=key), tmp_path))
    assert "@" not in path.read_text().replace("@refused", "").replace("@absent", "")
    done = subprocess.run([nginx, "-t", "-e", "stderr", "-c", path], capture_output=True, text=True, check=False)
    assert (done.returncode, "successful" in done.stderr) == (0, True), done.stderr
    assert "warn" not in done.stderr.replace('the "user" directive', "")


def judged(tmp_path, states=(), **changed):
    health = Health("head", "lab-head", "running")
    for name, value in changed.items():
        setattr(health, name, value)
    health.write(list(states), tmp_path / "health.json")
    return judge(tmp_path / "health.json", want_model=True)


def test_a_pod_is_well_when_all_of_it_is(tmp_path):
    up, down = State("slurmd", "running", 0, 1, ""), State("munged", "pausing", 3, None, "ended with code 1")
    assert judged(tmp_path, [up]) == (True, "lab-head is well, model none")
    assert judged(tmp_path, [up, down]) == (False, "not running: munged")
    again = State("slurmd", "running", 4, 9, "ended with code 1", settled=False)
    assert judged(tmp_path, [again]) == (False, "started again just now: slurmd ended with code 1")
    assert judged(tmp_path, [up], phase="network") == (False, "phase network")
    assert judged(tmp_path, [up], problems=["2 GPUs are rented, 1 are seen"])[1] == "2 GPUs are rented, 1 are seen"
    assert judged(tmp_path, [up], model="loading") == (False, "the model is loading")


def test_a_health_file_that_is_old_or_missing_is_not_well(tmp_path, monkeypatch):
    assert judge(tmp_path / "none")[0] is False
    judged(tmp_path)
    monkeypatch.setattr("pod.health.time.time", lambda: 4e9)
    assert "s old" in judge(tmp_path / "health.json")[1]
