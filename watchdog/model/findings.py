"""What a health check found: what is wrong, with whom, since when, how we know, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Severity(StrEnum):
    """How urgent it is: CRITICAL costs work or data now, WARNING will, INFO is worth knowing."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the least urgent; for sorting."""
        return _RANKS[self]


_RANKS = {severity: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Whom something is about; what does not apply is ''. Two findings of one check differ in their subjects.

    Attributes:
        node: Slurm's short node name.
        gpu_uuid: set where it is about one GPU; then `node` is, too.
        job_id: set where it is about a job as a whole.
        part: what else tells two findings apart: an XID ("xid=79"), a partition, a source's name.
    """

    node: str = ""
    gpu_uuid: str = ""
    job_id: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reading that the verdict rests on: "power_watts, 71.2 W of 700 W, at 14:03".

    Attributes:
        what: a catalogue key, or a word of Slurm's ("reason").
        value: in words, with its unit.
    """

    what: str
    value: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong now. Its texts may quote the cluster: whoever shows them escapes them.

    Attributes:
        check: key of the check (`analysis.health.registry`) or id of the threshold rule.
        since: when it began, as far as can be told; None where it cannot.
        gpu_index: the GPU's place in its node, for people.
        job_id: the job that is affected, also where the subject is a GPU or a node; "" for none.
        explanation: what is seen, in one sentence with numbers.
        action: what to do next, in one sentence.
        source: whose threshold or table the verdict comes from ("NVIDIA XID catalogue").
        cleared_by: what ends it ("a reset of the GPU"); '' where it ends when it is no longer seen.
        value: the number it was judged by, in the catalogue's base unit; None where there is none.
    """

    check: str
    severity: Severity
    subject: Subject
    explanation: str
    action: str
    source: str
    since: datetime | None = None
    gpu_index: int | None = None
    job_id: str = ""
    user: str = ""
    value: float | None = None
    evidence: tuple[Evidence, ...] = ()
    cleared_by: str = ""


@dataclass(frozen=True, slots=True)
class Blind:
    """Whom a check could not judge, for want of data: of them nothing new is known, good or bad.

    Attributes:
        everybody: it could judge nobody.
        why: in words ("no exporter publishes xid_errors_count").
    """

    everybody: bool = False
    nodes: frozenset[str] = frozenset()
    gpus: frozenset[str] = frozenset()
    jobs: frozenset[str] = frozenset()
    why: str = ""

    def covers(self, subject: Subject) -> bool:
        """Whether nothing can be said of this subject."""
        return (
            self.everybody
            or (subject.node in self.nodes and subject.node != "")
            or (subject.gpu_uuid in self.gpus and subject.gpu_uuid != "")
            or (subject.job_id in self.jobs and subject.job_id != "")
        )


SIGHTED = Blind()


@dataclass(frozen=True, slots=True)
class Judged:
    """A check's answer. Who is neither found nor blind is fine, as far as this check can tell."""

    findings: tuple[Finding, ...] = ()
    blind: Blind = SIGHTED
