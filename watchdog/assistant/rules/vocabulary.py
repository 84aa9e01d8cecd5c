"""Which words the rules know, and what nobody measures here: a question about something else is not answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchdog.assistant.rules.question import Question

# What people ask and no source here tells, with what would be needed.
_NOT_MEASURED: tuple[tuple[str, str], ...] = (
    (r"\b(will|predict\w*|forecast\w*|tomorrow|next (week|month|day|hour|year)|in the future|expect(ed)? to fail|going to)\b(?!.*\b(fit|run|start)\b.*\bnow\b)", "a forecast: only what was measured is known"),
    (r"\b(loss|accuracy|perplexity|epochs?|checkpoints?|converg\w*|learning rate|gradients?|batch size|tokens? per second|tflops|mfu)\b", "what programs compute: no job's own metrics are read"),
    (r"\b(source code|stack ?trace|traceback|line of code|stdout|stderr|log ?files?|logs?|dmesg|core dump|bugs?)\b", "logs and code of jobs: they are not read"),
    (r"\b(infiniband|ethernet|bandwidth of the network|network|latency|packets?|switch(es)?|roce|fabric|dns|ping)\b", "the network: it is not measured"),
    (r"\b(file ?systems?|lustre|nfs|scratch|storage|disks?|iops|quota)\b", "storage: it is not measured"),
    (r"\b(cpu (temperature|util\w*|load|usage)|swap|load average|processes|python packages?|cuda version|driver version|firmware|bios|kernel version|os version)\b", "nodes beside their GPUs: their CPUs, processes and software are not measured"),
    (r"\b(e-?mail|phone|address|passwords?|token|secret|credentials?|api key|salary|boss|manager|on call|on-call|contact|serial number|warranty|invoice|vendor|supplier|rack|room temperature|humidity|weather|building|carbon|co2|electricity price)\b", "facts that no source of this app tells"),
    (r"\b(who (is|was) (the )?(president|king|author)|capital of|joke|poem|recipe|translate|news|stock|bitcoin|lottery|meaning of life|world cup)\b", "anything beside this cluster"),
    (r"\broom\b.*\b(hot|warm|cool|cold|temperature)\b", "the room: only sensors of GPUs are read"),
    (r"\b(intend\w*|intention|why did (he|she|they|the user)|why (did|does|would) (?!(job|node|gpu|the|my|this|that|it|slurm)\b)[\w.-]+ (submit|ask|request|hold|choose|want|need|reserve|book)\w*|what does (he|she|the user) want|motive|opinion|feel\w*)\b", "what people intend"),
    (r"\b(delete|cancel|kill|restart|reboot|drain|resume|scancel|scontrol|stop|fix|repair|change|set|disable|enable|silence|acknowledge) (the |this |that |all |every |job |node |gpu |alert )", "a way to act: everything here only reads"),
)  # fmt: skip
# The one thing to come that somebody tells: Slurm expects jobs to start.
_STARTS = re.compile(r"\bwhen (will|can|does|could)\b.*\bjobs?\b.*\bstart")
_MATCHERS = tuple((re.compile(pattern), missing) for pattern, missing in _NOT_MEASURED)

_COMMON = (  # noqa: SIM905 (a list of words is read as words)
    """a about above account accounts acknowledge alive bus exporter exporters drops unavailable space action activity after again age ago all allocated allocation already also am an and any anybody anyone
anything are around as at available average away back backlog bad badly be because become been before began begin being below best
better between big biggest block blocks both broken busiest busy but by can capacity care cheap check checks clock clocks cluster code
compare compared completed cool cost costs could count crashed crashes critical current currently day days dead degraded did differ
difference different do does doing done down drained draining dropped during each ecc efficiency efficient else empty end ended energy
enough error errors ever every everything expensive explain failed failing failure failures fan far fast faster faulty fell few fill find
findings fine finished first fit five for found four free from full gib give go going gone good got gpu gpus group groups grew group had
hanging happen happened happening hardware has hasn have health healthy held help here high highest history hold holding holds hot hotter
hottest hour hours how hung i idle idling if important in incident incidents increase increased inefficient instead into is isn issue
issues it its job jobs just keep know last late launch least left less let like likely list load loaded long longer longest look looking
lost lot low lower lowest machine machines main make many matter me mean means memory might min minute minutes missing money month more
morning most much my name need needed needs never new newest next night no node nodes none not nothing now nvlink of off ok okay old on
one ones only open or order other our out over overview own partition partitions past pcie pending people per percent performance pick
place please possible power price problem problems question queue queued queues ran rate reason reasons recent recently report reporting
request resource resources rest right room run running runs same say schedule see seem seems seen server servers service seven several
should show since sit six size slots slow slower slowest slowly small so some somebody someone something spare spend spending spent start
started starting starts state stats status still stuck submit submitted such sum summarise summarize summary take taken team teams tell
temperature temperatures ten than that the their them then there these they thing things this those three throttled throttling time times
to today together too top total trouble two unallocated under unhealthy unknown until unused up urgent us usage use used useful user users
using usually util utilisation utilised utilization utilized utilizing value very view vs wait waited waiting waits want warm was waste
wasted waster wasters wastes wasting watts way we week weekend weeks well went were what whats when where whether which while who whole
whom whose why will with within without work working works worse worst worth would wrong xid xids yesterday yet you your hello hi hey thanks
vram memory gb gib nvidia h100 a100 h200 b200 slurm queue cards card hang hangs sick attention needs now right alert alerts firing
acknowledged unacknowledged fault faults throttle throttles cooling heat heating offline online responding respond silent silently drain
dropped drop rise rose rising versus changed change changes shape doing look looked worry worried worrying straggler stragglers lag lags
lagging behind peers limit limits cancelled canceled timeout timed oom died dying killed complete completes hogging hog hoarding hoard
hogs cheapest dollar dollars usd bill billed budget spends draw drawing draws consume consumes consumption consumed kw kwh watt used
largest smallest maximum minimum max min mean median typical contiguous single eight sixteen thirty hundred double nothing idle person
account's user's node's job's gpu's isn't aren't doesn't don't can't what's who's how's it's there's longest-waiting held-idle overall
quick quickly brief briefly describe details detail info information about regarding concerning compute processing capacity fragmented
fragmentation blocked blocking priority priorities dependency hold held reservation reserved maintenance detect detected noticed notice
anomaly anomalies unusual strange odd suspicious happening cause causes caused due went"""
).split()
_KNOWN = frozenset(_COMMON)
_TOKEN = re.compile(r"[^\W\d_][\w'\u2019-]*", re.UNICODE)
_MOST_STRANGE = 0.34


def unanswerable(text: str) -> str:
    """What the question would need and nobody here measures; "" where nothing tells so."""
    if _STARTS.search(text):
        return ""
    return next((missing for pattern, missing in _MATCHERS if pattern.search(text)), "")


def strange(text: str, question: Question) -> list[str]:
    """The words that no rule knows, where they are so many that the question is about something else."""
    names = {
        name.lower() for name in (question.job, question.node, question.gpu, question.user, question.partition) if name
    }
    words = [word.replace("\u2019", "'").strip("'-") for word in _TOKEN.findall(text)]
    words = [word for word in words if word not in names and not any(word in name for name in names)]
    unknown = [word for word in words if word not in _KNOWN and word.removesuffix("'s") not in _KNOWN]
    unknown = [word for word in unknown if not all(part in _KNOWN for part in word.split("-"))]
    if not words:
        return [] if names or question.xid is not None else [text[:40]]
    return unknown if len(unknown) / len(words) > _MOST_STRANGE else []
