"""A simulated GPU cluster that speaks the exporters' text.

`cluster.DemoCluster` is the door; behind it, from the machines up: `hardware`, `activity`, `effects`, `physics`,
`counters`, `sensors`; the people and jobs: `users`, `jobs`, `arrivals`, `scheduler`; what goes wrong: `faults`, `catalogue`,
`scenarios`, `targets`, `injector`; and `engine`, which lets it all run on one grid.
"""
