"""What else is known of a GPU."""

from __future__ import annotations

from watchdog.model.catalogue.naming import dcgm, flag, nge, ours
from watchdog.model.metric import Group, Kind, Metric, Unit

STATE: tuple[Metric, ...] = (
    flag(
        "gpu_lost_flag",
        "GPU lost",
        "The driver cannot reach a GPU that it lists or that was there earlier; nothing else of it is exported.",
        ours("lost"),
        Group.STATE,
    ),
    Metric(
        "compute_processes_count",
        "Compute processes",
        Unit.COUNT,
        Group.STATE,
        "Processes with a compute context on the GPU.",
        ours("compute_processes") + nge("compute_apps"),
        over_gpus="sum",
        high=1e6,
    ),
    Metric(
        "recovery_action_code",
        "Recovery action",
        Unit.CODE,
        Group.STATE,
        "What the driver asks for: 0 nothing, 1 GPU reset, 2 node reboot, 3 drain P2P, 4 drain and reset.",
        dcgm("DEV_GET_GPU_RECOVERY_ACTION", "DEV_GPU_RECOVERY_ACTION") + nge("gpu_recovery_action"),
        kind=Kind.STATE,
        over_gpus="max",
        high=4.0,
    ),
    flag(
        "mig_mode_flag",
        "MIG mode",
        "The GPU is split into MIG instances.",
        dcgm("DEV_MIG_MODE") + nge("mig_mode_current"),
        Group.STATE,
    ),
)
