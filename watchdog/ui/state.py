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
