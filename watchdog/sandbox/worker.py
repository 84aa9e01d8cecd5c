"""The process that answers one question and ends: `python -I -c "…worker.main()" FOLDER`.

It imports, gives up its rights, and waits; what it may read is known by then, the question is not.
"""

from __future__ import annotations

import os
import sys
import threading
from importlib.abc import MetaPathFinder
from typing import Any, BinaryIO

from watchdog.sandbox import confine


class _NoPandas(MetaPathFinder):
    """pyarrow and DuckDB would load it at the first list they see: half a second that no question needs."""

    def find_spec(self, fullname: str, *_: object) -> None:
        """Refuse that one, leave others to the next finder."""
        if fullname == "pandas":
            raise ImportError(fullname)


def main(folder: str) -> None:
    """Answer the question that comes on standard input, about files in `folder`."""
    sys.meta_path.insert(0, _NoPandas())
    missing = [confine.leave_network()]
    import pyarrow.ipc  # noqa: PLC0415 (after the network is gone)

    from watchdog.sandbox import engine, wire  # noqa: PLC0415

    # The first call looks for pandas.
    pyarrow.array([""])
    missing.append(confine.read_only(folder))
    # Only now: threads that are there already would keep their rights.
    connection = engine.opened()
    request, answer = os.fdopen(0, "rb"), os.fdopen(1, "wb")
    try:
        question = wire.read_json(request)
        blocks = [wire.read_block(request) for _ in range(1 + len(question["inputs"]))]
    except EOFError:
        return
    _end_with_the_asker(request)
    missing = [words for words in missing if words]
    try:
        answered = _answered(engine, connection, question, blocks)
    except Exception as error:  # noqa: BLE001 (whatever it is, the asker must hear of it)
        wire.write_json(answer, {"error": _error(error), "open": missing})
        answer.flush()
        os._exit(0)
    wire.write_json(answer, {"cut": answered.cut, "open": missing})
    with pyarrow.ipc.new_stream(answer, answered.table.schema) as stream:
        stream.write_table(answered.table)
    answer.flush()
    os._exit(0)


def _answered(engine: Any, connection: Any, question: dict[str, Any], blocks: list[bytes]) -> Any:  # noqa: ANN401
    import pyarrow.ipc  # noqa: PLC0415

    from watchdog.sandbox.cells import without_zone  # noqa: PLC0415
    from watchdog.sandbox.limits import Limits  # noqa: PLC0415

    limits = Limits(**question["limits"])
    confine.limit(limits.seconds, limits.memory_bytes, limits.threads)
    parameters, *inputs = (without_zone(pyarrow.ipc.open_stream(block).read_all()) for block in blocks)
    tables = {name: engine.TableFiles(**table) for name, table in question["tables"].items()}
    values = parameters.to_pylist()[0] if parameters.num_columns else {}
    return engine.answer(
        connection, question["sql"], values, tables, dict(zip(question["inputs"], inputs, strict=True)), limits
    )


def _error(error: Exception) -> dict[str, Any]:
    from watchdog.base.errors import SqlError  # noqa: PLC0415

    if isinstance(error, SqlError):
        found = {"message": str(error), "hint": error.hint, "kind": error.kind}
        return {**found, "line": error.line, "column": error.column}
    if isinstance(error, MemoryError):
        return {"message": "the question needs more memory than it may have", "kind": "memory"}
    return {"message": f"{type(error).__name__}: {error}"[:500], "kind": "failed"}


def _end_with_the_asker(request: BinaryIO) -> None:
    """A question that nobody waits for any more is not worth its processor time."""

    def watch() -> None:
        request.read(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
