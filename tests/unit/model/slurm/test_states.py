import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.model.slurm.records import JobState, Node
from watchdog.model.slurm.states import job_state, job_state_of, node_state, node_state_of


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("RUNNING", "RUNNING"),
        ("R", "RUNNING"),
        ("PD", "PENDING"),
        ("CANCELLED by 1000", "CANCELLED"),
        ("CANCELLED+", "CANCELLED"),
        ("CANCELLED+COMPLETING", "COMPLETING"),
        ("CG", "COMPLETING"),
        ("OOM", "OUT_OF_MEMORY"),
        ("REQUEUE_HOLD", "PENDING"),
        ("SPECIAL_EXIT", "PENDING"),
        ("RESIZING", "RUNNING"),
        ("STOPPED", "SUSPENDED"),
        ("REVOKED", "CANCELLED"),
        ("NF", "NODE_FAIL"),
        ("SOMETHING_NEW", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_job_states_are_read_long_and_short(text, state):
    assert job_state(text) is JobState(state)


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (["RUNNING"], "RUNNING"),
        (["CANCELLED", "COMPLETING"], "COMPLETING"),
        (["RUNNING", "CONFIGURING"], "CONFIGURING"),
        (["PENDING", "REQUEUED"], "REQUEUED"),
        (["RUNNING", "POWER_UP_NODE"], "RUNNING"),
        (["CANCELLED"], "CANCELLED"),
        ([], "UNKNOWN"),
    ],
)
def test_a_flag_of_a_job_wins_over_its_state_as_in_text(words, state):
    assert job_state_of(words) is JobState(state)


@pytest.mark.parametrize(
    ("text", "base", "flags"),
    [
        ("IDLE", "IDLE", set()),
        ("IDLE+DRAIN", "IDLE", {"DRAIN"}),
        ("MIXED+DRAIN+DYNAMIC_NORM+MAINTENANCE", "MIXED", {"DRAIN", "DYNAMIC_NORM", "MAINTENANCE"}),
        ("MIXED+NOT_RESPONDING", "MIXED", {"NOT_RESPONDING"}),
        ("DOWN*+DRAIN", "DOWN", {"NOT_RESPONDING", "DRAIN"}),
        ("down*", "DOWN", {"NOT_RESPONDING"}),
        ("idle~", "IDLE", {"POWERED_DOWN"}),
        ("idle#", "IDLE", {"POWERING_UP"}),
        ("idle!", "IDLE", {"POWER_DOWN"}),
        ("idle%", "IDLE", {"POWERING_DOWN"}),
        ("idle$", "IDLE", {"MAINTENANCE"}),
        ("idle@", "IDLE", {"REBOOT_REQUESTED"}),
        ("idle^", "IDLE", {"REBOOT_ISSUED"}),
        ("mix-", "MIXED", {"PLANNED"}),
        ("mixed-", "MIXED", {"PLANNED"}),
        ("alloc", "ALLOCATED", set()),
        ("drng", "MIXED", {"DRAIN"}),
        ("draining", "MIXED", {"DRAIN"}),
        ("drained*", "IDLE", {"DRAIN", "NOT_RESPONDING"}),
        ("drain", "IDLE", {"DRAIN"}),
        ("maint", "IDLE", {"MAINTENANCE"}),
        ("resv", "IDLE", {"RESERVED"}),
        ("reserved", "IDLE", {"RESERVED"}),
        ("plnd", "IDLE", {"PLANNED"}),
        ("inval", "IDLE", {"INVALID_REG"}),
        ("comp", "IDLE", {"COMPLETING"}),
        ("IDLE+CLOUD+POWER", "IDLE", {"CLOUD", "POWERED_DOWN"}),
        ("", "UNKNOWN", set()),
    ],
)
def test_node_states_are_read_in_every_spelling(text, base, flags):
    assert node_state(text) == (base, frozenset(flags))


@pytest.mark.parametrize("text", ["reticulating", "n/a", "IDEL+FRIED", "*?"])
def test_a_word_that_slurm_does_not_have_is_an_unknown_state_and_never_an_idle_node(text):
    base, flags = node_state(text)
    assert base == "UNKNOWN"
    assert not Node("n1", base, flags).takes_work


def test_a_list_of_node_states_reads_as_its_text():
    assert node_state_of(["IDLE", "DRAIN"]) == node_state("IDLE+DRAIN")
    assert node_state_of(["idle", "DRAIN"]) == node_state("IDLE+DRAIN")


@given(st.text(max_size=30))
def test_no_text_ends_in_an_unforeseen_error(text):
    assert isinstance(job_state(text), JobState)
    base, flags = node_state(text)
    assert base
    assert "" not in flags
