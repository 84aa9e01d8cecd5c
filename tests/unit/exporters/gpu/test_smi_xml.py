import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.exporters.support import LOST_LINE, gpu_xml, log_xml
from watchdog.exporters.failure import CollectError
from watchdog.exporters.gpu.smi_xml import parse_xml

REASONS = (
    "<clocks_event_reasons><clocks_event_reason_gpu_idle>Not Active</clocks_event_reason_gpu_idle>"
    "<clocks_event_reason_hw_slowdown>{0}</clocks_event_reason_hw_slowdown>"
    "<clocks_event_reason_hw_thermal_slowdown>Active</clocks_event_reason_hw_thermal_slowdown></clocks_event_reasons>"
)


def values(inner):
    return parse_xml(log_xml(gpu_xml(inner))).gpus[0].values


def test_remapped_rows_are_read_and_words_become_flags():
    read = values(
        "<remapped_rows><remapped_row_corr>2</remapped_row_corr><remapped_row_unc>1</remapped_row_unc>"
        "<remapped_row_pending>Yes</remapped_row_pending><remapped_row_failure>No</remapped_row_failure></remapped_rows>"
    )
    assert read == {
        "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS": 2,
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": 1,
        "DCGM_FI_DEV_ROW_REMAP_PENDING": 1,
        "DCGM_FI_DEV_ROW_REMAP_FAILURE": 0,
    }


def test_clock_reasons_become_nvmls_bit_mask():
    assert values(REASONS.format("Active")) == {"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": 0x48}
    assert values(REASONS.format("N/A")) == {"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS": 0x40}


def test_a_mask_with_an_unreadable_reason_is_left_out():
    assert values(REASONS.format("[Unknown Error]")) == {}


def test_uncorrected_ecc_sums_dram_and_every_kind_of_sram():
    read = values(
        "<ecc_errors><volatile><sram_correctable>5</sram_correctable>"
        "<sram_uncorrectable_parity>1</sram_uncorrectable_parity><sram_uncorrectable_secded>2</sram_uncorrectable_secded>"
        "<dram_correctable>7</dram_correctable><dram_uncorrectable>4</dram_uncorrectable></volatile></ecc_errors>"
    )
    assert read == {"DCGM_FI_DEV_ECC_SBE_VOL_TOTAL": 12, "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": 7}


def test_older_ecc_takes_the_total():
    read = values(
        "<ecc_errors><aggregate><single_bit><device_memory>1</device_memory><total>3</total></single_bit></aggregate></ecc_errors>"
    )
    assert read == {"DCGM_FI_DEV_ECC_SBE_AGG_TOTAL": 3}


@pytest.mark.parametrize("cell", ["N/A", "ERR!", "[Unknown Error]", "[Insufficient Permissions]", "[Not Supported]"])
def test_a_bad_cell_has_no_value_and_its_neighbours_live(cell):
    read = values(
        f"<temperature><gpu_temp>{cell}</gpu_temp><memory_temp>55 C</memory_temp></temperature><fan_speed>{cell}</fan_speed>"
    )
    assert read == {"DCGM_FI_DEV_MEMORY_TEMP": 55}


def test_a_gpu_that_requires_reset_asks_for_one():
    reset = "<utilization><gpu_util>[GPU requires reset]</gpu_util></utilization>"
    assert values(reset) == {"DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION": 1}
    assert values(reset + "<gpu_recovery_action>Drain and Reset</gpu_recovery_action>") == {
        "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION": 4
    }


def test_a_gpu_whose_cells_say_lost_is_lost_and_has_no_values():
    gpu = parse_xml(
        log_xml(gpu_xml("<temperature><gpu_temp>GPU is lost</gpu_temp></temperature><fan_speed>30 %</fan_speed>"))
    ).gpus[0]
    assert gpu.lost
    assert gpu.values == {}
    assert gpu.uuid == "GPU-aaaa"


def test_a_line_about_a_lost_gpu_is_taken_out_wherever_it_stands():
    document = log_xml(gpu_xml(), gpu_xml(uuid="GPU-bbbb", bus="00000000:03:00.0", minor="2"), attached=3)
    for text in (
        LOST_LINE + document,
        document + LOST_LINE,
        document.replace("</gpu><gpu", f"</gpu>\n{LOST_LINE}<gpu"),
    ):
        reading = parse_xml(text)
        assert [(g.uuid, g.lost) for g in reading.gpus] == [("GPU-aaaa", False), ("GPU-bbbb", False), ("", True)]
        assert reading.gpus[2].pci_bus_id == "00000000:02:00.0"


def test_places_are_not_shifted_when_a_gpu_is_missing_from_the_list():
    document = log_xml(gpu_xml(minor="0"), gpu_xml(uuid="GPU-b", minor="2"), attached=3)
    assert [gpu.index for gpu in parse_xml(document).gpus] == [0, 2]


def test_windows_line_ends_change_nothing():
    document = log_xml(gpu_xml("<fan_speed>30 %</fan_speed>\n<performance_state>P8</performance_state>"))
    assert parse_xml(document.replace("\n", "\r\n")) == parse_xml(document)


@pytest.mark.parametrize("name", ["a & b", "<script>", "\x01\x02", "python -c 'if a < b && c: pass'", "é\ufffe"])
def test_a_process_may_call_itself_anything(name):
    info = f"<process_info><pid>7</pid><type>C</type><process_name>{name}</process_name><used_memory>5 MiB</used_memory></process_info>"
    gpu = parse_xml(log_xml(gpu_xml(f"<processes>{info}</processes><fan_speed>3 %</fan_speed>"))).gpus[0]
    assert [(p.pid, p.memory_mib) for p in gpu.processes] == [(7, 5)]
    assert gpu.values["DCGM_FI_DEV_FAN_SPEED"] == 3


def test_only_compute_processes_count_and_each_once():
    def info(pid, kind, memory):
        return f"<process_info><pid>{pid}</pid><type>{kind}</type><process_name>x</process_name><used_memory>{memory}</used_memory></process_info>"

    inner = info(1, "C", "5 MiB") + info(1, "C", "6 MiB") + info(2, "G", "7 MiB") + info(3, "C+G", "N/A")
    gpu = parse_xml(log_xml(gpu_xml(f"<processes>{inner}</processes>"))).gpus[0]
    assert gpu.values == {"watchdog_gpu_compute_processes": 2}
    assert [(p.pid, p.memory_mib) for p in gpu.processes] == [(1, 11), (3, None)]


def test_compute_instances_of_one_gpu_instance_are_one():
    def device(place, instance, compute):
        return (
            f"<mig_device><index>{place}</index><gpu_instance_id>{instance}</gpu_instance_id>"
            f"<compute_instance_id>{compute}</compute_instance_id>"
            "<fb_memory_usage><total>100 MiB</total><used>10 MiB</used></fb_memory_usage></mig_device>"
        )

    inner = f"<mig_devices>{device(0, 2, 0)}{device(1, 2, 1)}{device(2, 5, 0)}</mig_devices>"
    gpu = parse_xml(log_xml(gpu_xml(inner)), {("GPU-aaaa", 0): "3g.40gb"}).gpus[0]
    assert [(i.instance_id, i.profile) for i in gpu.instances] == [(2, "3g.40gb"), (5, "")]
    assert gpu.instances[0].values == {"DCGM_FI_DEV_FB_TOTAL": 100, "DCGM_FI_DEV_FB_USED": 10}


@pytest.mark.parametrize("text", ["", "hello", "<nvidia_smi_log><gpu>", "<nvidia_smi_log><gpu></nvidia_smi_log>"])
def test_what_is_no_whole_document_is_refused_with_a_reason(text):
    with pytest.raises(CollectError) as caught:
        parse_xml(text)
    assert caught.value.reason == "format"
    assert caught.value.hint


@given(st.integers(0, 2000))
def test_output_cut_anywhere_is_read_whole_or_refused(cut):
    document = log_xml(gpu_xml("<fan_speed>3 %</fan_speed>"), gpu_xml(uuid="GPU-b"))
    whole = document.index("</nvidia_smi_log>") + len("</nvidia_smi_log>")
    if cut >= whole:
        assert len(parse_xml(document[:cut]).gpus) == 2
        return
    with pytest.raises(CollectError):
        parse_xml(document[:cut])
