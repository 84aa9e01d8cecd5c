"""Every fault the demo cluster knows: what it does, whom it hits, and what should be noticed."""

from __future__ import annotations

import numpy as np

from watchdog.sources.demo.effects import Effects, Mode
from watchdog.sources.demo.faults import Effect, FaultKind, FaultSpec, Hit, Target
from watchdog.sources.demo.jobs import JobState


def _set(name: str, value: float, spread: float = 0.0) -> Effect:
    """Set one array of Effects on the GPUs hit, larger with the hit's luck by up to `spread`."""

    def effect(effects: Effects, hit: Hit) -> None:
        getattr(effects, name)[hit.places] = value + spread * hit.dice

    return effect


def _set_node(name: str, value: float, spread: float = 0.0) -> Effect:
    def effect(effects: Effects, hit: Hit) -> None:
        getattr(effects, name)[hit.node] = value + spread * hit.dice

    return effect


def _all(*parts: Effect) -> Effect:
    def effect(effects: Effects, hit: Hit) -> None:
        for part in parts:
            part(effects, hit)

    return effect


def _leak(effects: Effects, hit: Hit) -> None:
    effects.leak_since[hit.places] = hit.since
    # Full some minutes before the job dies of it.
    effects.leak_until[hit.places] = hit.since + 0.85 * (hit.until - hit.since)
    effects.leak_from[hit.places] = 0.2


def _skew(effects: Effects, hit: Hit) -> None:
    effects.node_skew[hit.node] = np.round((1 if hit.dice > 0.5 else -1) * (240 + 1200 * hit.dice))


_K, _T = FaultKind, Target

SPECS: dict[FaultKind, FaultSpec] = {
    spec.kind: spec
    for spec in (
        FaultSpec(
            _K.THERMAL_THROTTLE,
            _T.JOB_GPU,
            "GPU {gpu} on {node} runs at 87 °C or more and the driver lowers its clocks: look at its cooling.",
            (40, 240),
            _set("hottest", 99.5, 1.5),
        ),
        FaultSpec(
            _K.COOLING_FAILURE,
            _T.JOB_GPU,
            "GPU {gpu} on {node} reaches 92 °C again and again and the hardware halves its clocks: cooling failed.",
            (15, 50),
            _set("hottest", 145.0, 10.0),
        ),
        FaultSpec(
            _K.NEVER_USED,
            _T.NEW_JOB,
            "Job {job} holds GPU {gpu} on {node} and has never used it.",
            (60, 300),
        ),
        FaultSpec(
            _K.GONE_IDLE,
            _T.JOB,
            "Job {job} on {node} used its GPUs and then stopped, but still holds them and their memory.",
            (40, 180),
            _set("mode", Mode.IDLE),
            ends_late=JobState.TIMEOUT,
        ),
        FaultSpec(
            _K.HUNG,
            _T.JOB,
            "Job {job} on {node} hangs: 100 % utilization, but power is low and flat and no SM does work.",
            (25, 120),
            _set("mode", Mode.HUNG),
            ends_late=JobState.CANCELLED,
            min_gpus=2,
        ),
        FaultSpec(
            _K.JOB_STALL,
            _T.JOB,
            "All GPUs of job {job} on {node} fell to zero at the same moment and wait: storage or network.",
            (8, 30),
            _set("mode", Mode.IDLE),
            min_gpus=2,
        ),
        FaultSpec(
            _K.INPUT_BOUND,
            _T.JOB,
            "Job {job} on {node} waits for its input: utilization fell to about a quarter.",
            (40, 150),
            _set("mode", Mode.STARVED),
        ),
        FaultSpec(
            _K.STRAGGLER,
            _T.JOB_GPU,
            "GPU {gpu} on {node} runs at about half its clock without a reason; the rest of job {job} waits for it.",
            (30, 150),
            _set("clock_cap", 0.48, 0.12),
            min_gpus=2,
        ),
        FaultSpec(
            _K.MEMORY_LEAK,
            _T.JOB,
            "The memory of job {job} on {node} grows steadily and will be full: it ends out of memory.",
            (40, 120),
            _leak,
            ends_late=JobState.OUT_OF_MEMORY,
        ),
        FaultSpec(
            _K.ZOMBIE_MEMORY,
            _T.FREE_GPU,
            "GPU {gpu} on {node} has no job but memory is held: a process was left behind.",
            (30, 180),
            _set("zombie", 0.25, 0.5),
        ),
        FaultSpec(
            _K.GPU_LOST,
            _T.JOB_GPU,
            "GPU {gpu} on {node} fell off the bus (XID 79): no data since; job {job} failed; reboot the node.",
            (90, 240),
            _set("lost", True),
            xids=(79,),
            ends=JobState.FAILED,
            drain="GPU {gpu} has fallen off the bus (Xid 79)",
            resets=True,
        ),
        FaultSpec(
            _K.ECC_CORRECTED,
            _T.JOB_GPU,
            "Corrected memory errors of GPU {gpu} on {node} grow quickly: watch it.",
            (60, 300),
            _set("sbe_rate", 0.08, 0.6),
        ),
        FaultSpec(
            _K.ECC_UNCORRECTED,
            _T.JOB_GPU,
            "GPU {gpu} on {node} has an uncorrected memory error (XID 48, 63) and waits for a reset to remap the row.",
            (60, 180),
            _all(_set("remap_pending", 1), _set("recovery", 4)),
            xids=(48, 63),
            uncorrected=1,
            ends=JobState.FAILED,
            drain="GPU {gpu}: row remap pending after Xid 48",
            resets=True,
        ),
        FaultSpec(
            _K.ROW_REMAP_FAILURE,
            _T.JOB_GPU,
            "GPU {gpu} on {node} could not remap a memory row (XID 64): run a field diagnostic, return the board.",
            (90, 240),
            _all(_set("remap_failed", 1), _set("recovery", 1)),
            xids=(64,),
            uncorrected=1,
            ends=JobState.FAILED,
            drain="GPU {gpu}: row remap failure (Xid 64)",
            resets=True,
        ),
        FaultSpec(
            _K.XID_13,
            _T.JOB_GPU,
            "Job {job} failed with XID 13 on GPU {gpu} of {node}: an error of the program, not of the GPU.",
            (10, 10),
            xids=(13,),
            ends=JobState.FAILED,
        ),
        FaultSpec(
            _K.XID_31,
            _T.JOB_GPU,
            "Job {job} failed with XID 31 on GPU {gpu} of {node}: it read memory it does not own.",
            (10, 10),
            xids=(31,),
            ends=JobState.FAILED,
        ),
        FaultSpec(
            _K.XID_94,
            _T.JOB_GPU,
            "Job {job} failed with XID 94 on GPU {gpu} of {node}: a contained memory error; reset when idle.",
            (20, 20),
            xids=(94,),
            uncorrected=1,
            ends=JobState.FAILED,
        ),
        FaultSpec(
            _K.XID_119,
            _T.JOB_GPU,
            "GPU {gpu} on {node}: the GSP firmware does not answer (XID 119); job {job} hangs; reset the GPU.",
            (20, 60),
            _all(_set("mode", Mode.HUNG), _set("recovery", 1)),
            xids=(119,),
            ends_late=JobState.FAILED,
            resets=True,
        ),
        FaultSpec(
            _K.NVLINK_ERRORS,
            _T.JOB_GPU,
            "GPU {gpu} on {node}: NVLink errors grow (XID 74); job {job} slows down or fails.",
            (20, 90),
            _all(_set("flit_rate", 3.0, 8.0), _set("data_rate", 0.2, 0.5), _set("link_replay_rate", 0.02, 0.05)),
            xids=(74,),
            min_gpus=2,
        ),
        FaultSpec(
            _K.PCIE_DEGRADED,
            _T.JOB_GPU,
            "GPU {gpu} on {node} runs its PCIe link with 4 of 16 lanes: reseat it.",
            (60, 300),
            _all(_set("lanes", 4), _set("replay_rate", 0.2, 0.2)),
        ),
        FaultSpec(
            _K.PCIE_REPLAYS,
            _T.JOB_GPU,
            "GPU {gpu} on {node} sends PCIe packets again at a high rate: a bad slot or riser.",
            (40, 200),
            _set("replay_rate", 1.5, 3.0),
        ),
        FaultSpec(
            _K.POWER_BRAKE,
            _T.NODE,
            "The power supply of {node} brakes all its GPUs to half their clocks.",
            (8, 40),
            _set("brake", True),
        ),
        FaultSpec(
            _K.EXPORTER_DEAD,
            _T.NODE,
            "The exporter of {node} refuses connections: nothing is known of its GPUs, though its jobs run.",
            (6, 30),
            _set_node("node_refuses", True),
        ),
        FaultSpec(
            _K.EXPORTER_FROZEN,
            _T.NODE,
            "The exporter of {node} serves the same values again and again; its last success grows old.",
            (10, 45),
            _set("frozen", True),
        ),
        FaultSpec(
            _K.NODE_DRAINED,
            _T.NODE,
            "{node} is drained for maintenance: it takes no new jobs.",
            (60, 240),
            drain="maintenance: replace PSU 2",
        ),
        FaultSpec(
            _K.NODE_DOWN,
            _T.NODE,
            "{node} does not respond: Slurm marks it down, its jobs failed.",
            (10, 45),
            _all(_set_node("node_refuses", True), _set_node("node_down", True)),
            resets=True,
        ),
        FaultSpec(
            _K.SENSOR_STUCK,
            _T.JOB_GPU,
            "Power and temperature of GPU {gpu} on {node} do not move at all while its load does.",
            (40, 200),
            _set("stuck", True),
        ),
        FaultSpec(
            _K.CLOCK_SKEW,
            _T.NODE,
            "The clock of {node} is minutes off: its timestamps cannot be trusted.",
            (40, 200),
            _skew,
        ),
    )
}
