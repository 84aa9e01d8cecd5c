"""What a question asks for; "" where no rule is sure. Better no answer than one to another question."""

from __future__ import annotations

import re
from enum import StrEnum

from watchdog.assistant.rules.question import Question
from watchdog.assistant.rules.vocabulary import strange, unanswerable


class Intent(StrEnum):
    """What the rules can answer."""

    HEALTH = "health"
    JOB = "job"
    NODE = "node"
    GPU = "gpu"
    GPUS = "gpus"
    USER = "user"
    QUEUE = "queue"
    CAPACITY = "capacity"
    WASTE = "waste"
    COST = "cost"
    CHANGED = "changed"
    HISTORY = "history"
    FAILED = "failed"
    METRIC = "metric"
    NODES = "nodes"
    ALERTS = "alerts"
    OVERVIEW = "overview"
    XID = "xid"
    INCIDENT = "incident"


def _is(pattern: str, question: Question) -> bool:
    return re.search(pattern, question.text) is not None


_CAPACITY = (
    r"\b(can|could|may|would|will)\b.*\b(start|launch|run|submit|get|fit|schedule|begin|place|queue)\b|\bcapacity\b|"
    r"\b(free|available|spare|unused|unallocated)\b.*\b(gpus?|nodes?|slots?|resources?|room)\b|"
    r"\b(gpus?|nodes?|slots?|room|space)\b.*\b(free|available|left)\b|\b(room|space) for\b|\bfree block\b|\benough\b.*\b(gpus?|room)\b|\bis there room\b"
)
_WASTE = r"\bwast\w*|\bidl(e|ing|ers?)\b.*\b(who|users?|accounts?|people|jobs?|hours?|teams?|groups?)\b|\b(who|users?|accounts?|jobs?|teams?)\b.*\b(idle|idling|unused|inefficient|not using|hoard\w*)|\binefficien\w*|\bleast efficient|\bnever used\b|\bhogg?\w*"
_COST = r"\bcost\w*|\bspen[dt]\w*|\bmoney\b|\bdollars?\b|\busd\b|\bexpens\w*|\bbill\w*|\bprice\w*|\bbudget\b|\$"
_CHANGED = r"\bchang\w*|\bdiffer\w*|\bcompar\w*|\bversus\b|\bvs\b|\bthan (yesterday|before|last)|\b(increase|decrease|drop|rise|grow)\w*"
_FAILED = r"\b(fail|crash|abort|die|kill|timed? ?out|out of memory|oom)\w*\b.*\bjobs?\b|\bjobs?\b.*\b(fail|crash|abort|died|killed|timed? ?out|out of memory|oom|finish|end|complet)\w*|\b(finished|ended|completed)\b.*\bjobs?\b"
_HISTORY = r"\bhappen\w*|\bhistory\b|\bincidents?\b|\balerts?\b.*\b(were|was|yesterday|last|past|week|night|history)\b|\bwhat (went|was) wrong\b|\bsince (i|you) last\b"
_NODES = r"\bnodes?\b.*\b(drain\w*|down|out of service|offline|not responding|unavailable|maintenance)\b|\b(drain\w*|down|offline|out of service)\b.*\bnodes?\b"
_ALERTS = r"\balerts?\b|\backnowledg\w*|\bincidents?\b"
_QUEUE = r"\bqueue\w*|\bpending\b|\bwait\w*|\bbacklog\b|\bstuck in\b|\bnot start\w*|\bwhen will\b.*\bstart|\bjobs?\b.*\b(running|run)\b|\bwho (uses|is using|runs|is running|holds)\b|\brunning jobs?\b|\bwhat is running\b"
_GPUS = r"\b(hung|hang\w*|stuck|throttl\w*|lost|missing|fault\w*|broken|dead)\b.*\bgpus?\b|\bgpus?\b.*\b(hung|hang\w*|stuck|throttl\w*|lost|missing|fault\w*|broken|idle|busy|unknown|dead|held)\b|\b(idle|busy)\b.*\bgpus?\b"
_METRIC = r"\bhot\w*|\btemperature\w*|\bwarm\w*|\bcool\w*|\bpower\b|\bwatts?\b|\benergy\b|\butili[sz]\w*|\bload(ed)?\b|\bmemory\b|\bvram\b|\bbusiest\b|\bclocks?\b|\bpcie\b|\bnvlink\b|\becc\b"
_HEALTH = r"\battention\b|\bhealth\w*|\bwrong\b|\bproblems?\b|\bissues?\b|\btrouble\b|\balerts?\b|\bbroken\b|\bok(ay)?\b|\bfine\b|\bfindings?\b|\bfault\w*|\bfail\w*|\burgent\b|\bcritical\b|\blook at\b|\bworr\w*|\bdegraded\b|\bsick\b|\bxids?\b|\becc\b|\bhung\b|\bhang\w*|\bstragglers?\b|\bstuck\b|\blag\w*|\boff the bus\b|\bexporters?\b|\bsilent\b"
_OVERVIEW = r"\boverview\b|\bsummar\w*|\bstatus\b|\bhow (is|are|busy|many|much)\b|\bcluster\b|\bstate of\b"


def intent_of(question: Question) -> Intent | None:
    """The first rule that holds; None where the question is about what no rule reads."""
    if strange(question.text, question) or unanswerable(question.text):
        return None
    return _by_entity(question) or _by_words(question)


def _by_entity(question: Question) -> Intent | None:
    if question.xid is not None:
        return Intent.XID
    if question.job:
        return Intent.JOB
    if question.gpu:
        return Intent.GPU
    if question.node and not _is(_CHANGED, question):
        return Intent.HISTORY if _is(r"\bhappen\w*|\balerts?\b|\bincidents?\b", question) else Intent.NODE
    if question.user and not _is(f"{_COST}|{_WASTE}", question):
        return Intent.USER
    return Intent.INCIDENT if question.incident and _is(r"\bwhy\b|\bthis\b|\bexplain\b|\bwhat\b", question) else None


_ORDER = (
    (Intent.CAPACITY, _CAPACITY),
    (Intent.COST, _COST),
    (Intent.WASTE, _WASTE),
    (Intent.FAILED, _FAILED),
    (Intent.CHANGED, _CHANGED),
    (Intent.HISTORY, _HISTORY),
    (Intent.NODES, _NODES),
    (Intent.ALERTS, _ALERTS),
    (Intent.QUEUE, _QUEUE),
    (Intent.GPUS, _GPUS),
    (Intent.METRIC, _METRIC),
    (Intent.HEALTH, _HEALTH),
    (Intent.OVERVIEW, _OVERVIEW),
)


def _by_words(question: Question) -> Intent | None:
    found = next((intent for intent, pattern in _ORDER if _is(pattern, question)), None)
    # Who is how busy stands in the table of who held what.
    people = found is Intent.METRIC and _is(r"\b(users?|accounts?|partitions?|teams?|who)\b", question)
    return Intent.WASTE if people else found
