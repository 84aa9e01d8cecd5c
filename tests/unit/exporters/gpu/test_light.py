"""The exporter runs beside people's jobs: it must stay small."""

import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from tests.conftest import ROOT
from tests.unit.exporters.support import fake_nvidia_smi, gpu_xml, log_xml

HEAVY = ("pandas", "numpy", "duckdb", "pyarrow", "streamlit", "altair", "requests")
LIMIT_KB = 45 * 1024


def test_importing_the_exporter_imports_nothing_heavy():
    script = (
        "import sys, watchdog.exporters.gpu.main, watchdog.exporters.gpu.nvml_events\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_running_exporter_with_eight_gpus_stays_under_45_mb_and_stops_on_sigterm(tmp_path):
    padding = "<supported_clocks>" + "<value>1980 MHz</value>" * 1000 + "</supported_clocks>"
    gpus = [gpu_xml(padding, uuid=f"GPU-{n}", bus=f"00000000:{n:02X}:00.0", minor=str(n)) for n in range(8)]
    smi = fake_nvidia_smi(tmp_path, xml=log_xml(*gpus))
    command = [sys.executable, "-m", "watchdog", "exporter", "gpu", "--listen", "127.0.0.1:0", "--backend", "smi"]
    process = subprocess.Popen(
        [*command, "--nvidia-smi", smi, "--interval", "0.2", "--no-xid"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    # A silent exporter would block the reading of its log for ever.
    guard = threading.Timer(60, process.kill)
    guard.start()
    try:
        port = port_from(process.stderr)
        for _ in range(20):
            page = get(f"http://127.0.0.1:{port}/metrics")
            time.sleep(0.05)
        assert page.count("watchdog_gpu_lost{") == 8
        with open(f"/proc/{process.pid}/status") as status:
            resident = int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])
        assert resident <= LIMIT_KB
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=10)[1]
        guard.cancel()
    assert process.returncode == 0, rest


def port_from(stream):
    for line in stream:
        if match := re.search(r"on port (\d+)", line):
            return int(match[1])
    pytest.fail("the exporter did not start")


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()
