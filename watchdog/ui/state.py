"""Every key of the session's state, in one place."""

from __future__ import annotations

# The page drawn last and the filters it had in its URL: they move on to the next page.
LAST_PAGE = "page.last"
LAST_FILTERS = "filters.last"

WINDOW = "filters.window"
REFRESH = "filters.refresh"
REWIND = "filters.rewind"
AT = "filters.at"
SINCE = "filters.since"
UNTIL = "filters.until"

NODE = "gpus.node"
GPU = "gpus.gpu"
METRIC = "gpus.metric"
COMPARE = "gpus.compare"
COMPARE_METRIC = "gpus.compare_metric"
TABLE = "gpus.table"
TABLE_ORDER = "gpus.table_order"

QUEUE_SHOW = "slurm.show"
QUEUE_SEARCH = "slurm.search"
QUEUE_USERS = "slurm.users"
QUEUE_ACCOUNTS = "slurm.accounts"
QUEUE_PARTITIONS = "slurm.partitions"
QUEUE_TABLE = "slurm.queue"
QUEUE_ORDER = "slurm.queue_order"
NODE_SHOW = "slurm.node_show"
NODE_TABLE = "slurm.nodes"
NODE_ORDER = "slurm.node_order"
TIMELINE_NODES = "slurm.timeline_nodes"
WASTE_BY = "slurm.waste_by"

JOB = "job.id"
JOB_METRIC = "job.metric"

ALERT_TAB = "alerts.tab"
ALERT_TITLE = "alerts.title"
# Who acts, remembered for the session; and what they are about to do in a dialog.
ALERT_NAME = "alerts.name"
ALERT_ACT = "alerts.act"
ALERT_ASKED = "alerts.asked"
ALERT_PAGE = "alerts.page"
ALERT_DONE = "alerts.done"
ALERT_ENDING = "alerts.ending"
ALERT_RULES = "alerts.rules"
ALERT_RULE_ORDER = "alerts.rule_order"
ALERT_DRAFT = "alerts.draft"
ALERT_HISTORY = "alerts.history"
ALERT_HISTORY_ORDER = "alerts.history_order"
ALERT_VISIT = "alerts.visit"

# The chat on screen, also after a look at another page; a question from another page; the next one, typed meanwhile.
CHAT = "assistant.chat"
CHAT_ASK = "assistant.ask"
CHAT_NEXT = "assistant.next"
CHAT_QUESTION = "assistant.question"
CHAT_SEARCH = "assistant.search"
# What is open: a question that is being edited (message id, text), a piece of evidence (message id, number).
CHAT_EDIT = "assistant.edit"
CHAT_EVIDENCE = "assistant.evidence"
CHAT_PROBLEM = "assistant.problem"
CHAT_WHOLE = "assistant.whole_chat"
CHAT_CITES = "assistant.cites"
OVERVIEW_ASK = "overview.ask"

# The open notebook (a Desk) and what the address asked for when it was opened; the window that cells were given.
NOTEBOOK = "history.notebook"
NOTEBOOK_ASKED = "history.asked"
NOTEBOOK_PICK = "history.pick"
NOTEBOOK_WINDOW = "history.window"
NOTEBOOK_BROWSER = "history.browser"
NOTEBOOK_ERROR = "history.error"
# What was on screen at the last full run; whether something was done since; what went wrong, by cell.
NOTEBOOK_DRAWN = "history.drawn"
NOTEBOOK_DONE = "history.done"
NOTEBOOK_SAID = "history.said"
NOTEBOOK_GONE = "history.gone"
NOTEBOOK_SIDE = "history.side"
NOTEBOOK_OPEN = "history.open"
# The cell that was edited or run last; kinds of events that charts mark; the note that is written; a dialog that is open.
NOTEBOOK_CURRENT = "history.current"
NOTEBOOK_MARKS = "history.marks"
NOTEBOOK_NOTE = "history.note"
NOTEBOOK_DIALOG = "history.dialog"
# Popovers that a dialog closes; when an untouched first notebook was asked again, in seconds of the monotonic clock.
NOTEBOOK_EVENTS = "history.events"
NOTEBOOK_FILES = "history.files"
NOTEBOOK_FIRST = "history.first"

# What somebody is about to do about a cluster; a deed whose end was put away; whether one was seen under way.
INFRA_ACT = "infra.act"
INFRA_SEEN = "infra.seen_deed"
INFRA_RUNNING = "infra.running"
INFRA_SPAN = "infra.span"
INFRA_BY = "infra.by"
