import os
import time
from datetime import timedelta

from tests.conftest import NOON
from watchdog.base.clock import FakeClock
from watchdog.exporters.gpu.kmsg import KernelLog
from watchdog.exporters.gpu.xid import Xid

RECORD = "4,1520,60000000,-;NVRM: Xid (PCI:0000:53:00): {0}, pid=1, name=python, GPU has fallen off the bus.\n"


def follow(path, boot_seconds=100.0):
    seen = []
    log = KernelLog(lambda xid, at: seen.append((xid, at)), FakeClock(NOON), str(path), lambda: boot_seconds)
    return log, seen


def wait_for(condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within 3 s")


def test_xids_from_before_the_start_count_with_their_own_time(tmp_path):
    path = tmp_path / "kmsg"
    path.write_text("6,1,5,-;Linux version\n" + RECORD.format(79) + " SUBSYSTEM=pci\n")
    log, seen = follow(path)
    assert log.start()
    wait_for(lambda: seen)
    log.stop()
    assert seen == [(Xid((0, 0x53, 0), 79), NOON - timedelta(seconds=40))]


def test_new_lines_are_seen_as_they_come(tmp_path):
    path = tmp_path / "kmsg"
    os.mkfifo(path)
    keep = os.open(path, os.O_RDWR)
    log, seen = follow(path)
    assert log.start()
    os.write(keep, RECORD.format(48).encode())
    wait_for(lambda: len(seen) == 1)
    os.write(keep, b"6,3,1,-;\xff broken\n" + RECORD.format(63).encode())
    wait_for(lambda: len(seen) == 2)
    log.stop()
    os.close(keep)
    assert [xid.code for xid, _ in seen] == [48, 63]


def test_a_record_without_a_time_happened_now(tmp_path):
    path = tmp_path / "kmsg"
    path.write_text("garbage;NVRM: Xid (PCI:0000:53:00): 13, x\n")
    log, seen = follow(path)
    log.start()
    wait_for(lambda: seen)
    log.stop()
    assert seen[0][1] == NOON


def test_a_log_that_may_not_be_read_is_said_and_nothing_starts(tmp_path):
    log, _ = follow(tmp_path / "none")
    assert not log.start()
    log.stop()
