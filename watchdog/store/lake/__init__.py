"""A copy of history in Parquet, beside the store: what questions in SQL and exports read.

The store's file can be open in one process only, and questions of people must never run in that one. So the documented
tables (`model.tables`) are kept in files of their own. `pieces` says which spans of time have a file; `samples` and
`small` read the store; `files` writes; `manifest` knows what there is; `lake` keeps it all fresh.
"""
