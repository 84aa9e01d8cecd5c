"""What XIDs mean: our table says what NVIDIA's catalogue and gpud's table say."""

import csv

import pytest

from watchdog.analysis.xid import HARDWARE_FAULTS, XIDS, XidAction, xid_of, xid_text


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def test_every_action_is_the_catalogues(fixtures):
    catalogue = {int(row[1]): row[8].strip() for row in rows(fixtures / "nvsentinel" / "xid-catalog.xids.csv")}
    assert {code: xid.nvidia for code, xid in XIDS.items()} == {code: catalogue[code] for code in XIDS}


def test_what_is_left_out_is_unused_and_asks_for_nothing_else(fixtures):
    catalogue = rows(fixtures / "nvsentinel" / "xid-catalog.xids.csv")
    left_out = {row[8].strip() for row in catalogue if int(row[1]) not in XIDS and row[3].strip() != "Unused"}
    assert left_out == set()


def test_every_verdict_of_gpud_is_gpuds(fixtures):
    told = {int(row[0]): row[3] for row in rows(fixtures / "gpud" / "xid-details.csv")}
    words = {
        "RebootSystem": "reboot",
        "RebootSystem+HardwareInspection": "reboot, then inspect the hardware",
        "HardwareInspection": "inspect the hardware",
        "IgnoreNoActionRequired": "ignore",
        # gpud's own threshold makes it an event to ignore.
        "RebootSystem+IgnoreNoActionRequired": "ignore",
    }
    assert {code: xid.gpud for code, xid in XIDS.items()} == {code: words.get(told.get(code, ""), "") for code in XIDS}


@pytest.mark.parametrize("code", [48, 62, 64, 74, 79, 80, 81, 92, 95, 119, 120, 140])
def test_codes_of_broken_hardware_are_faults(code):
    assert code in HARDWARE_FAULTS
    assert xid_of(code).lasts


@pytest.mark.parametrize("code", [13, 31, 43, 45, 63, 94])
def test_codes_of_programs_and_contained_errors_are_none(code):
    assert code not in HARDWARE_FAULTS


def test_where_the_tables_differ_both_are_named():
    assert xid_of(63).source == "NVIDIA XID catalogue: IGNORE; gpud: reboot, then inspect the hardware"
    assert xid_of(63).is_disputed
    assert not xid_of(94).is_disputed


def test_a_code_that_nobody_knows_goes_to_support():
    assert xid_text(999) == "XID 999"
    assert xid_of(999).action is XidAction.DIAGNOSTICS
