"""The page about the demo names every fault."""

from pathlib import Path

from watchdog.sources.demo.faults import FaultKind

PAGE = Path(__file__).parents[4] / "docs" / "demo.md"


def test_every_fault_has_its_row():
    text = PAGE.read_text(encoding="utf-8")
    assert [kind for kind in FaultKind if f"| `{kind}` |" not in text] == []
