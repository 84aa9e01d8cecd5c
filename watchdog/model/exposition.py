"""Writing Prometheus' text exposition format (version 0.0.4); reading it is `sources.exposition`'s work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def labels_text(labels: Mapping[str, str]) -> str:
    """Labels as `{name="value",…}`, values escaped; '' without labels."""
    inner = ",".join(f'{name}="{str(value).translate(_ESCAPES)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def family_text(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> str:
    """One metric family: HELP, TYPE, then a line for each `(labels_text, value)`; '' without samples."""
    lines = [f"{name}{labels} {number_text(value)}\n" for labels, value in samples]
    if not lines:
        return ""
    explanation = text.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {explanation}\n# TYPE {name} {kind}\n{''.join(lines)}"


def number_text(value: float) -> str:
    """A float as Prometheus reads it back without loss; whole numbers without a point."""
    if value != value:  # noqa: PLR0124 (NaN)
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
