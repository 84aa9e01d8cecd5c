import os
import time

import pytest

from watchdog.exporters.command import Runner
from watchdog.exporters.failure import CollectError


def test_output_and_exit_code_come_back_with_unix_line_ends():
    finished = Runner(5).run(["sh", "-c", r"printf 'a\r\nb\n'; printf oops >&2; exit 3"])
    assert (finished.code, finished.out, finished.err) == (3, "a\nb\n", "oops")


def test_bytes_that_are_no_text_do_not_hurt():
    assert Runner(5).run(["printf", r"\377x"]).out == "\ufffdx"


def test_a_program_that_is_not_there_is_missing():
    with pytest.raises(CollectError) as caught:
        Runner(5).run(["/nowhere/nvidia-smi"])
    assert caught.value.reason == "missing"
    assert "nvidia-smi" in caught.value.hint


def test_a_hanging_program_and_its_children_are_killed(tmp_path):
    pids = tmp_path / "pids"
    begun = time.monotonic()
    with pytest.raises(CollectError) as caught:
        Runner(0.3).run(["sh", "-c", f"echo $$ > {pids}; sleep 60 & echo $! >> {pids}; wait"])
    assert caught.value.reason == "timeout"
    assert time.monotonic() - begun < 10
    for pid in map(int, pids.read_text().split()):
        assert gone(pid)


def test_while_an_unkillable_program_lives_no_second_one_is_started(monkeypatch, tmp_path):
    monkeypatch.setattr("watchdog.exporters.command.os.killpg", lambda *_: None)
    monkeypatch.setattr("watchdog.exporters.command._GRACE_SECONDS", 0.1)
    runner = Runner(0.2)
    with pytest.raises(CollectError, match="no answer"):
        runner.run(["sleep", "2"])
    with pytest.raises(CollectError) as caught:
        runner.run(["touch", str(tmp_path / "started")])
    assert caught.value.reason == "hung"
    assert not (tmp_path / "started").exists()
    stuck = runner._stuck
    stuck.kill()
    stuck.communicate()
    assert runner.run(["true"]).code == 0


def gone(pid):
    """Whether the process ended; one that init has not yet reaped has ended too."""
    for _ in range(50):
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    os.kill(pid, 9)
    return False
