"""The plan carried out by Terraform: its files are copied beside its state, so that nothing is written into the code.

Facts about Terraform's machine output: developer.hashicorp.com/terraform/internals/json-format and machine-readable-ui.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from infra import tokens
from infra.applier import OnPod, Plan
from infra.errors import NoCapacityError, TerraformError, UnavailableError, of_text
from infra.parentage import ends_with_parent
from infra.settings import Settings
from infra.spec import Spec
from watchdog.base.errors import InfraError

SOURCE = Path(__file__).with_name("terraform")
_PLAN = "cluster.tfplan"
_VARIABLES = "cluster.auto.tfvars.json"
# Not terraform.tfstate: where a backend names Terraform's own default, `init` may move the state away as an old one.
STATE = "cluster.tfstate"
# Terraform draws a frame around errors for people.
_FRAME = dict.fromkeys(map(ord, "╷│╵"), " ")
_HEAD, _HEAD_ID = "runpod_pod.head", "terraform_data.head"
# What a user's shell may hold and terraform would obey.
_FOREIGN = ("TF_CLI_ARGS", "TF_VAR_", "TF_WORKSPACE", "TF_LOG")


class TerraformApplier:
    """An `Applier` by the real terraform, one folder a cluster.

    Call it from a thread that outlives the call: a terraform is told to finish when the thread that started it ends.
    """

    def __init__(self, settings: Settings, folder: Path, lock: int | None = None) -> None:
        """Hold nothing yet.

        Args:
            settings: key and addresses, for the provider.
            folder: where the state of this cluster lies.
            lock: file descriptor that children keep open, so that the lock outlives us while they work.
        """
        self._settings = settings
        self._folder = folder.absolute()
        self._lock = lock

    def prepare(self) -> None:
        """`terraform init`: copies the files and gets the provider."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in SOURCE.glob("*.tf"):
            shutil.copyfile(file, self._folder / file.name)
        self._run(["init", "-no-color", f"-backend-config=path={STATE}"], "prepare terraform")

    def plan(self, spec: Spec) -> Plan:
        """`terraform plan`, read from its JSON."""
        self.prepare()
        self._tell(spec)
        self._run(["plan", "-no-color", "-lock-timeout=60s", f"-out={_PLAN}"], "plan")
        return read_plan(self._run(["show", "-json", _PLAN], "read the plan"))

    def apply(self, spec: Spec, on_pod: OnPod) -> None:
        """`terraform apply` of the plan; ids are told as Terraform learns them."""
        trouble: list[str] = []

        def hear(line: str) -> None:
            event = _event(line)
            if event.get("type") == "apply_complete":
                hook = event["hook"]
                if hook["action"] == "create" and hook["resource"]["resource_type"] == "runpod_pod":
                    on_pod(hook["resource"]["addr"], hook["id_value"])
            trouble.extend(_errors(event))

        code = self._stream(["apply", "-json", "-lock-timeout=60s", "-parallelism=4", _PLAN], hear)
        if code != 0:
            raise worst([self._settings.scrubbed(text) for text in trouble] or [f"exit code {code}"])

    def adopt(self, spec: Spec, address: str, pod_id: str) -> None:
        """`terraform import`."""
        self.prepare()
        self._tell(spec)
        self._run(["import", "-no-color", "-lock-timeout=60s", address, pod_id], f"take over {pod_id}")
        if address == _HEAD:
            # Its workers are rented anew with a change of this; for a head that is only taken over it must be there.
            words = ["apply", "-no-color", "-auto-approve", "-lock-timeout=60s", f"-target={_HEAD_ID}"]
            self._run(words, f"take over {pod_id}")

    def forget(self, address: str) -> None:
        """`terraform state rm`."""
        if address in self.held():
            self._run(["state", "rm", "-lock-timeout=60s", address], f"forget {address}")

    def destroy(self) -> None:
        """`terraform destroy` of all that the state holds."""
        if not self.held():
            return
        self.prepare()
        trouble: list[str] = []
        code = self._stream(
            ["destroy", "-json", "-auto-approve", "-lock-timeout=60s"],
            lambda line: trouble.extend(_errors(_event(line))),
        )
        if code != 0:
            raise of_text(self._settings.scrubbed("; ".join(trouble) or f"exit code {code}"), "return pods")

    def held(self) -> dict[str, str]:
        """Pods in the state file, read without terraform: it must be possible when terraform is not."""
        return read_state(self._folder / STATE)

    def outputs(self) -> Any:  # noqa: ANN401 (whatever outputs.tf says)
        """The output `cluster`, for wiring."""
        return msgspec.json.decode(self._run(["output", "-json", "cluster"], "read the outputs"))

    def _tell(self, spec: Spec) -> None:
        (self._folder / _VARIABLES).write_bytes(msgspec.json.format(msgspec.json.encode(variables(spec)), indent=2))

    def _run(self, words: Sequence[str], what: str) -> bytes:
        said: list[str] = []
        code = self._stream(words, said.append)
        if code != 0:
            text = self._settings.scrubbed(" ".join("".join(said).translate(_FRAME).split()))
            raise of_text(text, what)
        return "".join(said).encode()

    def _stream(self, words: Sequence[str], hear: Callable[[str], None]) -> int:
        """Run terraform, hand on each line of its output, and give its exit code.

        It has a session of its own: Ctrl-C reaches us alone, and we ask it to finish in order.
        """
        try:
            process = subprocess.Popen(  # noqa: S603 (our own words, no shell)
                ["terraform", *words],  # noqa: S607 (whichever terraform the owner has)
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                pass_fds=() if self._lock is None else (self._lock,),
                start_new_session=True,
                preexec_fn=ends_with_parent(),  # noqa: PLW1509 (one call into libc, no Python)
            )
        except FileNotFoundError:
            raise TerraformError(
                "there is no terraform on this machine",
                hint="Install 1.9 or newer: developer.hashicorp.com/terraform/install",
            ) from None
        with process:
            _listen(process, hear)
        return process.returncode

    def _environment(self) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        told: Mapping[str, str] = {
            "RUNPOD_API_KEY": self._settings.key,
            "RUNPOD_API_BASE_URL": self._settings.api,
            "RUNPOD_GRAPHQL_URL": self._settings.graphql,
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
        }
        values = tokens.read(self._folder.parent)
        kept = {"TF_VAR_secret_values": msgspec.json.encode(values).decode()} if values else {}
        return mine | dict(told) | kept | dict(self._settings.terraform_env)


def _listen(process: subprocess.Popen[str], hear: Callable[[str], None]) -> None:
    """Hand on lines until the end. Whatever interrupts us first lets terraform write its state."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            hear(line)
    except BaseException:
        process.send_signal(signal.SIGINT)
        for line in process.stdout:
            _event(line)
        process.wait()
        raise


def variables(spec: Spec) -> dict[str, Any]:
    """Values for `infra/terraform/variables.tf`. No secret is among them."""
    wishes = spec.wishes
    return {
        "cluster_name": wishes.name,
        "marker": spec.owner,
        "image": wishes.image,
        "gpu_type_id": spec.gpu_type,
        "gpu_count": wishes.gpu_count,
        "worker_count": wishes.workers,
        "cloud": wishes.cloud,
        "data_center_ids": list(spec.data_centers),
        "disk_gb": wishes.disk_gb,
        "volume_gb": wishes.volume_gb,
        "worker_volume_gb": wishes.worker_volume_gb,
        "deadline": int(spec.deadline_at.timestamp()),
        "model_profile": wishes.model_profile,
    }


def worst(texts: Sequence[str]) -> InfraError:
    """The one error that decides among several of one apply, which rents pods side by side.

    What stops comes first; then what leaves open whether a pod exists, then no capacity. An error with another as its
    cause leaves open what the cause leaves open.
    """
    errors = [of_text(text, "rent pods") for text in texts]
    lost = [error for error in errors if isinstance(error, (UnavailableError, TerraformError))]
    full = [error for error in errors if isinstance(error, NoCapacityError)]
    stops = [error for error in errors if error not in lost and error not in full]
    chosen = [*stops, *lost, *full][0]
    chosen.__cause__ = lost[0] if lost and chosen is not lost[0] else None
    return chosen


def read_plan(shown: bytes) -> Plan:
    """A `Plan` from `terraform show -json` of a plan file (format 1.x)."""
    creates: dict[str, str] = {}
    losses: list[str] = []
    changes: list[str] = []
    for change in msgspec.json.decode(shown).get("resource_changes", []):
        if change["type"] != "runpod_pod":
            continue
        actions = change["change"]["actions"]
        if "create" in actions:
            creates[change["address"]] = change["change"]["after"]["name"]
        if "delete" in actions:
            losses.append(change["address"])
        if actions == ["update"]:
            changes.append(change["address"])
    return Plan(creates, tuple(losses), tuple(changes))


def read_state(path: Path) -> dict[str, str]:
    """Ids of pods by address, from a state file (version 4); a missing or empty file holds none."""
    try:
        state = msgspec.json.decode(path.read_bytes() or b"{}")
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise TerraformError(f"{path} is damaged: {error}", hint=f"Its last good copy is {path}.backup.") from None
    found = {}
    for resource in state.get("resources", []):
        if resource.get("mode") != "managed" or resource.get("type") != "runpod_pod":
            continue
        for instance in resource["instances"]:
            place = f"[{instance['index_key']}]" if "index_key" in instance else ""
            found[f"runpod_pod.{resource['name']}{place}"] = instance["attributes"]["id"]
    return {address: pod_id for address, pod_id in found.items() if pod_id}


def _event(line: str) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return {}
    return event if isinstance(event, dict) else {}


def _errors(event: dict[str, Any]) -> list[str]:
    diagnostic = event.get("diagnostic") or {}
    if diagnostic.get("severity") != "error":
        return []
    return [" ".join(f"{diagnostic.get('summary', '')} {diagnostic.get('detail', '')}".split())]
