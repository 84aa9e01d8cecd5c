"""Slurm's prolog and epilog: which jobs a GPU works for."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pod import TEMPLATE
from watchdog.exporters.gpu.jobs import read_jobs

SCRIPT = TEMPLATE / "job-map.sh"


def call(folder, context, job, gpus):
    env = {
        "PATH": "/usr/bin:/bin", "WATCHDOG_JOB_MAP": str(folder), "SLURM_JOB_ID": str(job), "SLURM_JOB_GPUS": gpus,
        "SLURM_SCRIPT_CONTEXT": context,
    }  # fmt: skip
    done = subprocess.run([SCRIPT], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def begin(folder, job, gpus):
    call(folder, "prolog_slurmd", job, gpus)


def end(folder, job, gpus):
    call(folder, "epilog_slurmd", job, gpus)


def test_the_exporter_sees_a_job_from_its_prolog_to_its_epilog(tmp_path):
    begin(tmp_path, 7, "0,3")
    assert read_jobs(tmp_path) == {"0": ("7",), "3": ("7",)}
    end(tmp_path, 7, "0,3")
    assert read_jobs(tmp_path) == {}


def test_jobs_that_share_a_gpu_do_not_take_each_other_out(tmp_path):
    for job in (7, 77, 8):
        begin(tmp_path, job, "1")
    begin(tmp_path, 7, "1")
    assert read_jobs(tmp_path) == {"1": ("77", "8", "7")}
    end(tmp_path, 7, "1")
    assert read_jobs(tmp_path) == {"1": ("77", "8")}


@pytest.mark.parametrize(
    ("job", "gpus"),
    [("", "0"), ("7; rm -rf /", "0"), ("7", ""), ("7", "../x"), ("7", "$(id)"), ("7", "MIG-1"), ("x", "0")],
)
def test_anything_else_is_left_alone_and_never_fails_since_that_would_drain_the_node(job, gpus, tmp_path):
    begin(tmp_path, job, gpus)
    assert list(tmp_path.iterdir()) == []
    begin(tmp_path / "gone", "7", "0")


def test_prologs_at_the_same_time_lose_nothing(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda job: begin(tmp_path, job, "0,1"), range(1, 25)))
    assert {len(jobs) for jobs in read_jobs(tmp_path).values()} == {24}


@settings(max_examples=15)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3), st.sets(st.integers(0, 2), min_size=1)), max_size=6))
def test_whatever_comes_the_files_say_who_is_there(tmp_path_factory, steps):
    folder, model = tmp_path_factory.mktemp("jobs"), {}
    for starts, job, gpus in steps:
        (begin if starts else end)(folder, job, ",".join(map(str, sorted(gpus))))
        for gpu in gpus:
            here = model.setdefault(str(gpu), set())
            (here.add if starts else here.discard)(str(job))
    assert {gpu: set(jobs) for gpu, jobs in read_jobs(folder).items()} == {g: j for g, j in model.items() if j}
