"""Tests of the pod image: docker/runpod-template."""

import sys

from tests.conftest import ROOT

TEMPLATE = ROOT / "docker" / "runpod-template"
sys.path.insert(0, str(TEMPLATE))
