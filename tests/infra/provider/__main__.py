"""Terraform starts this as the binary of the provider."""

import sys

from tf.runner import run_provider

from tests.infra.provider.provider import RunpodProvider

if __name__ == "__main__":
    run_provider(RunpodProvider(), sys.argv)
