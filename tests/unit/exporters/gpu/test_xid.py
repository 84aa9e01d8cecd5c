from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOON
from watchdog.exporters.gpu.xid import Xid, XidCounter, parse_xid


@pytest.mark.parametrize(
    ("line", "xid"),
    [
        ("NVRM: Xid (PCI:0000:53:00): 79, pid=1234, name=python, GPU has fallen off the bus.", Xid((0, 0x53, 0), 79)),
        ("NVRM: Xid (PCI:0000:9b:00): 119, pid=2024380, name=nvidia-smi, Timeout after 6s", Xid((0, 0x9B, 0), 119)),
        ("NVRM: Xid (0000:03:00): 8, Channel 00000010", Xid((0, 3, 0), 8)),
        ("NVRM: Xid (PCI:00010001:01:00.0): 48, pid='<unknown>'", Xid((0x10001, 1, 0), 48)),
        ("[12.3] nvidia: NVRM: Xid (PCI:0000:53:00): 13, Graphics SM Warp Exception", Xid((0, 0x53, 0), 13)),
        ("NVRM: Xid (PCI:0000:53:00): 79", Xid((0, 0x53, 0), 79)),
    ],
)
def test_lines_of_the_driver_are_read(line, xid):
    assert parse_xid(line) == xid


@pytest.mark.parametrize(
    "line",
    [
        "nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 00 LTSSM Fault Up",
        "NVRM: GPU at PCI:0000:53:00: GPU-9dcb4a26",
        "NVRM: Xid (PCI:zz:53:00): 79",
        "NVRM: Xid (PCI:0000:53:00): , pid=1",
        "NVRM: Xid (PCI:0000:53:00): 1234567",
        "",
    ],
)
def test_other_lines_are_not(line):
    assert parse_xid(line) is None


@given(st.text())
def test_no_line_makes_the_parser_stumble(line):
    parse_xid(line)
    parse_xid(f"NVRM: Xid ({line}): 79")


@given(st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 31), st.integers(0, 999), st.text())
def test_any_address_and_code_is_found(domain, bus, device, code, tail):
    line = f"NVRM: Xid (PCI:{domain:04x}:{bus:02x}:{device:02x}): {code}, {tail}"
    assert parse_xid(line) == Xid((domain, bus, device), code)


def test_recorded_kernel_logs_give_their_xids(fixtures):
    text = (fixtures / "gpud/components/accelerator/nvidia/xid/testdata/dmesg-with-xid-119.log").read_text()
    found = [xid for xid in map(parse_xid, text.splitlines()) if xid]
    assert len(found) == text.count("NVRM: Xid (") >= 5
    assert {xid.code for xid in found} == {119}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(0, 100))))
def test_counts_and_last_times_are_those_of_the_events(events):
    counter = XidCounter()
    for bus, code, second in events:
        counter.add(Xid((0, bus, 0), code), NOON + timedelta(seconds=second))
    expected = {}
    for bus, code, second in events:
        expected.setdefault((bus, code), []).append(second)
    assert {(t.bus[1], t.code): (t.count, t.last_at) for t in counter.tallies()} == {
        key: (len(seconds), NOON + timedelta(seconds=max(seconds))) for key, seconds in expected.items()
    }


def test_an_address_is_written_as_nvidia_smi_writes_it():
    counter = XidCounter()
    counter.add(Xid((0, 0x9B, 0), 79), datetime(2026, 1, 1, tzinfo=UTC))
    assert counter.tallies()[0].pci_bus_id == "00000000:9B:00.0"
