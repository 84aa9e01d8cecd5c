"""`make infra-verify`: our files against RunPod's real provider, and the stand-in's schema against the real one.

Needs the network for registry.terraform.io. Rents nothing: `terraform test` runs with a mocked provider, and a plan, made
only where RUNPOD_API_KEY is set, asks RunPod without changing anything.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.infra.provider.mirror import stand_in
from tests.infra.provider.terraform import SOURCE, Terraform, TerraformError, copy_files

FLAGS = ("required", "optional", "computed")


def used() -> set[str]:
    """Attributes of a pod that infra/terraform sets or reads."""
    blocks = re.findall(r'^resource "runpod_pod" .*?^}', (SOURCE / "main.tf").read_text(), re.DOTALL | re.MULTILINE)
    set_ = {name for block in blocks for name in re.findall(r"^  (\w+)\s+=", block, re.MULTILINE)}
    read = set(re.findall(r"(?<![\w.])pod\.(\w+)", (SOURCE / "outputs.tf").read_text()))
    return (set_ | read) - {"count"}


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, str]:
    """In what two descriptions of `runpod_pod` differ, by attribute."""
    found = {}
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs:
            found[name] = "the real provider has no such attribute"
        elif name not in ours:
            found[name] = "the stand-in lacks it"
        else:
            mine, real = shape(ours[name]), shape(theirs[name])
            found |= {name: f"stand-in {mine}, real {real}"} if mine != real else {}
    return found


def shape(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """Type and flags; an attribute with nested attributes is a (list of) objects of their types."""
    nested = attribute.get("nested_type")
    kind = attribute.get("type")
    if nested:
        kind = ["object", {name: shape(inner)["type"] for name, inner in nested["attributes"].items()}]
        kind = kind if nested["nesting_mode"] == "single" else [nested["nesting_mode"], kind]
    return {"type": kind} | {flag: attribute.get(flag, False) for flag in FLAGS}


def verify(folder: Path, real: Mapping[str, str]) -> bool:
    """Print what was found; False when what infra/terraform uses is not as the stand-in has it."""
    ours, theirs = (
        Terraform(copy_files(folder / name), env) for name, env in (("stand-in", stand_in()), ("real", real))
    )
    for terraform in (ours, theirs):
        terraform.run("init", "-no-color")
    differing = differences(ours.schema(), theirs.schema())
    for name, how in differing.items():
        sys.stdout.write(f"{'USED  ' if name in used() else 'unused'}  {name}: {how}\n")
    for words in (["validate"], ["test"]):
        theirs.run(*words, "-no-color")
        sys.stdout.write(f"terraform {words[0]} with the real provider: passed\n")
    _plan(theirs, real)
    return not differing.keys() & used()


def _plan(terraform: Terraform, env: Mapping[str, str]) -> None:
    if not env.get("RUNPOD_API_KEY"):
        sys.stdout.write("no RUNPOD_API_KEY: no plan was made\n")
        return
    terraform.variables(
        cluster_name="verify",
        image="runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404",
        gpu_type_id="NVIDIA A100 80GB PCIe",
        deadline=int(time.time()) + 3600,
    )
    made = len(terraform.plan()["resource_changes"])
    sys.stdout.write(f"terraform plan with the real provider: {made} resources, nothing rented\n")


def main() -> int:
    key = {name: os.environ[name] for name in ("RUNPOD_API_KEY", "RUNPOD_API_BASE_URL") if name in os.environ}
    try:
        with tempfile.TemporaryDirectory() as folder:
            return 0 if verify(Path(folder), {"CHECKPOINT_DISABLE": "1", "TF_INPUT": "0"} | key) else 1
    except TerraformError as error:
        sys.stdout.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
