"""Daemons that end, that wait, that will not stop."""

import getpass
import io
import os
import signal
import time

import pytest
from pod.log import Log
from pod.supervisor import Service, Supervisor, pause

ME = getpass.getuser()


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def make(stream):
    made = []

    def supervisor(*services, clock=time.monotonic, secrets=()):
        made.append(Supervisor(services, Log("head", secrets, stream), clock))
        return made[-1]

    yield supervisor
    for each in made:
        each.stop()


def service(script, name="d", **more):
    return Service(name, ("sh", "-c", script), {"PATH": "/usr/bin:/bin"}, user=ME, **more)


def until(true):
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_pauses_double_up_to_half_a_minute():
    assert [pause(n) for n in range(9)] == [0.5, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pause(10_000) == 30


def ended(supervisor):
    def check():
        supervisor.tick()
        return supervisor.states()[0].state == "pausing"

    return check


def test_one_that_ends_is_started_again_later_and_later(make, stream):
    clock = Clock()
    supervisor = make(service("exit 3"), clock=clock)
    for wait in (0.5, 1, 2):
        until(ended(supervisor))
        clock.now += wait - 0.1
        supervisor.tick()
        assert supervisor.states()[0].state == "pausing"
        clock.now += 0.2
    assert supervisor.states()[0].last_end == "ended with code 3"
    assert supervisor.states()[0].restarts == 2
    assert "next start in 2 s" in stream.getvalue()


def test_one_that_lived_long_is_started_again_at_once(make):
    clock = Clock()
    supervisor = make(service("exec sleep 60"), clock=clock)
    for _ in range(3):
        until(lambda: supervisor.tick() or supervisor.states()[0].state == "running")
        clock.now += 60
        os.kill(supervisor.states()[0].pid, signal.SIGKILL)
        until(ended(supervisor))
        clock.now += 0.6
    assert supervisor.states()[0].last_end == "was ended by SIGKILL"


def test_one_that_crashed_is_settled_only_when_it_has_run_for_half_a_minute(make):
    clock = Clock()
    supervisor = make(service("exec sleep 60"), clock=clock)
    supervisor.tick()
    assert supervisor.states()[0].settled
    os.kill(supervisor.states()[0].pid, signal.SIGKILL)
    until(ended(supervisor))
    clock.now += 0.6
    supervisor.tick()
    assert (supervisor.states()[0].state, supervisor.states()[0].settled) == ("running", False)
    clock.now += 29
    assert not supervisor.states()[0].settled
    clock.now += 1
    assert supervisor.states()[0].settled


def test_one_waits_for_what_it_needs(make):
    there = []
    supervisor = make(service("exec sleep 60", ready=lambda: bool(there)))
    supervisor.tick()
    assert supervisor.states()[0].state == "waiting"
    there.append(1)
    supervisor.tick()
    assert supervisor.states()[0].state == "running"
    assert supervisor.states()[0].restarts == 0


def test_one_that_cannot_be_started_is_no_reason_to_stop_the_others(make):
    supervisor = make(Service("gone", ("/no/such/program",), {}, user=ME), service("exec sleep 60"))
    supervisor.tick()
    assert [state.state for state in supervisor.states()] == ["pausing", "running"]
    assert "No such file" in supervisor.states()[0].last_end
    nobody = make(Service("who", ("true",), {}, user="no-such-user"))
    nobody.tick()
    assert "no-such-user" in nobody.states()[0].last_end


def test_what_a_dead_daemon_left_behind_is_ended_with_it(make, tmp_path):
    child = tmp_path / "child"
    supervisor = make(service(f"sleep 60 & echo $! > {child}; kill -9 $$"))
    until(ended(supervisor))
    until(lambda: not alive(int(child.read_text())))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_the_last_is_stopped_first_and_who_does_not_obey_is_killed(make, stream, tmp_path):
    log = tmp_path / "order"
    obeys = f"trap 'echo $0 >> {log}; exit 0' TERM; echo up; while :; do sleep 0.02; done"
    supervisor = make(
        Service("a", ("sh", "-c", obeys, "a"), {"PATH": "/usr/bin:/bin"}, user=ME),
        service("trap '' TERM; echo up; while :; do sleep 0.02; done", "stubborn", stop_seconds=0.2),
        Service("b", ("sh", "-c", obeys, "b"), {"PATH": "/usr/bin:/bin"}, user=ME),
    )
    supervisor.tick()
    until(lambda: stream.getvalue().count("| up") == 3)
    supervisor.stop()
    assert log.read_text().split() == ["b", "a"]
    assert "stubborn did not stop within 0.2 s: SIGKILL" in stream.getvalue()
    supervisor.tick()
    assert all(state.pid is None for state in supervisor.states())


def test_output_is_one_line_a_message_with_role_and_name_and_without_secrets(make, stream):
    supervisor = make(
        service("printf 'one\\ntwo sesame \\033[31mred\\r\\nlast'; printf '%050000d' 7; exec sleep 60"),
        secrets=("sesame",),
    )
    supervisor.tick()
    until(lambda: stream.getvalue().count("\n") >= 6)
    lines = [line for line in stream.getvalue().splitlines() if " d | " in line]
    assert lines[:2] == ["head d | one", "head d | two [secret] ?[31mred"]
    assert all(len(line) < 17_000 for line in lines)


def test_a_daemon_sees_its_own_environment_and_nothing_of_ours(make, stream, monkeypatch):
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    supervisor = make(service("env; exec sleep 60"))
    supervisor.tick()
    until(lambda: "PATH=" in stream.getvalue())
    assert "SECRET_OF_OURS" not in stream.getvalue()
