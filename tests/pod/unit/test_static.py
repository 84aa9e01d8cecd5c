"""What can be said of the image without building it."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.pod import TEMPLATE

DOCKERFILE = TEMPLATE / "Dockerfile"
BIN = Path(sys.executable).parent


def run(tool, *arguments):
    if not (found := shutil.which(tool, path=f"{BIN}:{os.environ['PATH']}")):
        pytest.skip(f"{tool} is not installed")
    return subprocess.run([found, *arguments], capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing():
    done = run("hadolint", "--no-color", str(DOCKERFILE))
    assert (done.returncode, done.stdout) == (0, "")


def test_shellcheck_finds_nothing():
    scripts = [*TEMPLATE.glob("*.sh"), *(ROOT / "tests" / "pod").glob("*.sh")]
    done = run("shellcheck", *map(str, scripts))
    assert (done.returncode, done.stdout) == (0, "")


def test_everything_fetched_is_pinned():
    text = DOCKERFILE.read_text()
    assert re.search(r"^ARG BASE=\S+:\d[\w.-]+$", text, re.M)
    assert re.search(r"^ARG SLURM_TAG=23-11-\d+-\d+$", text, re.M)
    assert re.search(r"^ARG SLURM_SHA256=[0-9a-f]{64}$", text, re.M)
    assert "latest" not in text
    for name in ("requirements-exporters.txt", "requirements-vllm.txt"):
        lines = [line for line in (TEMPLATE / name).read_text().splitlines() if line and not line.startswith("#")]
        assert lines
        assert all(re.fullmatch(r"[\w.-]+==[\w.+!-]+( ; .*)?", line) for line in lines)


def test_no_key_and_no_secret_is_in_the_image():
    text = DOCKERFILE.read_text()
    assert "rm -rf" in text
    assert "/etc/munge/munge.key" in text
    assert not re.search(r"^(ARG|ENV) .*(SECRET|TOKEN|KEY|PASSWORD)", text, re.M)


def test_torch_of_the_base_is_the_one_that_vllm_wants():
    base = re.search(r"^ARG BASE=.*-torch(\d)(\d)(\d)-", DOCKERFILE.read_text(), re.M)
    assert f"torch=={base[1]}.{base[2]}.{base[3]}" in (TEMPLATE / "requirements-vllm.txt").read_text().splitlines()


def test_the_entrypoint_is_short_and_its_files_may_be_run():
    assert len((TEMPLATE / "entrypoint.sh").read_text().splitlines()) < 15
    assert all(path.stat().st_mode & 0o111 for path in TEMPLATE.glob("*.sh"))


def test_the_pod_s_package_needs_the_standard_library_only():
    names = set()
    for path in (TEMPLATE / "pod").glob("*.py"):
        names |= {name.split(".")[0] for name in re.findall(r"^(?:from|import) ([\w.]+)", path.read_text(), re.M)}
    assert names - {"pod", "__future__"} <= set(sys.stdlib_module_names)


def test_the_exporters_start_with_the_packages_of_the_image_alone(tmp_path):
    lines = (TEMPLATE / "requirements-exporters.txt").read_text().splitlines()
    for name in (line.partition("==")[0] for line in lines if not line.startswith("#")):
        for file in distribution(name).files:
            top = distribution(name).locate_file(file.parts[0])
            if not file.parts[0].startswith(".") and not (tmp_path / top.name).exists():
                (tmp_path / top.name).symlink_to(top)
    script = f"import sys; sys.path += [{str(ROOT)!r}, {str(tmp_path)!r}]; import watchdog.cli, pynvml\n"
    script += "import watchdog.exporters.gpu.main, watchdog.exporters.slurm.main"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
