"""What NVIDIA's XID codes mean for an operator, and where gpud thinks otherwise.

Sources: NVIDIA's XID catalogue (docs.nvidia.com/deploy/xid-errors; the spreadsheet's column "Immediate Action"),
gpud's table (leptonai/gpud, components/accelerator/nvidia/xid), and the codes that Azure's node health checks call
bad. Codes that the catalogue calls unused and that nobody treats as a fault are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class XidAction(StrEnum):
    """What to do first, in NVIDIA's order of gravity."""

    IGNORE = "ignore"
    APPLICATION = "restart the application"
    DIAGNOSTICS = "run diagnostics"
    RESET = "reset the GPU"
    REBOOT = "reboot the node"


@dataclass(frozen=True, slots=True)
class Xid:
    """One code.

    Attributes:
        words: what it says, without the number.
        nvidia: the catalogue's word ("RESET_GPU"); "" where it gives no action.
        action: the class of that word.
        gpud: gpud's verdict in words; "" where it asks for nothing.
        lasts: the GPU stays suspect until a reset, a reboot or a day has passed; otherwise the event is over by itself.
    """

    code: int
    words: str
    nvidia: str
    action: XidAction
    gpud: str
    lasts: bool

    @property
    def source(self) -> str:
        """Whose verdict it is, and the other one where there is one."""
        verdict = f"NVIDIA XID catalogue: {self.nvidia or 'no action given'}"
        return f"{verdict}; gpud: {self.gpud}" if self.gpud else verdict

    @property
    def is_disputed(self) -> bool:
        """NVIDIA finds nothing wrong with the hardware where gpud would reboot, or inspect it."""
        harmless = self.action in {XidAction.IGNORE, XidAction.APPLICATION}
        return harmless and self.gpud not in {"", _GPUD_IGNORES}


_GPUD_IGNORES = "ignore"
_GPUD = {
    **dict.fromkeys(
        (32, 38, 44, 48, 62, 63, 64, 65, 68, 69, 74, 79, 95, 110, 119, 120, 121, 123, 140),
        "reboot, then inspect the hardware",
    ),
    **dict.fromkeys(
        (42, 46, 60, 61, 78, *range(144, 152), 155, 156, 158, 163, 166, 167, 169, 172),
        "reboot",
    ),
    **dict.fromkeys((81, 143), "inspect the hardware"),
    **dict.fromkeys((45, 92, 94), _GPUD_IGNORES),
}

_ACTIONS = {
    "RESTART_APP": XidAction.APPLICATION,
    "WORKFLOW_XID_45": XidAction.APPLICATION,
    "RESTART_VM": XidAction.APPLICATION,
    "UPDATE_SWFW": XidAction.APPLICATION,
    "IGNORE": XidAction.IGNORE,
    "XID_154": XidAction.IGNORE,
    "CHECK_UVM": XidAction.IGNORE,
    "RESET_GPU": XidAction.RESET,
    "WORKFLOW_XID_48": XidAction.RESET,
    "WORKFLOW_NVLINK_ERR": XidAction.RESET,
    "WORKFLOW_NVLINK5_ERR": XidAction.RESET,
    "RESTART_BM": XidAction.REBOOT,
    "CHECK_MECHANICALS": XidAction.DIAGNOSTICS,
    "CONTACT_SUPPORT": XidAction.DIAGNOSTICS,
    "": XidAction.DIAGNOSTICS,
}

# NVIDIA lets these pass; a node health check should not: 63 waits for a reset, 80 and 92 are on Azure's list of bad
# XIDs, and 92 precedes a failing memory.
_LASTING_ANYWAY = frozenset({63, 80, 92})
# The catalogue gives these no action, and their words tell of no broken part.
_OVER_ANYWAY = frozenset({*range(162, 167), 170})

_CATALOGUE: dict[str, dict[int, str]] = {
    "RESTART_APP": {
        8: "GPU stopped processing",
        11: "invalid or corrupted push buffer stream",
        13: "graphics engine exception",
        25: "invalid or illegal push buffer stream",
        31: "GPU memory page fault",
        32: "invalid or corrupted push buffer stream",
        39: "copy engine exception",
        40: "copy engine exception",
        41: "copy engine exception",
        60: "video processor exception",
        68: "video decoder exception",
        69: "graphics engine class error",
        **dict.fromkeys((70, 71, 72, 75, 76, 77, 85), "copy engine error"),
        80: "corrupted data sent to the GPU",
        **dict.fromkeys((83, 84, 88, 89, 96, 97, 98), "video decoder error"),
        **dict.fromkeys((82, *range(99, 106)), "JPEG decoder error"),
        86: "optical flow accelerator error",
        94: "contained memory error",
        **dict.fromkeys(range(126, 136), "copy engine error"),
        139: "optical flow accelerator error",
    },
    "IGNORE": {
        37: "driver firmware error",
        38: "driver firmware error",
        43: "GPU stopped processing",
        44: "graphics engine fault during context switch",
        63: "memory row remapping recorded",
        66: "illegal access by driver",
        67: "illegal access by driver",
        92: "high rate of single-bit ECC errors",
        93: "InfoROM wear limit exceeded",
        106: "SMBPBI test message",
        107: "SMBPBI test message",
        121: "C2C link error",
        137: "NVLink privilege error",
        141: "CUDA fast path error",
        152: "DLA SMMU error",
        153: "DLA timeout",
        157: "resource retirement failure",
        160: "channel retirement",
        161: "channel retirement failure",
    },
    "RESET_GPU": {
        46: "GPU stopped processing",
        62: "internal micro-controller halt",
        64: "row remap or page retirement failed",
        95: "uncontained memory error",
        109: "context switch timeout",
        110: "security fault",
        119: "GSP firmware does not answer",
        120: "GSP firmware error",
        136: "link training failed",
        140: "unrecovered ECC error",
        143: "GPU initialization error",
        155: "NVLink error defined by software",
        156: "resource retirement",
        158: "fatal timeout",
    },
    "RESTART_BM": {79: "GPU has fallen off the bus"},
    "WORKFLOW_XID_48": {48: "double-bit ECC error"},
    "WORKFLOW_XID_45": {45: "cleanup after an earlier error"},
    "WORKFLOW_NVLINK_ERR": {74: "NVLink error"},
    "WORKFLOW_NVLINK5_ERR": dict.fromkeys(range(144, 151), "NVLink 5 error"),
    "CHECK_MECHANICALS": {54: "auxiliary power is not connected"},
    "UPDATE_SWFW": {78: "vGPU start error"},
    "RESTART_VM": {151: "key rotation error"},
    "CHECK_UVM": {159: "CHI non-data error"},
    "XID_154": {154: "recovery action changed"},
    "CONTACT_SUPPORT": {
        42: "video processor exception",
        56: "display engine error",
        57: "error in memory link training",
        58: "memory timing error",
        61: "internal micro-controller breakpoint",
        65: "video processor exception",
        73: "video encoder error",
        81: "VGA subsystem error",
        123: "power management unit does not answer",
        142: "video encoder error",
    },
    "": {
        **dict.fromkeys(range(162, 166), "power smoothing changed"),
        166: "NVLink traffic before the link was secured",
        167: "fatal PCIe timeout",
        168: "reduced memory capacity",
        169: "internal micro-controller halt",
        170: "interrupt under confidential computing",
        171: "uncorrectable DRAM error",
        172: "uncorrectable SRAM error",
    },
}


def _xid(code: int, words: str, nvidia: str) -> Xid:
    action = _ACTIONS[nvidia]
    hard = action not in {XidAction.IGNORE, XidAction.APPLICATION}
    lasts = (hard or code in _LASTING_ANYWAY) and code not in _OVER_ANYWAY
    return Xid(code, words, nvidia, action, _GPUD.get(code, ""), lasts)


XIDS: MappingProxyType[int, Xid] = MappingProxyType(
    {code: _xid(code, words, nvidia) for nvidia, codes in _CATALOGUE.items() for code, words in codes.items()}
)

# Codes that speak of broken hardware. 63 alone is no fault: the row was replaced.
HARDWARE_FAULTS: MappingProxyType[int, str] = MappingProxyType(
    {code: xid.words for code, xid in XIDS.items() if xid.lasts and code != 63}
)


def xid_of(code: int) -> Xid:
    """What the code means; of one that is not in the tables it is only known that support should be asked."""
    return XIDS.get(code) or Xid(code, "", "CONTACT_SUPPORT", XidAction.DIAGNOSTICS, _GPUD.get(code, ""), lasts=True)


def xid_text(code: int) -> str:
    """The code in words, as far as we know it: "XID 79: GPU has fallen off the bus"."""
    known = XIDS.get(code)
    return f"XID {code}: {known.words}" if known else f"XID {code}"
