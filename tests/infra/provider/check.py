"""`terraform fmt -check` and `terraform validate`, for `make check`; a word and no failure where they cannot run."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.infra.provider.mirror import UnavailableError, stand_in
from tests.infra.provider.terraform import SOURCE, Terraform, TerraformError, copy_files


def main() -> int:
    if shutil.which("terraform") is None:
        sys.stdout.write("terraform is not installed: infra/terraform was not checked\n")
        return 0
    try:
        Terraform(SOURCE, {}).run("fmt", "-check", "-diff", "-no-color", "-recursive")
        _validate()
    except UnavailableError as error:
        sys.stdout.write(f"infra/terraform is formatted but was not validated: {error}\n")
    except TerraformError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


def _validate() -> None:
    with tempfile.TemporaryDirectory() as folder:
        terraform = Terraform(copy_files(Path(folder) / "terraform"), stand_in())
        terraform.run("init", "-no-color")
        terraform.run("validate", "-no-color")


if __name__ == "__main__":
    sys.exit(main())
