"""The GPU exporter: NVML or nvidia-smi in, dcgm-exporter's text out."""
