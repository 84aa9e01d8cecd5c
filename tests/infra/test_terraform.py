"""infra/terraform with the real terraform, a stand-in for RunPod's provider and a fake RunPod."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.infra.fake_runpod import FakeRunpod
from tests.infra.provider.check import main as check
from tests.infra.provider.mirror import UnavailableError, stand_in
from tests.infra.provider.running import running
from tests.infra.provider.terraform import SOURCE, Terraform, TerraformError, actions, copy_files
from tests.infra.provider.verify import differences, used, verify

pytestmark = pytest.mark.integration

A100, H100 = "NVIDIA A100 80GB PCIe", "NVIDIA H100 80GB HBM3"
LAB = {
    "cluster_name": "lab",
    "image": "ghcr.io/example/watchdog-pod:1.0",
    "gpu_type_id": A100,
    "gpu_count": 2,
    "worker_count": 3,
    "deadline": 1_800_000_000,
}
HEAD, WORKERS = "runpod_pod.head", [f"runpod_pod.worker[{n}]" for n in range(3)]
SECRETS = {
    "WATCHDOG_CLUSTER_SECRET": "{{ RUNPOD_SECRET_watchdog_cluster_secret }}",
    "WATCHDOG_GATEWAY_TOKEN": "{{ RUNPOD_SECRET_watchdog_gateway_token }}",
}
EVERY_POD = {
    "WATCHDOG_CLUSTER": "lab",
    "WATCHDOG_MARKER": "gpu-watchdog",
    "WATCHDOG_GPU_COUNT": "2",
    "WATCHDOG_GATEWAY_PORT": "8080",
    "WATCHDOG_DEADLINE": "1800000000",
}


@pytest.fixture(scope="module")
def provider():
    """Variables that lead terraform to the stand-in."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    try:
        return stand_in()
    except UnavailableError as error:
        pytest.skip(f"the stand-in provider cannot be installed: {error}")


@pytest.fixture(scope="module")
def server():
    with FakeRunpod() as fake:
        yield fake


@pytest.fixture
def runpod(server):
    server.reset()
    yield server
    assert server.violations == []


@pytest.fixture(scope="module")
def ready(provider, server, tmp_path_factory):
    """A folder in which `terraform init` has run, with a provider that waits for work."""
    folder = copy_files(tmp_path_factory.mktemp("ready") / "terraform")
    with running(server.url, server.key) as env:
        made = Terraform(folder, env)
        made.run("init", "-no-color")
        yield made


@pytest.fixture
def terraform(ready, runpod, tmp_path):
    made = Terraform(shutil.copytree(ready.folder, tmp_path / "terraform"), ready.env)
    made.variables(**LAB)
    return made


def _apply(terraform, **changes):
    terraform.variables(**LAB | changes)
    plan = terraform.plan()
    terraform.apply()
    return actions(plan)


def _by_name(runpod):
    return {pod.name: pod for pod in runpod.account.billed().values()}


def test_the_plan_of_a_head_and_three_workers_pod_by_pod(terraform, runpod):
    planned = terraform.plan()["resource_changes"]
    pods = {change["address"]: change["change"]["after"] for change in planned if change["type"] == "runpod_pod"}
    assert sorted(change["address"] for change in planned) == [HEAD, *WORKERS, "terraform_data.head"]
    common = {
        "image": "ghcr.io/example/watchdog-pod:1.0",
        "gpu_type_id": A100,
        "gpu_count": 2,
        "cloud": "SECURE",
        "disk": 60,
        "ports": ["8080/http", "22/tcp"],
        "global_networking": True,
        "start_ssh": True,
    }
    # What is computed, and what nobody asked for.
    nothing = {name: None for name in pods[HEAD] if name not in (*common, "name", "env", "persistent_volume")}
    model = {"WATCHDOG_MODEL_PROFILE": "", "WATCHDOG_VLLM_API_KEY": "{{ RUNPOD_SECRET_watchdog_vllm_api_key }}"}
    assert pods[HEAD] == common | nothing | {
        "name": "lab-head",
        "persistent_volume": {"size": 100, "path": "/workspace"},
        "env": EVERY_POD | SECRETS | model | {"WATCHDOG_ROLE": "head"},
    }
    for number, address in enumerate(WORKERS):
        assert pods[address] == common | nothing | {
            "name": f"lab-worker-{number}",
            "persistent_volume": None,
            "env": EVERY_POD | SECRETS | {"WATCHDOG_ROLE": "worker", "WATCHDOG_WORKER_INDEX": str(number)},
        }
    # The head's address alone is not known before the head is there.
    unknown = {change["address"]: change["change"]["after_unknown"] for change in planned}
    assert [unknown[address]["env"] for address in WORKERS] == [{"WATCHDOG_HEAD": True}] * 3
    assert runpod.account.pods == {}


def test_apply_rents_what_was_planned_and_destroy_leaves_nothing_on_the_bill(terraform, runpod):
    _apply(terraform)
    pods = _by_name(runpod)
    assert sorted(pods) == ["lab-head", "lab-worker-0", "lab-worker-1", "lab-worker-2"]
    head = pods["lab-head"].id
    assert {pods[f"lab-worker-{n}"].env["WATCHDOG_HEAD"] for n in range(3)} == {f"{head}.runpod.internal"}
    assert pods["lab-head"].spec["gpu"] == {"id": A100, "count": 2}
    cluster = json.loads(terraform.run("output", "-json", "cluster"))
    assert [pod["role"] for pod in cluster["pods"]] == ["head", "worker", "worker", "worker"]
    assert cluster["pods"][0]["gateway_url"] == f"https://{head}-8080.proxy.runpod.net"
    assert sum(pod["usd_per_hour"] for pod in cluster["pods"]) == pytest.approx(4 * 2 * 1.79)
    assert list(actions(terraform.plan()).values()) == [["no-op"]] * 4
    terraform.run("destroy", "-auto-approve")
    assert runpod.account.billed() == {}
    assert terraform.run("state", "list") == ""


def test_terraform_finds_the_stand_in_by_itself_where_a_mirror_is_named(provider, runpod, tmp_path):
    made = Terraform(copy_files(tmp_path / "terraform"), provider | {"RUNPOD_API_KEY": runpod.key})
    made.run("init", "-no-color")
    made.variables(**LAB | {"worker_count": 0})
    with pytest.raises(TerraformError, match="this one rents nothing"):
        made.run("plan", "-no-color")
    made = Terraform(made.folder, made.env | {"RUNPOD_API_BASE_URL": runpod.url})
    made.run("apply", "-auto-approve")
    assert list(_by_name(runpod)) == ["lab-head"]


def test_another_gpu_type_cloud_or_deadline_leaves_pods_that_run_alone(terraform, runpod):
    _apply(terraform, worker_count=1)
    before = {name: (pod.id, dict(pod.env)) for name, pod in _by_name(runpod).items()}
    changed = {"gpu_type_id": H100, "gpu_count": 4, "deadline": 1_800_003_600, "ssh": True, "model_profile": "small"}
    changed |= {"data_center_ids": ["US-KS-2"], "min_cuda_version": "12.8"}
    done = _apply(terraform, worker_count=2, **changed)
    assert done == {HEAD: ["no-op"], WORKERS[0]: ["no-op"], WORKERS[1]: ["create"]}
    after = _by_name(runpod)
    assert {name: (after[name].id, after[name].env) for name in before} == before
    new = after["lab-worker-1"]
    assert (new.spec["gpu"]["id"], new.spec["gpu"]["count"], new.env["WATCHDOG_DEADLINE"]) == (H100, 4, "1800003600")
    assert runpod.asked("DELETE") == runpod.asked("PATCH") == 0


def test_a_pod_is_rented_anew_with_the_new_values_when_asked_by_name(terraform, runpod):
    _apply(terraform, worker_count=1)
    terraform.variables(**LAB | {"worker_count": 1, "gpu_type_id": H100})
    assert actions(terraform.plan(f"-replace={WORKERS[0]}")) == {HEAD: ["no-op"], WORKERS[0]: ["delete", "create"]}
    terraform.apply()
    assert {pod.name: pod.spec["gpu"]["id"] for pod in runpod.account.billed().values()} == {
        "lab-head": A100,
        "lab-worker-0": H100,
    }


def test_fewer_workers_return_the_last_ones(terraform, runpod):
    _apply(terraform)
    assert _apply(terraform, worker_count=1) == {
        HEAD: ["no-op"],
        WORKERS[0]: ["no-op"],
        WORKERS[1]: ["delete"],
        WORKERS[2]: ["delete"],
    }
    assert sorted(_by_name(runpod)) == ["lab-head", "lab-worker-0"]


def test_a_worker_that_the_host_took_is_rented_anew(terraform, runpod):
    _apply(terraform, worker_count=1)
    runpod.account.terminate_by_host(_by_name(runpod)["lab-worker-0"].id)
    assert _apply(terraform, worker_count=1) == {HEAD: ["no-op"], WORKERS[0]: ["create"]}


def test_a_head_that_the_host_took_takes_its_workers_along(terraform, runpod):
    """They were told of a head that is no more."""
    _apply(terraform, worker_count=1)
    runpod.account.terminate_by_host(_by_name(runpod)["lab-head"].id)
    assert _apply(terraform, worker_count=1) == {HEAD: ["create"], WORKERS[0]: ["delete", "create"]}
    pods = _by_name(runpod)
    assert pods["lab-worker-0"].env["WATCHDOG_HEAD"] == f"{pods['lab-head'].id}.runpod.internal"


def test_a_pod_whose_answer_was_lost_is_taken_over_as_it_is(terraform, runpod):
    """Its environment must not change: without its deadline it would run for ever."""
    runpod.faults.drop("POST", "/v2/pods")
    terraform.plan()
    with pytest.raises(TerraformError, match="Could not create the pod"):
        terraform.apply()
    head = _by_name(runpod)["lab-head"]
    told = dict(head.env)
    terraform.run("import", HEAD, head.id)
    assert _apply(terraform, worker_count=0) == {HEAD: ["no-op"]}
    assert (_by_name(runpod)["lab-head"].env, runpod.asked("PATCH")) == (told, 0)


def test_a_lost_state_is_made_again_from_the_pods_that_run(terraform, runpod):
    _apply(terraform, worker_count=1)
    pods = _by_name(runpod)
    (terraform.folder / "terraform.tfstate").unlink()
    terraform.run("import", HEAD, pods["lab-head"].id)
    terraform.run("import", WORKERS[0], pods["lab-worker-0"].id)
    assert _apply(terraform, worker_count=1) == {HEAD: ["no-op"], WORKERS[0]: ["no-op"]}
    assert _by_name(runpod) == pods
    assert runpod.asked("PATCH") == 0
    runpod.account.terminate_by_host(pods["lab-head"].id)
    assert actions(terraform.plan())[WORKERS[0]] == ["delete", "create"]


def test_no_capacity_for_workers_keeps_the_head_in_the_state(terraform, runpod):
    runpod.account.stock[A100] = 2
    terraform.plan()
    with pytest.raises(TerraformError, match=r"no longer\s+(│ )?any instances"):
        terraform.run("apply", "-no-color", "plan")
    assert "runpod_pod.head" in terraform.run("state", "list")
    terraform.run("destroy", "-auto-approve")
    assert runpod.account.billed() == {}


def test_a_destroy_that_is_refused_is_an_error_and_keeps_the_pod_in_the_state(terraform, runpod):
    _apply(terraform, worker_count=0)
    runpod.faults.refuse("DELETE", "/v2/pods/.*", 409)
    with pytest.raises(TerraformError, match="Could not delete the pod"):
        terraform.run("destroy", "-auto-approve", "-no-color")
    assert "runpod_pod.head" in terraform.run("state", "list")
    terraform.run("destroy", "-auto-approve")
    assert runpod.account.billed() == {}


def test_neither_key_nor_secret_is_in_plan_state_or_output(terraform, runpod):
    terraform.plan()
    terraform.apply()
    written = [
        path.read_bytes() for path in terraform.folder.rglob("*") if path.is_file() and path.parent.name != "amd64"
    ]
    assert not any(runpod.key.encode() in content for content in written)
    assert b"RUNPOD_SECRET_watchdog_cluster_secret" in (terraform.folder / "terraform.tfstate").read_bytes()


def test_values_given_in_place_of_secrets_are_hidden_from_the_plan(terraform):
    secret = "s3cret-" * 6
    terraform.variables(**LAB | {"secret_values": {"WATCHDOG_GATEWAY_TOKEN": secret}})
    said = terraform.run("plan", "-no-color", "-out=plan")
    assert secret not in said
    env = json.loads(terraform.run("show", "-json", "plan"))["resource_changes"][0]["change"]["after"]["env"]
    assert env["WATCHDOG_GATEWAY_TOKEN"] == secret


def test_bad_values_are_refused_with_words_that_name_the_variable(terraform, runpod):
    bad = {
        "cluster_name": "Lab",
        "image": "pod:latest",
        "gpu_type_id": "H100",
        "worker_count": 1.5,
        "deadline": 1_800_000_000_000,
    }
    terraform.variables(**LAB | bad)
    with pytest.raises(TerraformError) as error:
        terraform.run("plan", "-no-color")
    for name in bad:
        assert re.search(rf"^(│ )?{name}: \w", str(error.value), re.MULTILINE), name
    terraform.variables(**{name: value for name, value in LAB.items() if name != "deadline"})
    with pytest.raises(TerraformError, match='variable "deadline" is not set'):
        terraform.run("plan", "-no-color")
    assert runpod.requests == []


def test_our_own_tests_of_the_files_pass(ready):
    said = ready.run("test", "-no-color")
    assert re.search(r"Success! \d+ passed, 0 failed", said)


def test_the_files_are_formatted_and_valid(provider, capsys):
    assert check() == 0
    assert capsys.readouterr().out == ""


def test_verify_says_what_differs_and_whether_we_use_it(ready):
    ours = ready.schema()
    assert differences(ours, ours) == {}
    theirs = {name: how for name, how in ours.items() if name != "ports"} | {"spot": {"type": "bool"}}
    theirs |= {"disk": {"type": "string", "optional": True}}
    assert differences(ours, theirs).keys() == {"disk", "ports", "spot"}
    nested = {"size": {"type": "number"}, "path": {"type": "string"}}
    as_nested = {"nested_type": {"nesting_mode": "single", "attributes": nested}, "optional": True}
    assert differences(ours, ours | {"persistent_volume": as_nested}) == {}
    assert {"env", "ports", "persistent_volume", "cost"} <= used() <= ours.keys()


def test_verify_passes_where_the_provider_is_as_the_stand_in(ready, tmp_path, runpod, capsys):
    assert verify(tmp_path, ready.env)
    said = capsys.readouterr().out
    assert "terraform test with the real provider: passed" in said
    assert "3 resources, nothing rented" in said
    assert runpod.account.pods == {}


def test_the_readme_lists_every_variable_with_its_default_and_words():
    readme = (SOURCE / "README.md").read_text()
    for name, row in variable_rows().items():
        assert row in readme, f"{name}: expected {row}"


def variable_rows():
    """The rows of the README's table, from variables.tf."""
    text = (SOURCE / "variables.tf").read_text()
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.DOTALL | re.MULTILINE)
    rows = {}
    for name, block in blocks:
        words = re.search(r'^  description = "(.*)"$', block, re.MULTILINE)[1].replace('\\"', '"')
        default = re.search(r"^  default\s+= (.*)$", block, re.MULTILINE)
        rows[name] = f"| `{name}` | {'`' + default[1] + '`' if default else 'needed'} | {words} |"
    return rows
