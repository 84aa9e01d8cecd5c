"""Questions in SQL, answered in a process of their own that can read the snapshot of history and nothing else.

`sandbox.Sandbox` is the door; `process` starts and ends workers, `wire` is what they are told and answer; in the
worker: `confine` gives up rights, `guard` looks at the statement, `engine` lets DuckDB answer it. This file imports
nothing: every worker pays for it.
"""
