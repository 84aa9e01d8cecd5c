"""Rules, the life of alerts, silences, grouping, and telling people."""
