"""How busy a GPU is."""

from __future__ import annotations

from watchdog.model.catalogue.naming import dcgm, nge
from watchdog.model.metric import ExportedAs, Group, Metric, Unit


def _ratio(key: str, label: str, definition: str, names: tuple[ExportedAs, ...]) -> Metric:
    return Metric(key, label, Unit.RATIO, Group.USE, definition, names, per_instance=True, high=1.0)


USE: tuple[Metric, ...] = (
    _ratio(
        "gpu_util_ratio",
        "GPU utilization",
        "Share of the sample period in which at least one kernel ran; says nothing of how much of the GPU it used "
        "(nvidia-smi: utilization.gpu).",
        # DEV_GPU_UTIL_RATIO kept field 203's integer percent in spite of its name.
        dcgm("DEV_GPU_UTIL", "DEV_GPU_UTIL_RATIO", 0.01) + nge("utilization_gpu_ratio"),
    ),
    _ratio(
        "graphics_engine_active_ratio",
        "Graphics engine active",
        "Share of time the graphics or compute engine was active; the one that works under MIG.",
        dcgm("PROF_GR_ENGINE_ACTIVE", "PROF_GR_ENGINE_UTIL_RATIO") + nge("mig_graphics_activity_ratio"),
    ),
    _ratio(
        "sm_active_ratio",
        "SM active",
        "Share of cycles in which an SM had at least one warp, averaged over SMs: the honest busy figure.",
        dcgm("PROF_SM_ACTIVE", "PROF_SM_UTIL_RATIO") + nge("mig_sm_activity_ratio"),
    ),
    _ratio(
        "sm_occupancy_ratio",
        "SM occupancy",
        "Resident warps as a share of the most that fit, averaged over SMs.",
        dcgm("PROF_SM_OCCUPANCY", "PROF_SM_OCCUPANCY_RATIO") + nge("mig_sm_occupancy_ratio"),
    ),
    _ratio(
        "tensor_active_ratio",
        "Tensor cores active",
        "Share of cycles in which a tensor pipe was active.",
        dcgm("PROF_PIPE_TENSOR_ACTIVE", "PROF_TENSOR_UTIL_RATIO") + nge("mig_tensor_activity_ratio"),
    ),
    _ratio(
        "dram_active_ratio",
        "DRAM active",
        "Share of cycles in which the device memory interface moved data.",
        dcgm("PROF_DRAM_ACTIVE", "PROF_DRAM_UTIL_RATIO"),
    ),
    _ratio(
        "memory_copy_util_ratio",
        "Memory utilization",
        "Share of the sample period in which device memory was read or written (nvidia-smi: utilization.memory).",
        dcgm("DEV_MEM_COPY_UTIL", factor=0.01) + nge("utilization_memory_ratio"),
    ),
)
