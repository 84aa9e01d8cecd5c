import pytest

from tests.unit.exporters.support import LOST_LINE
from watchdog.exporters.failure import CollectError
from watchdog.exporters.gpu.smi_csv import QUERY, parse_csv

HEADER = "index, uuid, name, utilization.gpu [%], memory.used [MiB], power.draw [W]\n"
GOOD = "0, GPU-a, NVIDIA RTX A6000, 5 %, 100 MiB, 20.50 W\n"


def test_a_row_gives_values_in_dcgms_units():
    gpu = parse_csv(HEADER + GOOD).gpus[0]
    assert (gpu.index, gpu.uuid, gpu.model) == (0, "GPU-a", "NVIDIA RTX A6000")
    assert gpu.values == {"DCGM_FI_DEV_GPU_UTIL": 5, "DCGM_FI_DEV_FB_USED": 100, "DCGM_FI_DEV_POWER_USAGE": 20.5}


def test_bad_cells_among_good_ones_are_just_missing():
    row = "1, GPU-b, NVIDIA RTX A6000, [Unknown Error], 3 MiB, ERR!\n"
    assert parse_csv(HEADER + row).gpus[0].values == {"DCGM_FI_DEV_FB_USED": 3}


def test_a_gpu_that_requires_reset_asks_for_one():
    row = "0, GPU-a, [GPU requires reset], [GPU requires reset], 0 MiB, 20 W\n"
    gpu = parse_csv(HEADER + row).gpus[0]
    assert gpu.model == ""
    assert gpu.values["DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION"] == 1
    assert "DCGM_FI_DEV_GPU_UTIL" not in gpu.values


def test_a_line_about_a_lost_gpu_between_rows_makes_it_lost():
    reading = parse_csv(HEADER + GOOD + LOST_LINE + GOOD.replace("GPU-a", "GPU-c").replace("0,", "2,", 1))
    assert [(g.index, g.uuid, g.lost) for g in reading.gpus] == [
        (0, "GPU-a", False),
        (2, "GPU-c", False),
        (None, "", True),
    ]


def test_windows_line_ends_change_nothing():
    assert parse_csv((HEADER + GOOD).replace("\n", "\r\n")) == parse_csv(HEADER + GOOD)


@pytest.mark.parametrize("text", ["", "what?\n", HEADER + GOOD[:20], HEADER + "0\n", 'uuid\n"GPU-a\n'])
def test_cut_off_rows_are_refused(text):
    if text.startswith("uuid"):
        assert parse_csv(text).gpus[0].uuid == "GPU-a"
        return
    with pytest.raises(CollectError) as caught:
        parse_csv(text)
    assert caught.value.reason == "format"


def test_the_question_asks_only_for_names_that_drivers_since_2018_know(fixtures):
    helped = (fixtures / "nvidia-smi/netdata/modules/nvidia_smi/testdata/help-query-gpu.txt").read_text()
    assert [name for name in QUERY.split(",") if f'"{name}"' not in helped] == []
