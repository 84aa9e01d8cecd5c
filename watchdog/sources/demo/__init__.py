"""A simulated GPU cluster that speaks the exporters' text."""
