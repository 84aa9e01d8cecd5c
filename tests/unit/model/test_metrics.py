import csv

import pytest

from watchdog.model.metrics import BY_EXPORTED_NAME, CATALOGUE, Unit, is_blank, metric


def test_every_key_ends_in_its_unit():
    odd = [key for key, found in CATALOGUE.items() if not key.endswith(found.unit.value)]
    assert odd == []


def test_every_dcgm_name_is_one_that_dcgm_has(fixtures):
    with (fixtures / "dcgm" / "dcgm-fields.csv").open() as file:
        rows = list(csv.DictReader(file))
    known = {row["name"] for row in rows} | {old for row in rows for old in row["old_names"].split()}
    ours = {name for name in BY_EXPORTED_NAME if name.startswith("DCGM_")}
    assert ours - known == set()


def test_every_name_is_exported_as_one_quantity_unless_it_is_a_mask():
    for name, meanings in BY_EXPORTED_NAME.items():
        assert len(meanings) == 1 or all(exported.bit for _, exported in meanings), name


def test_throttle_bits_are_nvmls():
    bits = {key: {e.bit for e in found.names if e.bit} for key, found in CATALOGUE.items() if "throttle" in key}
    assert bits["throttle_hw_thermal_flag"] == {0x40}
    assert bits["throttle_power_cap_flag"] == {0x4}


@pytest.mark.parametrize(
    "value",
    [
        2147483632,
        2147483635,
        9223372036854775792,
        9223372036854775807,
        140737488355328,
        140737488355331,
        float("nan"),
        float("inf"),
        float("-inf"),
    ],
)
def test_what_dcgm_writes_for_no_measurement_is_blank(value):
    assert is_blank(float(value))


@pytest.mark.parametrize("value", [0, -1, 1, 100, 2147483631, 2147483636, 140737488355332, 1e15])
def test_measurements_are_not_blank(value):
    assert not is_blank(float(value))


def test_percent_passed_off_as_ratio_by_its_new_name_is_still_percent():
    factors = {e.name: e.factor for e in metric("gpu_util_ratio").names}
    assert factors["DCGM_FI_DEV_GPU_UTIL_RATIO"] == 0.01
    assert metric("gpu_util_ratio").unit is Unit.RATIO
