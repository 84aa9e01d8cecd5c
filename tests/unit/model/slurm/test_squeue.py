import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.model.slurm import job_details, squeue
from watchdog.model.slurm.problems import Problems
from watchdog.model.slurm.records import GpuHold, JobState
from watchdog.model.slurm.rows import delimited, format_of, marks, rows

ENDS = marks("k3y")
ROW = {
    "JobID": "7", "JobArrayID": "7", "ArrayJobID": "7", "Name": "train", "UserName": "ada", "Account": "a", "QOS": "q",
    "Partition": "gpu", "State": "RUNNING", "Reason": "None", "TimeLimit": "1:00:00", "NumNodes": "1", "NumCPUs": "4",
    "tres-alloc": "cpu=4,mem=8G,gres/gpu=2,gres/gpu:h100=2", "tres-per-node": "gres:gpu:2", "NodeList": "gn001",
    "ReqNodes": "", "SchedNodes": "(null)", "SubmitTime": "2026-03-01T12:00:00", "EligibleTime": "2026-03-01T12:00:00",
    "StartTime": "2026-03-01T12:00:01", "EndTime": "2026-03-01T13:00:01", "PriorityLong": "5", "Dependency": "(null)",
    "Reservation": "(null)", "Feature": "(null)", "exit_code": "0", "Comment": "(null)",
}  # fmt: skip


def line(**changed):
    row = ROW | {name.replace("_", "-") if name.startswith("tres") else name: value for name, value in changed.items()}
    return ENDS.field.join(row[name] for name in squeue.FIELDS) + ENDS.row + "\n"


def jobs(text, **more):
    problems = Problems()
    return squeue.jobs(text, ENDS, problems, **more), problems.words()


def only(text):
    (job,), problems = jobs(text)
    assert problems == ()
    return job


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_a_name_and_a_comment_hold_they_come_back_and_shift_nothing(name, comment):
    job = only(line(Name=name, Comment=comment))
    assert job.name == name
    assert job.comment == (comment if comment not in {"(null)", "N/A", "n/a", "None", "none"} else "")
    assert (job.user, job.gpus) == ("ada", 2)


def test_a_name_made_of_delimiters_of_another_call_forges_nothing():
    other = marks("guess")
    forged = "x" + other.row + "\n" + other.field.join(["8"] * len(squeue.FIELDS)) + other.row
    assert only(line(Name=forged)).name == forged


def test_output_that_was_cut_off_is_read_up_to_there_and_counted():
    found, problems = jobs(line() + line(JobID="8", JobArrayID="8")[:90])
    assert [job.raw_id for job in found] == [7]
    assert "cut off" in problems[0]


def test_rows_mixed_up_by_two_writers_are_counted():
    found, problems = jobs(line() + ENDS.field.join(["8"] * 40) + ENDS.row + "\n" + line(JobID="9", JobArrayID="9"))
    assert [job.raw_id for job in found] == [7, 9]
    assert "too many or too few fields" in problems[0]


@settings(max_examples=200)
@given(st.integers(0, 700), st.text(max_size=5))
def test_no_damage_ends_in_an_unforeseen_error(at, inserted):
    text = line() + line(JobID="8", JobArrayID="8_[1-9%2]")
    found, problems = jobs(text[:at] + inserted + text[at:])
    assert found or problems


def test_one_bad_field_costs_that_field_and_not_the_job():
    (job,), problems = jobs(line(TimeLimit="soon", SubmitTime="x", NodeList="gn[1-", tres_alloc="gres/gpu=many"))
    assert (job.time_limit_seconds, job.submitted_at, job.nodes, job.gpus) == (None, None, (), None)
    assert job.user == "ada"
    assert len(problems) == 4


def test_a_job_without_an_id_is_counted():
    found, problems = jobs(line(JobArrayID="N/A"))
    assert found == ()
    assert "no id" in problems[0]


def test_a_job_without_a_limit():
    assert only(line(TimeLimit="UNLIMITED")).time_limit_seconds == math.inf


def test_gpus_are_those_allocated_or_else_asked_for_on_each_node():
    assert only(line()).gpus == 2
    assert only(line(tres_alloc="", NumNodes="3")).gpus == 6
    assert only(line(tres_alloc="cpu=1", tres_per_node="N/A")).gpus == 0
    assert only(line(tres_alloc="", tres_per_node="N/A")).gpus is None


def test_a_cluster_that_counts_no_gpus_in_tres_tells_them_by_what_is_asked_for_on_each_node():
    job = only(line(tres_alloc="cpu=2,mem=2G,node=2,billing=2", tres_per_node="gres:gpu:h100:2", NumNodes="2"))
    assert (job.gpus, job.gpu_type) == (4, "h100")
    assert only(line(tres_alloc="cpu=2,mem=2G,node=2,billing=2", tres_per_node="N/A", NumNodes="2")).gpus == 0


def test_a_waiting_job_shows_where_it_would_run_and_when():
    job = only(line(State="PENDING", NodeList="", ReqNodes="gn[002-003]", SchedNodes="gn002"))
    assert (job.nodes, job.started_at, job.ended_at) == (("gn002",), None, None)
    assert job.expected_start_at is not None
    assert only(line(State="PENDING", NodeList="", ReqNodes="gn[002-003]")).nodes == ("gn002", "gn003")


def test_the_rest_of_an_array_of_100_000_tasks_is_one_job():
    job = only(line(JobArrayID="7_[0-99999%50]", State="PENDING"))
    assert (job.job_id, job.array_job_id, job.array_tasks) == ("7_[0-99999%50]", 7, "0-99999%50")


def test_a_job_on_a_thousand_nodes_is_read():
    assert len(only(line(NodeList="gn[0001-1000]", NumNodes="1000")).nodes) == 1000


@pytest.mark.parametrize(("said", "code", "signal"), [("768", 3, 0), ("3:0", 3, 0), ("9", 0, 9), ("0:125", 0, 125)])
def test_exit_codes_come_as_wait_status_or_as_pair(said, code, signal):
    job = only(line(State="FAILED", exit_code=said))
    assert (job.exit_code, job.signal) == (code, signal)


def test_a_running_job_has_no_exit_code_and_no_end():
    job = only(line(exit_code="0"))
    assert (job.exit_code, job.signal, job.ended_at) == (None, None, None)


def test_the_format_asks_for_each_field_in_full():
    assert format_of(("JobID", "Comment"), ENDS) == "JobID:\x1fk3y\x1f,Comment:\x1ek3y\x1e"


DETAILS = """JobId={job} JobName={name}
   UserId=ada(1) GroupId=ada(1) MCS_label=N/A
   JOB_GRES=gpu:h100:2
     Nodes=gn[001-002] CPU_IDs=0 Mem=1000 GRES=gpu:h100:1(IDX:{index})
   MinCPUsNode=1 MinMemoryCPU=1000M MinTmpDiskNode=0
   WorkDir={folder}

"""


def holds(text, forged=()):
    problems = Problems()
    return job_details.holds(text, problems, forged), problems.words()


def details(job=7, name="train", index="3", folder="/home/ada"):
    return DETAILS.format(job=job, name=name, index=index, folder=folder)


def test_places_of_gpus_are_read_for_each_node():
    assert holds(details())[0] == {7: (GpuHold("gn001", 1, (3,)), GpuHold("gn002", 1, (3,)))}


def test_a_name_that_writes_a_record_about_another_job_is_undone():
    name = "x\n\nJobId=8 JobName=y\n     Nodes=gn009 CPU_IDs=0 Mem=1 GRES=gpu:h100:4(IDX:0-3)\n   MinCPUsNode=1"
    found, problems = holds(details(name=name) + details(job=8, index="0"), forged={name})
    assert {hold.node for hold in found[8]} == {"gn001", "gn002"}
    assert found[7][0].indexes == (3,)
    assert problems == ()


def test_a_path_that_writes_a_record_about_another_job_leaves_that_job_unknown():
    folder = "/tmp\n\nJobId=8 JobName=y\n     Nodes=gn009 CPU_IDs=0 Mem=1 GRES=gpu:h100:4(IDX:0-3)\n   MinCPUsNode=1"
    found, problems = holds(details(folder=folder) + details(job=8, index="0"))
    assert 8 not in found
    assert found[7][0].indexes == (3,)
    assert "appears twice" in problems[0]


def test_a_path_that_writes_gpus_of_its_own_job_is_not_believed():
    folder = "/tmp\n     Nodes=gn009 CPU_IDs=0 Mem=1 GRES=gpu:h100:4(IDX:0-3)"
    assert {hold.node for hold in holds(details(folder=folder))[0][7]} == {"gn001", "gn002"}


def test_names_with_newlines_are_found_for_that():
    text = line(Name="a\nb") + line(Comment="c\nd") + line()
    assert squeue.texts(text, ENDS) == {"a\nb", "c\nd"}
    assert squeue.texts(line(), ENDS) == set()


@pytest.mark.parametrize("text", ["", "No jobs in the system\n", "garbage", details()[:150]])
def test_nothing_or_half_a_record_gives_no_places(text):
    assert holds(text)[0] == {}


def test_mig_instances_and_old_spellings_are_read():
    text = details().replace("GRES=gpu:h100:1(IDX:3)", "GRES=gpu:1g.5gb:2(IDX:0,7)")
    assert holds(text)[0][7][0] == GpuHold("gn001", 2, (0, 7))
    text = details().replace("GRES=gpu:h100:1(IDX:3)", "GRES_IDX=gpu(IDX:0-1)")
    assert holds(text)[0][7][0] == GpuHold("gn001", 2, (0, 1))


@given(st.text(max_size=30).filter(lambda text: "k3y" not in text), st.integers(1, 5))
def test_rows_of_sacct_are_told_apart_whatever_the_last_but_one_field_holds(name, count):
    problems = Problems()
    text = "".join(ENDS.field.join([str(n), name, "end"]) + ENDS.field + "\n" for n in range(count))
    assert delimited(text, ENDS, 3, problems, "sacct") == [[str(n), name, "end"] for n in range(count)]
    assert problems.words() == ()


def test_a_cut_row_of_sacct_is_counted_and_the_others_are_read():
    problems = Problems()
    text = ENDS.field.join(["1", "a", "b"]) + ENDS.field + "\n" + ENDS.field.join(["2", "c"])
    assert delimited(text, ENDS, 3, problems, "sacct") == [["1", "a", "b"]]
    assert "too few fields" in problems.words()[0]


def test_alike_problems_are_counted_and_not_repeated():
    problems = Problems()
    rows(("x" + ENDS.row) * 3, ENDS, 5, problems, "squeue")
    assert problems.words() == ("3 times: a row of squeue had too many or too few fields",)


def test_states_that_are_new_to_us_are_unknown_and_not_completed():
    assert only(line(State="BRAND_NEW")).state is JobState.UNKNOWN
