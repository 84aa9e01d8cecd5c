"""One shape a state, as SVG paths in a square from -1 to 1: readable without colour."""

from __future__ import annotations

from types import MappingProxyType

from watchdog.model.health import GpuState

RING = "M0,-0.9A0.9,0.9,0,1,1,0,0.9A0.9,0.9,0,1,1,0,-0.9ZM0,-0.5A0.5,0.5,0,1,0,0,0.5A0.5,0.5,0,1,0,0,-0.5Z"
_FLAME = (
    "M0,-1C0.2,-0.5,0.75,-0.2,0.75,0.35A0.75,0.65,0,0,1,-0.75,0.35C-0.75,0,-0.45,-0.15,-0.4,-0.5C-0.1,-0.4,0,-0.7,0,-1Z"
)
PAUSE = "M-0.75,-0.85H-0.2V0.85H-0.75ZM0.2,-0.85H0.75V0.85H0.2Z"
TRIANGLE = "M0,-0.9L0.95,0.8H-0.95Z"
CROSS = "M-0.9,-0.6L-0.6,-0.9L0,-0.3L0.6,-0.9L0.9,-0.6L0.3,0L0.9,0.6L0.6,0.9L0,0.3L-0.6,0.9L-0.9,0.6L-0.3,0Z"
HATCH = "M-0.9,-0.1L-0.1,-0.9H0.3L-0.9,0.3ZM-0.9,0.7L0.7,-0.9H0.9V-0.7L-0.7,0.9H-0.9ZM-0.3,0.9L0.9,-0.3V0.1L0.1,0.9Z"

SHAPES: MappingProxyType[GpuState, str] = MappingProxyType(
    {
        GpuState.HELD_IDLE: RING,
        GpuState.THROTTLED: _FLAME,
        GpuState.HUNG: PAUSE,
        GpuState.FAULTY: TRIANGLE,
        GpuState.LOST: CROSS,
        GpuState.UNKNOWN: HATCH,
    }
)
