"""Chromium for the tests behind the gateway."""

from tests.browser.conftest import chromium

__all__ = ["chromium"]
