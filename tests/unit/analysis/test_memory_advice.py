"""Memory asked and used, in words, and the line that would have been enough."""

import pytest

from tests.conftest import NOON
from tests.unit.slurm_rows import HOUR, held, history, inventory, steps
from watchdog.analysis.advice import advice
from watchdog.analysis.efficiency import gpu_use, held_spans, sample_readings
from watchdog.analysis.job_efficiency import job_efficiency
from watchdog.analysis.memory_advice import memory_words
from watchdog.model.frames import SAMPLES

GIB = 2.0**30


def told(used, *, step_id="batch", gpus=0, **job):
    """What is said of a completed job whose step used so much memory."""
    row = {"job_id": "7", "started_at": NOON - HOUR, "ended_at": NOON, "state": "COMPLETED", "cpus": 8, "node_count": 1}
    table = history({**row, "memory_bytes": 64 * GIB, **job})
    places = [(f"n{n % max(int(table['node_count'].iloc[0]), 1)}", n) for n in range(gpus)]
    holds = held_spans(table, held("7", *places), inventory(), NOON)
    step = {"job_id": "7", "step_id": step_id, "name": "x", "state": "COMPLETED", "max_memory_bytes": used}
    found = table.iloc[0].to_dict()
    answer = job_efficiency(found, gpu_use(holds, sample_readings(SAMPLES.empty())), steps(step), {}, NOON)
    tips = [tip for tip in advice(found, answer) if "memory" in tip.text]
    return memory_words(found, answer).replace("\u00a0", " "), [tip.line for tip in tips], tips


def test_a_script_without_steps_is_all_that_ran_so_its_memory_is_the_line():
    words, lines, _ = told(8 * GIB)
    assert words == "It used 8.0 GiB of the 64.0 GiB of memory that it asked for (12 %)."
    assert lines == ["#SBATCH --mem=10G"]


def test_with_several_gpus_the_line_is_a_share_for_each_with_one_task_a_gpu():
    words, lines, tips = told(4 * GIB, step_id="0", gpus=4)
    assert words == "Its largest task used 4.0 GiB of the 64.0 GiB of memory that it asked for (6 %)."
    assert lines == ["#SBATCH --mem-per-gpu=5G"]
    assert "16.0\u00a0GiB a GPU. With one task a GPU this is enough" in tips[0].text


def test_a_task_that_needs_its_share_of_a_gpu_is_left_alone():
    assert told(12 * GIB, step_id="0", gpus=4)[1] == []


def test_tasks_beside_each_other_without_gpus_give_no_line():
    assert told(4 * GIB, step_id="0")[1] == []
    assert told(4 * GIB, step_id="0", cpus=1)[1] == ["#SBATCH --mem=5G"]


def test_memory_of_a_job_on_several_nodes_is_that_of_one_node():
    words, lines, _ = told(4 * GIB, step_id="0", gpus=8, node_count=2, memory_bytes=128 * GIB)
    assert words == "Its largest task used 4.0 GiB of the 64.0 GiB of memory that it asked for on each node (6 %)."
    assert lines == ["#SBATCH --mem-per-gpu=5G"]
    assert told(4 * GIB, gpus=2, node_count=2, memory_bytes=128 * GIB)[1] == ["#SBATCH --mem=5G"]


def test_a_script_over_several_nodes_is_not_all_that_ran():
    assert told(4 * GIB, gpus=0, node_count=2)[1] == []


@pytest.mark.parametrize("job", [{"state": "FAILED"}, {"state": "RUNNING", "ended_at": None}, {"memory_bytes": None}])
def test_nothing_is_advised_of_a_job_that_did_not_complete_or_whose_request_is_not_known(job):
    assert told(4 * GIB, **job)[1] == []


def test_what_accounting_does_not_tell_is_not_known():
    words, lines, _ = told(None)
    assert words == "How much memory it used is not known: Slurm's accounting tells it of steps that have ended."
    assert lines == []
    assert told(4 * GIB, memory_bytes=None)[0].endswith("how much it asked for is not known.")
    assert told(4 * GIB, memory_bytes=0.0)[0].endswith("how much it asked for is not known.")
