import threading
import time
import types

import pynvml
import pytest

from tests.conftest import NOON
from tests.unit.exporters.gpu.fake_pynvml import Failure, FakeGpu, make
from watchdog.base.clock import FakeClock
from watchdog.exporters.failure import CollectError
from watchdog.exporters.gpu.backends import FirstThatWorks
from watchdog.exporters.gpu.nvml import NvmlBackend
from watchdog.exporters.gpu.nvml_events import NvmlEvents
from watchdog.exporters.gpu.reading import Reading
from watchdog.exporters.gpu.xid import Xid

MIB = 2**20


def memory(total, used, free, reserved=0):
    return types.SimpleNamespace(total=total * MIB, used=used * MIB, free=free * MIB, reserved=reserved * MIB)


def h100(**more):
    answers = {
        "UUID": "GPU-a",
        "Name": "NVIDIA H100 80GB HBM3",
        "PciInfo": types.SimpleNamespace(busId="00000000:53:00.0"),
        "MinorNumber": 0,
        "Temperature": 42,
        "MemoryInfo": memory(81559, 100, 80980, 479),
        "UtilizationRates": types.SimpleNamespace(gpu=97, memory=33),
        "PowerUsage": 433780,
        "EnforcedPowerLimit": 700000,
        "TotalEnergyConsumption": 123456789,
        "ClockInfo": lambda kind: {pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 2619}[kind],
        "PcieThroughput": lambda way: 9139 if way == pynvml.NVML_PCIE_UTIL_TX_BYTES else 19191,
        "CurrentClocksThrottleReasons": 0x4,
        "TotalEccErrors": lambda kind, span: 10 * kind + span,
        "RemappedRows": (1, 2, 0, 1),
        "PerformanceState": 0,
        "ComputeRunningProcesses": [
            types.SimpleNamespace(pid=7, usedGpuMemory=5 * MIB),
            types.SimpleNamespace(pid=8, usedGpuMemory=None),
        ],
        "MigMode": (0, 0),
        "fields": {
            pynvml.NVML_FI_DEV_MEMORY_TEMP: 48,
            pynvml.NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL: 3,
            pynvml.NVML_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL: 2**64 - 1,
        },
    }
    return FakeGpu(**{**answers, **more})


def test_values_are_in_dcgms_units_and_what_is_not_supported_is_absent():
    gpu = NvmlBackend(make([h100()])).read().gpus[0]
    values = {name.removeprefix("DCGM_FI_"): value for name, value in gpu.values.items()}
    assert values == {
        "DEV_FB_TOTAL": 81559, "DEV_FB_USED": 100, "DEV_FB_FREE": 80980, "DEV_FB_RESERVED": 479,
        "DEV_GPU_UTIL": 97, "DEV_MEM_COPY_UTIL": 33, "DEV_GPU_TEMP": 42, "DEV_MEMORY_TEMP": 48,
        "DEV_POWER_USAGE": 433.78, "DEV_ENFORCED_POWER_LIMIT": 700, "DEV_TOTAL_ENERGY_CONSUMPTION": 123456789,
        "DEV_SM_CLOCK": 1980, "DEV_MEM_CLOCK": 2619, "PROF_PCIE_TX_BYTES": 9139000, "PROF_PCIE_RX_BYTES": 19191000,
        "DEV_CLOCK_THROTTLE_REASONS": 4, "DEV_PSTATE": 0, "DEV_MIG_MODE": 0,
        "DEV_ECC_SBE_VOL_TOTAL": 0, "DEV_ECC_SBE_AGG_TOTAL": 1, "DEV_ECC_DBE_VOL_TOTAL": 10, "DEV_ECC_DBE_AGG_TOTAL": 11,
        "DEV_CORRECTABLE_REMAPPED_ROWS": 1, "DEV_UNCORRECTABLE_REMAPPED_ROWS": 2,
        "DEV_ROW_REMAP_PENDING": 0, "DEV_ROW_REMAP_FAILURE": 1,
        "DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL": 3, "watchdog_gpu_compute_processes": 2,
    }  # fmt: skip
    assert (gpu.index, gpu.uuid, gpu.minor, gpu.lost) == (0, "GPU-a", 0, False)
    assert [(p.pid, p.name, p.memory_mib) for p in gpu.processes] == [
        (7, "/usr/bin/prog7", 5),
        (8, "/usr/bin/prog8", None),
    ]


def test_names_as_bytes_from_older_bindings_are_text():
    gpu = NvmlBackend(make([h100(UUID=b"GPU-b", Name=b"Tesla T4")], driver=b"450.1")).read().gpus[0]
    assert (gpu.uuid, gpu.model) == ("GPU-b", "Tesla T4")


def test_nvlink_traffic_is_a_rate_between_two_reads():
    fields = {pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX: 1000, pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX: 0}
    clock = FakeClock(NOON)
    backend = NvmlBackend(make([h100(fields=fields)]), clock.monotonic)
    name = "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL"
    assert name not in backend.read().gpus[0].values
    clock.sleep(10)
    fields[pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX] = 5_000_000
    assert backend.read().gpus[0].values[name] == 500
    clock.sleep(10)
    fields[pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX] = 0
    assert name not in backend.read().gpus[0].values


def test_mig_instances_have_their_profile_and_memory():
    def device(instance, name):
        return FakeGpu(GpuInstanceId=instance, Name=name, MemoryInfo=memory(9984, 9, 9975))

    devices = [
        device(9, "NVIDIA H100 MIG 1g.10gb"),
        device(2, "NVIDIA H100 MIG 1c.3g.40gb"),
        device(2, "NVIDIA H100 MIG 2c.3g.40gb"),
    ]
    gpu = h100(
        MigMode=(1, 1), MaxMigDeviceCount=7, MigDeviceHandleByIndex=lambda n: devices[n] if n < 3 else _not_found()
    )
    reading = NvmlBackend(make([gpu])).read().gpus[0]
    assert [(i.instance_id, i.profile) for i in reading.instances] == [(9, "1g.10gb"), (2, "3g.40gb")]
    assert reading.instances[0].values["DCGM_FI_DEV_FB_USED"] == 9


def _not_found():
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)


def test_a_gpu_off_the_bus_is_lost_and_the_others_live():
    lost = h100(UUID="GPU-b", Temperature=Failure(pynvml.NVML_ERROR_GPU_IS_LOST))
    gpus = NvmlBackend(make([h100(), lost, pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_NO_PERMISSION])).read().gpus
    assert [(g.index, g.uuid, g.lost) for g in gpus] == [(0, "GPU-a", False), (1, "GPU-b", True), (2, "", True)]
    assert gpus[1].values == {}


def test_a_single_failing_call_costs_one_value():
    gpu = NvmlBackend(make([h100(Temperature=Failure(pynvml.NVML_ERROR_UNKNOWN))])).read().gpus[0]
    assert not gpu.lost
    assert "DCGM_FI_DEV_GPU_TEMP" not in gpu.values
    assert gpu.values["DCGM_FI_DEV_POWER_USAGE"] == 433.78


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "missing"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "driver_not_loaded"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "driver_mismatch"),
        (pynvml.NVML_ERROR_NO_PERMISSION, "permission"),
        (pynvml.NVML_ERROR_UNKNOWN, "nvml"),
    ],
)
def test_a_library_that_does_not_start_says_why(code, reason):
    with pytest.raises(CollectError) as caught:
        NvmlBackend(make([], init_error=code)).read()
    assert caught.value.reason == reason
    assert caught.value.hint


def test_after_a_driver_restart_the_library_is_started_anew():
    nv = make([h100()])
    backend = NvmlBackend(nv)
    backend.read()
    nv.nvmlDeviceGetCount, count = _uninitialized, nv.nvmlDeviceGetCount
    with pytest.raises(CollectError):
        backend.read()
    nv.nvmlDeviceGetCount = count
    assert len(backend.read().gpus) == 1
    assert nv.inits == 2


def _uninitialized():
    raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)


def test_where_the_driver_is_not_installed_the_real_bindings_say_missing():
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        with pytest.raises(CollectError) as caught:
            NvmlBackend().read()
        assert caught.value.reason == "missing"
    else:
        assert NvmlBackend().read().driver_version


class Stub:
    def __init__(self, name, *answers):
        self.name, self.answers, self.closed = name, list(answers), False

    def read(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        self.closed = True


def test_the_first_backend_that_works_is_kept_until_it_fails():
    bad = CollectError("no", reason="missing")
    empty = Reading("1", ())
    first, second = Stub("nvml", bad, empty), Stub("smi", empty, empty, bad)
    both = FirstThatWorks([first, second])
    assert both.name == "none"
    both.read()
    both.read()
    assert both.name == "smi"
    with pytest.raises(CollectError):
        both.read()
    both.read()
    assert both.name == "nvml"
    both.close()
    assert first.closed
    assert second.closed


def test_xid_events_are_counted_with_their_gpu():
    nv = make([h100()])
    waiting = threading.Event()
    pending = [types.SimpleNamespace(device=h100(), eventType=pynvml.nvmlEventTypeXidCriticalError, eventData=79)]

    def wait(_events, _milliseconds):
        if pending:
            return pending.pop()
        waiting.set()
        time.sleep(0.01)
        raise pynvml.NVMLError(pynvml.NVML_ERROR_TIMEOUT)

    nv.nvmlEventSetCreate, nv.nvmlEventSetFree = object, lambda _: None
    nv.nvmlDeviceRegisterEvents = lambda *_: None
    nv.nvmlEventSetWait_v2 = wait
    seen = []
    events = NvmlEvents(lambda xid, at: seen.append((xid, at)), FakeClock(NOON), lambda: NvmlBackend(nv))
    assert events.start()
    assert waiting.wait(5)
    events.stop()
    assert seen == [(Xid((0, 0x53, 0), 79), NOON)]


def test_without_nvml_there_are_no_events():
    nothing = make([], init_error=pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    events = NvmlEvents(lambda *_: None, FakeClock(NOON), lambda: NvmlBackend(nothing))
    assert not events.start()
    events.stop()
