"""Every recorded file at hand: text, JSON and REST of the same moment must tell the same."""

import dataclasses
import json
from datetime import timedelta

import pytest

from tests.conftest import SHARED
from watchdog.base.errors import SourceFormatError
from watchdog.model.slurm import job_details, json_accounting, json_jobs, json_nodes, sacct, scontrol, squeue
from watchdog.model.slurm.gres import gpus, gres
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import ENDED, JobState
from watchdog.model.slurm.rows import Marks
from watchdog.model.slurm.states import node_state

RECORDED = SHARED / "fixtures"
LAB = RECORDED / "slurm-lab"
STATES = sorted(LAB.glob("*/[01]*"))
ids = {"ids": lambda path: f"{path.parent.name}-{path.name}"}

# Of our own fields, where they stand in the recorded `squeue -o`; the rest was not asked for.
SQUEUE_O = {
    "JobID": 0, "JobArrayID": 3, "ArrayJobID": 1, "Name": 5, "UserName": 6, "Account": 7, "QOS": 8, "Partition": 4,
    "State": 9, "Reason": 11, "TimeLimit": 13, "NumNodes": 15, "NumCPUs": 16, "tres-per-node": 18, "NodeList": 19,
    "SubmitTime": 24, "StartTime": 22, "EndTime": 23, "PriorityLong": 25, "Dependency": 26,
}  # fmt: skip
COMPARED = [
    "user", "account", "qos", "partition", "state", "reason", "nodes", "node_count", "gpus", "submitted_at",
    "started_at", "ended_at", "expected_start_at", "time_limit_seconds", "dependency", "array_job_id", "name",
]  # fmt: skip


def read(path):
    return path.read_bytes().decode("utf-8", "replace")


def decoded(path):
    return json.loads(read(path), strict=False)


def differences(one, other, fields=None):
    names = fields or [field.name for field in dataclasses.fields(one)]
    return [
        (name, getattr(one, name), getattr(other, name)) for name in names if getattr(one, name) != getattr(other, name)
    ]


def queue_text(folder):
    """The recorded queue in the form that we ask for ourselves; lines with a pipe in a name cannot be told apart."""
    ends, lines = Marks("\x1f", "\x1e"), read(folder / "squeue-o.txt").splitlines()[1:]
    cells = [line.split("|") for line in lines]
    return ends, "".join(
        ends.field.join(row[SQUEUE_O[name]] if name in SQUEUE_O else "" for name in squeue.FIELDS) + ends.row + "\n"
        for row in cells
        if len(row) == 28
    )


@pytest.mark.parametrize("folder", STATES, **ids)
def test_the_queue_in_text_and_in_json_agree(folder):
    problems = Problems()
    ends, text = queue_text(folder)
    in_text = {job.job_id: job for job in squeue.jobs(text, ends, problems)}
    source = folder / "scontrol-job.json"
    in_json = json_jobs.jobs(decoded(source if source.exists() else folder / "squeue.json"), problems)
    compared = [job for job in in_json if job.job_id in in_text]
    assert problems.words() == ()
    assert len(compared) >= 0.8 * sum(not job.array_tasks for job in in_json)
    # The recording asked for one after the other: what was about to happen may have happened in between.
    found = {job.job_id: differences(in_text[job.job_id], job, COMPARED) for job in compared}
    # Recorded without TRES: GPUs are known only where they were asked for on each node.
    found = {job: [row for row in rows if row[:2] != ("gpus", None)] for job, rows in found.items()}
    allowed = {"expected_start_at", "nodes"} | (
        {"state", "ended_at", "reason", "started_at"} if "completing" in folder.name else set()
    )
    # JSON of 22.05 tells the wanted nodes of a waiting job, the text that we compare with does not.
    assert {(job, row) for job, rows in found.items() for row in rows if row[0] not in allowed} == set()


@pytest.mark.parametrize("folder", STATES, **ids)
def test_gpu_places_in_scontrol_and_in_json_agree(folder):
    problems = Problems()
    held = job_details.holds(read(folder / "scontrol-job-d.txt"), problems)
    source = folder / "scontrol-job.json"
    jobs = json_jobs.jobs(decoded(source if source.exists() else folder / "squeue.json"), problems)
    assert problems.words() == ()
    assert {job.raw_id: job.holds for job in jobs if job.holds} == held
    assert all(sum(hold.count for hold in job.holds) == job.gpus for job in jobs if job.holds)


@pytest.mark.parametrize("folder", STATES, **ids)
def test_nodes_in_text_and_in_json_agree(folder):
    problems = Problems()
    in_text = {node.node: node for node in scontrol.nodes(read(folder / "scontrol-node-o.txt"), problems)}
    many_lines = {node.node: node for node in scontrol.nodes(read(folder / "scontrol-node.txt"), problems)}
    source = folder / "scontrol-node.json"
    in_json = json_nodes.nodes(decoded(source if source.exists() else folder / "sinfo.json"), problems)
    assert problems.words() == ()
    assert [node.node for node in in_json] == list(in_text) == list(many_lines)
    # Asked one after the other while a job was completing.
    moving = {"state", "flags", "cpus_allocated", "memory_allocated_bytes", "gpus_allocated", "gpu_indexes_used"}
    fields = [field.name for field in dataclasses.fields(in_json[0])]
    still = [name for name in fields if "completing" not in folder.name or name not in moving]
    assert {node.node: differences(in_text[node.node], node, still) for node in in_json} == {
        name: [] for name in in_text
    }
    without_details = [name for name in still if name not in {"gpu_indexes_used", *moving}]
    assert [row for name, node in many_lines.items() for row in differences(in_text[name], node, without_details)] == []


@pytest.mark.parametrize("folder", [path for path in STATES if (path / "scontrol-partition.json").exists()], **ids)
def test_partitions_in_text_and_in_json_agree(folder):
    problems = Problems()
    in_text = scontrol.partitions(read(folder / "scontrol-partition-o.txt"), problems)
    in_json = json_nodes.partitions(decoded(folder / "scontrol-partition.json"), problems)
    # JSON tells neither the default nor the cluster's own way to preempt.
    found = [row for one, other in zip(in_text, in_json, strict=True) for row in differences(one, other)]
    assert {name for name, *_ in found} == {"is_default", "preempt_mode"}


@pytest.mark.parametrize("version", ["22.05.8", "24.11.5"])
def test_sacct_in_text_and_in_json_agree_but_for_exit_codes(fixtures, version):
    folder, problems = fixtures / "slurm-lab" / version, Problems()
    head, *lines = read(folder / "sacct-D-P.txt").splitlines()
    body = "".join(f"{line}|\n" for line in lines)
    jobs, steps = sacct.records(body, Marks("|", ""), problems, fields=tuple(head.split("|")))
    # One job is named a|b: its row has a field too many, and is counted instead of shifted.
    assert problems.words() == ("a row of sacct had too many or too few fields",)
    json_found, json_steps = json_accounting.records(decoded(folder / "sacct.json"), Problems())
    in_text = {(job.job_id, job.submitted_at): job for job in jobs}
    compared = [job for job in json_found if (job.job_id, job.submitted_at) in in_text]
    assert len(compared) == len(json_found) - 1
    rows = [row for job in compared for row in differences(in_text[job.job_id, job.submitted_at], job)]
    assert {name for name, *_ in rows} - {"exit_code", "signal"} <= {"node_count"}
    in_text = {(step.job_id, step.step_id, step.started_at): step for step in steps}
    rows = [
        row
        for step in json_steps
        for row in differences(in_text.get((step.job_id, step.step_id, step.started_at), step), step)
    ]
    assert {name for name, *_ in rows} <= {"exit_code", "signal"}


def test_pitfall_json_of_22_05_says_0_for_a_failed_job_so_its_exit_code_is_unknown(fixtures):
    problems = Problems()
    jobs, _ = json_accounting.records(decoded(fixtures / "slurm-lab/22.05.8/sacct.json"), problems)
    failed = next(job for job in jobs if job.name == "exit3")
    assert (failed.state, failed.exit_code) == (JobState.FAILED, None)
    assert "exit code is not known" in problems.words()[0]


def test_pitfall_the_raw_wait_status_of_22_05_is_right(fixtures):
    jobs = json_jobs.jobs(decoded(fixtures / "slurm-lab/22.05.8/06-ended/squeue.json"), Problems())
    ends = {job.name: (job.exit_code, job.signal) for job in jobs if job.state in ENDED}
    assert ends["exit3"] == (3, 0)
    assert ends["sig9"] == (0, 9)
    assert ends["oom-real"] == (0, 125)


def test_pitfall_json_of_22_05_shows_finished_jobs_whatever_the_filter_so_states_are_told_apart(fixtures):
    jobs = json_jobs.jobs(decoded(fixtures / "slurm-lab/22.05.8/02-running/squeue.json"), Problems())
    assert {job.state for job in jobs} >= {JobState.RUNNING, JobState.PENDING}
    assert all(job.ended_at is None for job in jobs if job.state not in ENDED)


def test_pitfall_four_of_four_gpus_in_use_is_mixed(fixtures):
    nodes = scontrol.nodes(read(fixtures / "slurm-lab/22.05.8/03-pending/scontrol-node-o.txt"), Problems())
    assert {(node.state, node.gpus, node.gpus_allocated) for node in nodes} == {("MIXED", 4, 4)}


def test_pitfall_gpu_places_need_details(fixtures):
    folder = fixtures / "slurm-lab/22.05.8/03-pending"
    with_details = scontrol.nodes(read(folder / "scontrol-node-o.txt"), Problems())[0]
    without = scontrol.nodes(read(folder / "scontrol-node.txt"), Problems())[0]
    assert with_details.gpu_indexes_used == (0, 1, 2, 3)
    assert (without.gpus_allocated, without.gpu_indexes_used) == (4, ())


def test_pitfall_v0_0_36_reads_a_drained_node_as_idle(fixtures):
    nodes = {}
    for version in (36, 37, 38):
        answer = decoded(fixtures / f"slurm-lab/22.05.8/rest/slurm-v0.0.{version}-nodes.json")
        nodes[version] = {node.node: node for node in json_nodes.nodes(answer, Problems())}
    assert all("DRAIN" in found["gn004"].flags and not found["gn004"].takes_work for found in nodes.values())
    assert nodes[37] == nodes[38]


def test_pitfall_a_refusal_of_slurmrestd_has_an_empty_list_and_no_jobs_are_made_up(fixtures):
    answer = decoded(fixtures / "slurm-lab/22.05.8/rest/error-bad-token.json")
    assert json_jobs.jobs(answer, Problems()) == ()
    with pytest.raises(SourceFormatError):
        json_jobs.jobs("Authentication failure", Problems())


@pytest.mark.parametrize("version", ["22.05.8", "24.11.5"])
def test_all_api_versions_tell_the_same_jobs(fixtures, version):
    files = sorted((fixtures / "slurm-lab" / version / "rest").glob("slurm-v0.0.*-jobs.json"))
    answers = [{job.job_id: job for job in json_jobs.jobs(decoded(path), Problems())} for path in files]
    assert len(answers) == 3
    newest = answers[-1]
    # Before v0.0.38 the user is told by number only; new jobs came while the answers were recorded.
    rows = [
        row for old in answers[:-1] for name in set(old) & set(newest) for row in differences(old[name], newest[name])
    ]
    assert {name for name, *_ in rows} <= {"user"}


@pytest.mark.parametrize("version", ["22.05.8", "24.11.5"])
def test_all_api_versions_tell_the_same_accounting(fixtures, version):
    # Before v0.0.38 the start is when a job could have started.
    files = sorted((fixtures / "slurm-lab" / version / "rest").glob("slurmdb-v0.0.*-jobs.json"))
    answers = [json_accounting.records(decoded(path), Problems())[0] for path in files]
    known = [{(job.job_id, job.submitted_at): job for job in jobs if job.state in ENDED} for jobs in answers]
    rows = [
        row
        for old in known[:-1]
        for name in set(old) & set(known[-1])
        for row in differences(old[name], known[-1][name])
    ]
    assert {name for name, *_ in rows} <= ({"started_at", "reason"} if version == "22.05.8" else set())


def test_a_requeued_attempt_keeps_its_start_and_end(fixtures):
    head, *lines = read(fixtures / "slurm-lab/22.05.8/sacct-D-P.txt").splitlines()
    body = "".join(f"{line}|\n" for line in lines)
    jobs, _ = sacct.records(body, Marks("|", ""), Problems(), fields=tuple(head.split("|")))
    attempts = [job for job in jobs if job.job_id == "49"]
    assert [job.state for job in attempts] == [JobState.REQUEUED, JobState.CANCELLED]
    assert attempts[0].ended_at - attempts[0].started_at <= timedelta(seconds=1)


@pytest.mark.parametrize(
    "path", sorted((RECORDED / "slurm-SckyzO").rglob("scontrol_nodes.txt")), ids=lambda p: p.parent.name
)
def test_nodes_of_other_clusters_are_read(path):
    problems = Problems()
    nodes = scontrol.nodes(read(path), problems)
    assert len(nodes) == read(path).count("NodeName=")
    assert problems.words() == ()
    assert all(node.cpus and node.memory_bytes and node.version for node in nodes)


def test_a_reservation_and_a_reason_on_one_line_are_told_apart(fixtures):
    node = scontrol.nodes(read(fixtures / "slurm-SckyzO/test_data/scontrol_nodes.txt"), Problems())[0]
    assert (node.reason, node.reason_by) == ("planned_maintenance", "root")
    assert node.flags >= {"DRAIN", "MAINTENANCE", "RESERVED", "DYNAMIC_NORM"}


def test_gpu_lists_of_sinfo_from_20_11_to_26_05_are_read(fixtures):
    files = sorted((fixtures / "slurm-SckyzO/test_data").rglob("*gpus*.txt"))
    words = {word for path in files for word in read(path).split() if "gpu:" in word}
    assert len(words) >= 10
    for word in words:
        count, kinds, indexes = gpus(gres(word))
        assert kinds
        assert not indexes or len(indexes) == count


def test_node_states_of_sinfo_are_all_known(fixtures):
    lines = read(fixtures / "slurm-SckyzO/test_data/gpus_snapshot.txt").splitlines()
    states = {line.split()[1] for line in lines if line.strip()}
    assert {node_state(state)[0] for state in states} <= {"IDLE", "MIXED", "ALLOCATED", "DOWN"}
    assert node_state("drained*") == ("IDLE", frozenset({"DRAIN", "NOT_RESPONDING"}))


def test_job_details_of_a_large_site_are_read(fixtures):
    folder = fixtures / "meta-gcm/shelper/testdata"
    wide = job_details.holds(read(folder / "scontrol_out_multi_node.txt"), Problems())[8401413]
    assert (len(wide), sum(hold.count for hold in wide)) == (8, 64)
    some = job_details.holds(read(folder / "scontrol_out_some_gpus.txt"), Problems())
    assert some[30214][0].indexes == (0, 1, 2, 3)
    assert job_details.holds(read(folder / "scontrol_out_no_gpus.txt"), Problems()) == {}


def test_partitions_of_a_large_site_are_read(fixtures):
    parts = scontrol.partitions(read(fixtures / "meta-gcm/gcm/tests/data/sample-scontrol-output.txt"), Problems())
    assert (parts[0].partition, len(parts[0].nodes), parts[0].max_time_seconds) == ("partition1", 3140, 259_200)
    assert (parts[1].max_nodes, parts[1].default_time_seconds) == (64, None)


@pytest.mark.parametrize("name", ["one-multiline", "multiple-multiline", "fake-line-break"])
def test_sacct_of_a_large_site_with_newlines_in_its_fields_is_read_or_counted(fixtures, name):
    head, _, body = read(fixtures / f"meta-gcm/gcm/tests/data/sample-sacct-{name}.txt").partition("\n")
    fields, problems = tuple(head.split("|#")), Problems()
    # Recorded with -P, which leaves out the mark at the end of a row.
    rows = "".join(f"{line}|#\n" for line in body.splitlines())
    jobs, steps = sacct.records(rows, Marks("|#", ""), problems, fields=fields)
    assert jobs or steps or problems.words()


def test_json_of_21_08_is_read(fixtures):
    folder, problems = fixtures / "slurm-rivosinc/exporter/fixtures", Problems()
    jobs = json_jobs.jobs(decoded(folder / "squeue_out.json"), problems)
    nodes = json_nodes.nodes(decoded(folder / "sinfo_out.json"), problems)
    assert (jobs[0].nodes, jobs[0].features) == (("cs75",), "a100-80gb&preemptible&gpu-1")
    assert nodes[0].node == "cs2.example.company.com"
    assert nodes[0].cpus_allocated == 4


def test_slurmrestd_of_22_05_9_is_read(fixtures):
    folder, problems = fixtures / "telegraf/plugins/inputs/slurm/testcases/gather/responses", Problems()
    assert len(json_jobs.jobs(decoded(folder / "jobs.json"), problems)) == 3
    assert len(json_nodes.nodes(decoded(folder / "nodes.json"), problems)) == 3
    assert len(json_nodes.partitions(decoded(folder / "partitions.json"), problems)) == 1
    assert problems.words() == ()
