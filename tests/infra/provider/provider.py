"""The provider's own configuration, and what it offers."""

from __future__ import annotations

import os

from tf.iface import Provider

from tests.infra.provider.api import Api
from tests.infra.provider.pod import Pod
from tests.infra.provider.schema import PROVIDER


class RunpodProvider(Provider):
    """Claims the address of RunPod's provider, so that the configuration under test is the one that ships."""

    def __init__(self):
        self.api = Api("", "")

    def full_name(self) -> str:
        return "registry.terraform.io/runpod/runpod"

    def get_model_prefix(self) -> str:
        return "runpod"

    def get_provider_schema(self, diags):
        return PROVIDER

    def validate_config(self, diags, config) -> None:
        """Nothing to refuse before the key is known."""

    def configure_provider(self, diags, config) -> None:
        key = config.get("api_key") or os.environ.get("RUNPOD_API_KEY")
        url = config.get("base_url") or os.environ.get("RUNPOD_API_BASE_URL")
        if not key:
            diags.add_error("Missing API key", "Set api_key or RUNPOD_API_KEY.")
        elif not url:
            # The real provider has a default. A stand-in that rents real pods would be a trap.
            diags.add_error("Stand-in provider", "Set RUNPOD_API_BASE_URL to a fake RunPod; this one rents nothing.")
        else:
            self.api = Api(url.rstrip("/"), key)

    def get_data_sources(self):
        return []

    def get_resources(self):
        return [Pod]
