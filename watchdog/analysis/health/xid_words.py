"""What to do after an XID, in one sentence."""

from __future__ import annotations

from types import MappingProxyType

from watchdog.analysis.xid import XidAction, xid_of

_BY_ACTION = MappingProxyType(
    {
        XidAction.IGNORE: "Nothing to do by itself; look at what the job printed.",
        XidAction.APPLICATION: "An error of the program, not of the GPU: its owner should look at it and start it again.",
        XidAction.DIAGNOSTICS: "Look at dmesg on the node, run `dcgmi diag -r 3`, and ask NVIDIA if it fails.",
        XidAction.RESET: "Drain the node and reset the GPU.",
        XidAction.REBOOT: "Drain the node and reboot it.",
    }
)
_BY_CODE = MappingProxyType(
    {
        45: "The driver cleaned up after an error that it did not name: restart Fabric Manager if it comes again.",
        48: "Drain the node and reset the GPU.",
        54: "Check the GPU's power cables.",
        63: "Reset the GPU when it is idle, so that the spare row is used.",
        64: "Drain the node, reset the GPU, run a field diagnostic; the board is a candidate for return.",
        74: "Reset the GPU; if it comes again check the NVLink connections and the registers in dmesg.",
        78: "Update the vGPU software and the driver.",
        79: "Drain the node and reboot it; if it comes again reseat the board or have it replaced.",
        92: "Watch it, and run a field diagnostic at the next chance.",
        94: "The job is lost, the GPU goes on: start the job again, and reset the GPU when it is idle.",
        154: "Do what the driver's recovery action says.",
    }
)
_RETURN = "It came back after a reset or boot: run a field diagnostic and have the board replaced."
_TEST = "It came back on the same GPU within a day: run `dcgmi diag -r 3`, and look whether the job is the same."


def action_of(code: int, all_codes: set[int], *, again: bool, after_reset: bool) -> str:
    """The next step.

    Args:
        code: the XID.
        all_codes: every XID of that GPU in the last 24 hours.
        again: whether it happened more than once.
        after_reset: whether it happened before the last reset, too.
    """
    xid = xid_of(code)
    if xid.lasts and after_reset:
        return _RETURN
    if code == 48 and 64 in all_codes:
        return _BY_CODE[64]
    if code == 48 and 63 in all_codes:
        return "Drain the node, let its jobs end, and reset the GPU, so that the spare row is used."
    if again and xid.action is XidAction.APPLICATION:
        return _TEST
    return _BY_CODE.get(code, _BY_ACTION[xid.action])
