"""How much one question may take."""

from __future__ import annotations

from dataclasses import dataclass

# Files of a snapshot outlive their successors by a little more: see `store.lake`.
LONGEST_SECONDS = 240.0
MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """Bounds of one question; the first that is reached ends it.

    Attributes:
        seconds: of wall time, from the start to the last byte of the answer; also of CPU time, for each thread.
        memory_bytes: what the engine may hold; the whole process may have half a GiB of addresses more.
        rows, result_bytes: of the answer; beyond, it is cut and marked so.
        cell_chars: of one text; longer ones are cut and end in an ellipsis.
        sql_chars: of the question.
    """

    seconds: float = 30.0
    memory_bytes: int = 512 * MIB
    threads: int = 2
    rows: int = 1_000_000
    result_bytes: int = 256 * MIB
    cell_chars: int = 10_000
    sql_chars: int = 100_000

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= LONGEST_SECONDS:
            raise ValueError(f"a question may take up to {LONGEST_SECONDS:g} s, not {self.seconds:g}")
