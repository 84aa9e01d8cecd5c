"""Exporters: what runs on the nodes; light on purpose."""
