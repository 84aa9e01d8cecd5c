"""The JSON of a Prometheus-compatible server into numbers.

Only the envelope and the labels are decoded as JSON; the samples of all series together are read as one CSV,
which is faster than any JSON decoder and takes NaN and Inf. The garbage collector, which would look at every
object again and again meanwhile, is off.
"""

from __future__ import annotations

import contextlib
import gc
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv

from watchdog.base.errors import SourceFormatError
from watchdog.model.arrays import Floats, Ints
from watchdog.sources.http import excerpt

_HINT = "Something else answered: WATCHDOG_PROMETHEUS_URL must be the server's base URL, past any sign-in page."
# The words that tell a limit come last in VictoriaMetrics' errors.
_LONGEST_ERROR = 2000
_LINES = bytes.maketrans(b"]", b"\n")
_READ = pyarrow.csv.ReadOptions(column_names=["", "at", "value"], use_threads=False, block_size=1 << 24)
_CONVERT = pyarrow.csv.ConvertOptions(
    column_types={"at": pa.float64(), "value": pa.float64()}, include_columns=["at", "value"]
)


class _Series(msgspec.Struct, gc=False):
    metric: msgspec.Raw
    values: msgspec.Raw = msgspec.Raw(b"[]")
    value: msgspec.Raw = msgspec.Raw(b"")


class _Data(msgspec.Struct, gc=False):
    result_type: str = msgspec.field(name="resultType")
    result: list[_Series] = []


class _Envelope(msgspec.Struct, gc=False):
    status: str
    data: _Data | None = None
    error: str = ""
    errorType: str = ""  # noqa: N815 (the API's word)
    warnings: list[str] = []
    infos: list[str] = []
    isPartial: bool = False  # noqa: N815


_ENVELOPE = msgspec.json.Decoder(_Envelope, strict=False)


@dataclass(frozen=True)
class Series:
    """Samples of many series, one series after the other.

    Attributes:
        labels: each series' labels, as JSON text.
        counts: how many samples each has.
        at_micros, value: the samples.
        remarks: in words, why something may be missing.
    """

    labels: list[bytes]
    counts: Ints
    at_micros: Ints
    value: Floats
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.at_micros)


def decoded(body: bytes, order: Callable[[list[bytes]], list[int]] | None = None) -> Series:
    """Series of a matrix or a vector.

    Args:
        body: the answer.
        order: puts the series in order: given their labels, the positions of those to keep.

    Raises:
        SourceFormatError: not the answer of a Prometheus-compatible server.
    """
    with quiet():
        envelope = _envelope(body)
        if envelope.data is None or envelope.data.result_type not in ("matrix", "vector"):
            raise SourceFormatError("the server answered something else than series", hint=_HINT)
        series = envelope.data.result
        labels = [bytes(one.metric) for one in series]
        if order is not None:
            chosen = order(labels)
            series, labels = [series[n] for n in chosen], [labels[n] for n in chosen]
        texts = [bytes(one.value or one.values) for one in series]
        counts = np.array([text.count(b'"') >> 1 for text in texts], dtype=np.int64)
        at, value = _samples(texts)
    if len(at) != counts.sum():
        raise SourceFormatError("the server's samples are not pairs of time and value", hint=_HINT)
    return Series(labels, counts, at, value, _remarks(envelope))


def _envelope(body: bytes) -> _Envelope:
    try:
        envelope = _ENVELOPE.decode(body)
    except msgspec.MsgspecError:
        said = excerpt(body, 80)
        raise SourceFormatError(f"the server did not answer in Prometheus' format: {said}", hint=_HINT) from None
    if envelope.status != "success":
        raise SourceFormatError(f"the server answered: {envelope.error or envelope.status}", hint=_HINT)
    return envelope


def _samples(texts: list[bytes]) -> tuple[Ints, Floats]:
    """`[[1790926501.024,"11"],…]` of all series as instants and values."""
    pairs = b",".join([b"", *(text for text in texts if len(text) > 2)])
    if not pairs:
        return np.empty(0, dtype=np.int64), np.empty(0)
    # Every pair's line begins with the comma before it: one pass over the bytes instead of two.
    lines = pairs.translate(_LINES, b'[" ')
    try:
        table = pyarrow.csv.read_csv(pa.py_buffer(lines), read_options=_READ, convert_options=_CONVERT)
    except pa.ArrowInvalid:
        raise SourceFormatError("the server's samples are not numbers", hint=_HINT) from None
    at = np.rint(_column(table, "at") * 1000).astype(np.int64) * 1000
    return at, _column(table, "value")


def _column(table: Any, name: str) -> Floats:  # noqa: ANN401 (pyarrow has no types)
    """The column; what CSV calls null is NaN."""
    return np.asarray(table.column(name).combine_chunks().to_numpy(zero_copy_only=False), dtype=np.float64)


def _remarks(envelope: _Envelope) -> tuple[str, ...]:
    partial = ("some storage nodes did not answer",) if envelope.isPartial else ()
    said = tuple(text[:200] for text in (*envelope.warnings, *envelope.infos)[:5])
    return tuple(dict.fromkeys((*partial, *said)))


def error_text(body: bytes) -> tuple[str, str]:
    """Type and text of an error; proxies send plain text or a bare JSON string, Mimir and Thanos their own."""
    try:
        found = json.loads(body)
    except ValueError:
        return "", excerpt(body)
    if isinstance(found, dict):
        return str(found.get("errorType", "")), str(found.get("error", ""))[:_LONGEST_ERROR]
    return "", str(found)[:_LONGEST_ERROR]


class _Quiet:
    """Garbage collection off while any thread is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = True

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._was_on = gc.isenabled()
                gc.disable()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside and self._was_on:
                    gc.enable()


quiet = _Quiet()
