"""How well an assistant answers: questions about simulated clusters, whose faults are known, with exact checks."""
