"""The real terraform on a copy of our files, so that neither state nor lock file lands among them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "infra" / "terraform"
# What a user's shell may hold and terraform would obey.
FOREIGN = ("TF_", "RUNPOD_")


class TerraformError(Exception):
    """terraform ended with an error; the message is what it said."""


def copy_files(folder: Path) -> Path:
    """Our files and their tests, in a folder of their own."""
    ignore = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.md")
    return Path(shutil.copytree(SOURCE, folder, ignore=ignore, dirs_exist_ok=True))


@dataclass(frozen=True)
class Terraform:
    """terraform in one folder, with an environment of which nothing is left to chance."""

    folder: Path
    env: Mapping[str, str]

    def run(self, *words: str) -> str:
        """Standard output. TerraformError for any exit code but 0."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        ran = subprocess.run(
            ["terraform", *words],
            cwd=self.folder,
            env=mine | dict(self.env),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if ran.returncode:
            raise TerraformError(ran.stdout + ran.stderr)
        return ran.stdout

    def variables(self, **values: Any) -> None:
        (self.folder / "test.auto.tfvars.json").write_text(json.dumps(values))

    def plan(self, *words: str) -> dict[str, Any]:
        """The plan's JSON (format_version 1.x)."""
        self.run("plan", "-out=plan", *words)
        return json.loads(self.run("show", "-json", "plan"))

    def apply(self) -> None:
        """Carry out the last plan."""
        self.run("apply", "plan")

    def schema(self) -> dict[str, Any]:
        """`runpod_pod` as the provider in use describes it: attribute -> its type and flags."""
        said = json.loads(self.run("providers", "schema", "-json"))
        schemas = said["provider_schemas"]["registry.terraform.io/runpod/runpod"]
        return schemas["resource_schemas"]["runpod_pod"]["block"]["attributes"]


def actions(plan: dict[str, Any]) -> dict[str, list[str]]:
    """What a plan does to each pod, by address."""
    changes = [change for change in plan["resource_changes"] if change["type"] == "runpod_pod"]
    return {change["address"]: change["change"]["actions"] for change in changes}
