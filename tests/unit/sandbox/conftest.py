"""A sandbox over a folder with one table, and a server's file beside it that must never change."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from watchdog.sandbox.limits import MIB, Limits
from watchdog.sandbox.sandbox import Sandbox

# As the tables have it: UTC, without saying so.
_MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC).replace(tzinfo=None)
ROWS = pa.table(
    {
        "node": ["n1", "n1", "n2", None],
        "bucket_at": pa.array([_MIDNIGHT + timedelta(hours=i) for i in range(4)], pa.timestamp("us")),
        "avg": [0.1, 0.9, 0.5, None],
    }
)
QUICK = Limits(seconds=20, memory_bytes=128 * MIB)


class Place:
    """The server's folder: its database, and the snapshot within it."""

    def __init__(self, root):
        self.root = root
        self.folder = root / "history"
        (self.folder / "samples").mkdir(parents=True)
        self.database = root / "watchdog.duckdb"
        self.database.write_bytes(b"SECRET of the server" * 1000)
        self.secret = root / "secret.csv"
        self.secret.write_text("password\nhunter2\n")
        self.file = self.folder / "samples" / "a.parquet"
        pq.write_table(ROWS, self.file)
        (self.folder / "link.csv").symlink_to(self.secret)
        (self.folder / "samples" / "link.parquet").symlink_to(self.secret)
        self.sandbox = Sandbox(self.folder)
        columns = [("node", "VARCHAR"), ("bucket_at", "TIMESTAMP"), ("avg", "DOUBLE")]
        self.tables = {
            "samples": {"columns": columns, "files": [str(self.file)]},
            "jobs": {"columns": [("job_id", "VARCHAR"), ("gpus", "BIGINT")], "files": []},
        }

    def ask(self, sql, parameters=None, inputs=None, limits=QUICK):
        return self.sandbox.run(sql, parameters, inputs, limits, tables=self.tables)

    def rows(self, sql, parameters=None, inputs=None, limits=QUICK):
        return self.ask(sql, parameters, inputs, limits).table.to_pylist()

    def fingerprint(self):
        found = sorted(path for path in self.root.rglob("*"))
        return [
            (str(path), path.is_symlink(), hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
            for path in found
        ]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    made = Place(tmp_path_factory.mktemp("server"))
    yield made
    made.sandbox.close()
