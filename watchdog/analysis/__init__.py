"""Frame in, frame out: pure judgement, no I/O."""
