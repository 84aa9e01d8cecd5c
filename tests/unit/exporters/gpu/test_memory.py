from watchdog.exporters.gpu.memory import GpuMemory
from watchdog.exporters.gpu.reading import GpuReading, Reading, bus_key


def gpu(n, **more):
    return GpuReading(n, f"GPU-{n}", f"00000000:0{n}:00.0", "H100", n, {"DCGM_FI_DEV_GPU_UTIL": 1.0}, **more)


def test_a_lost_gpu_known_by_its_address_alone_gets_its_name_back():
    memory = GpuMemory()
    memory.complete(Reading("590", (gpu(0), gpu(1))))
    lost = GpuReading(None, "", "00000000:01:00.0", lost=True)
    found = memory.complete(Reading("590", (gpu(0), lost))).gpus
    assert [(g.index, g.uuid, g.model, g.lost) for g in found] == [
        (0, "GPU-0", "H100", False),
        (1, "GPU-1", "H100", True),
    ]


def test_a_gpu_that_vanishes_without_a_word_is_lost_until_it_is_back():
    memory = GpuMemory()
    memory.complete(Reading("590", (gpu(0), gpu(1))))
    found = memory.complete(Reading("", ()))
    assert [(g.uuid, g.lost, g.values) for g in found.gpus] == [("GPU-0", True, {}), ("GPU-1", True, {})]
    assert found.driver_version == "590"
    back = memory.complete(Reading("590", (gpu(0), gpu(1)))).gpus
    assert [g.lost for g in back] == [False, False]


def test_nvml_tells_only_the_place_of_a_lost_gpu():
    memory = GpuMemory()
    memory.complete(Reading("590", (gpu(0), gpu(1))))
    found = memory.complete(Reading("590", (gpu(0), GpuReading(1, "", "", lost=True)))).gpus
    assert [g.uuid for g in found] == ["GPU-0", "GPU-1"]


def test_gpus_after_a_missing_one_keep_their_place():
    memory = GpuMemory()
    memory.complete(Reading("590", (gpu(0), gpu(1), gpu(2))))
    unplaced = GpuReading(None, "GPU-2", "00000000:02:00.0", "H100", None)
    assert [g.index for g in memory.complete(Reading("590", (gpu(0), unplaced))).gpus] == [0, 2, 1]


def test_an_unknown_lost_gpu_stays_as_it_is():
    lost = GpuReading(None, "", "00000000:09:00.0", lost=True)
    assert GpuMemory().complete(Reading("", (lost,))).gpus == (lost,)


def test_addresses_are_one_whatever_their_spelling():
    spellings = ["00000000:53:00.0", "0000:53:00.0", "0000:53:00", "GPU0000:53:00.0", "PCI:0000:53:00"]
    assert {bus_key(s) for s in spellings} == {(0, 0x53, 0)}
    assert bus_key("") is None
    assert bus_key("x:y:z") is None
