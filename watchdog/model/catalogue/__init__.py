"""The chapters of the metric catalogue; `model.metrics` puts them together."""
