"""What the exporter asks for beside jobs and nodes, and what commands say when they refuse."""

import math
import re
from datetime import UTC
from pathlib import Path

import pytest

from tests.unit.exporters.support import samples
from tests.unit.sources.slurm_recordings.tables import text
from tests.unit.sources.test_slurm_series import over
from watchdog.base.errors import SourceError
from watchdog.exporters.slurm.holdings import parse_licenses, parse_reservations
from watchdog.exporters.slurm.sdiag import parse_sdiag, scheduler_page
from watchdog.exporters.slurm.shares import parse_sshare
from watchdog.model.slurm import hostlist
from watchdog.sources.slurm_commands import Output, refusal


def sdiag(path: Path):
    found = samples(scheduler_page(parse_sdiag(text(path))))
    said = re.search(r"Server thread count:\s+(\d+)", text(path))[1]
    assert found["slurm_scheduler_threads"] == [({}, float(said))]
    assert {"slurm_scheduler_last_cycle", "slurm_scheduler_backfill_last_cycle"} <= set(found)


def shares(path: Path):
    found = parse_sshare(text(path))
    assert len(found) == len(text(path).splitlines())
    assert all(0 <= share.norm_shares <= 1 for share in found)
    assert all(math.isnan(share.fairshare) or 0 <= share.fairshare <= 1 for share in found)


def licenses(path: Path):
    found = parse_licenses(text(path))
    assert len(found) == text(path).count("LicenseName=")
    assert all(one.total == one.used + one.free for one in found)


def reservations(path: Path):
    one_line = re.sub(r"\n +", " ", text(path))
    found = parse_reservations(one_line, UTC)
    assert len(found) == text(path).count("ReservationName=")
    relative = "relative_time" in path.name
    for one in found:
        assert len(hostlist.expand(one.nodes)) == one.node_count
        # Times without a day cannot be placed: the exporter asks for SLURM_TIME_FORMAT=standard.
        assert relative or one.starts_at < one.ends_at
        assert not relative or one.starts_at is one.ends_at is None


def complaints(path: Path):
    """What commands said when they refused: an error of ours with a hint, whatever the words."""
    said = [part.strip() for part in text(path).split("$ ") if "rc=0" not in part and part.strip()]
    assert said
    for part in said:
        command, _, words = part.partition("\n")
        error = refusal(command.split()[0], Output(1, "", words))
        assert isinstance(error, SourceError)
        assert error.hint


def nobodys_page(path: Path):
    """Series of jobs' cgroups: no exporter of the queue that we know."""
    with pytest.raises(SourceError):
        over(path.read_bytes()).snapshot()
