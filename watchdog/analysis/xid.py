"""What NVIDIA's XID codes mean for an operator.

Source: NVIDIA XID catalogue (docs.nvidia.com/deploy/xid-errors), and the codes that Azure's node health
checks and gpud treat as a fault of the hardware. Codes that a program causes itself (13, 31, 43, 45) are none.
"""

from __future__ import annotations

from types import MappingProxyType

HARDWARE_FAULTS: MappingProxyType[int, str] = MappingProxyType(
    {
        48: "double-bit ECC error",
        62: "internal micro-controller halt",
        64: "row remap or page retirement failed",
        74: "NVLink error",
        79: "GPU has fallen off the bus",
        80: "corrupted data sent to the GPU",
        81: "VGA subsystem error",
        92: "high rate of single-bit ECC errors",
        95: "uncontained memory error",
        119: "GSP firmware does not answer",
        120: "GSP firmware error",
        140: "unrecovered ECC error",
    }
)


def xid_text(code: int) -> str:
    """The code in words, as far as we know it: "XID 79: GPU has fallen off the bus"."""
    meaning = HARDWARE_FAULTS.get(code)
    return f"XID {code}: {meaning}" if meaning else f"XID {code}"
