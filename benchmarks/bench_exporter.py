"""The GPU exporter with 8 GPUs: how long a scrape takes and how much memory the process holds.

Peers: making the same page anew for each scrape, as exporters without a snapshot do: from nvidia-smi's XML
(without the time nvidia-smi itself takes), and with prometheus_client's `generate_latest` from values at hand.
"""

from __future__ import annotations

import http.client
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks._timing import median_ms, table
from watchdog.exporters.gpu.page import Extras, page_text
from watchdog.exporters.gpu.smi_xml import parse_xml

GPUS = 8
SCRAPES = 1000
ROOT = Path(__file__).parent.parent

_REASONS = "".join(
    f"<clocks_event_reason_{n}>Not Active</clocks_event_reason_{n}>"
    for n in ("gpu_idle", "applications_clocks_setting", "sw_power_cap", "hw_slowdown", "hw_thermal_slowdown",
              "hw_power_brake_slowdown", "sync_boost", "sw_thermal_slowdown", "display_clocks_setting")
)  # fmt: skip
_GPU = f"""<gpu id="00000000:{{n:02X}}:00.0"><product_name>NVIDIA H100 80GB HBM3</product_name>
<uuid>GPU-{{n:08x}}-0000-0000-0000-000000000000</uuid><minor_number>{{n}}</minor_number>
<mig_mode><current_mig>Disabled</current_mig></mig_mode><gpu_recovery_action>None</gpu_recovery_action>
<pci><pci_bus_id>00000000:{{n:02X}}:00.0</pci_bus_id><pci_gpu_link_info><pcie_gen><max_link_gen>5</max_link_gen>
<current_link_gen>5</current_link_gen></pcie_gen><link_widths><max_link_width>16x</max_link_width>
<current_link_width>16x</current_link_width></link_widths></pci_gpu_link_info><replay_counter>0</replay_counter>
<tx_util>9139 KB/s</tx_util><rx_util>19191 KB/s</rx_util></pci><performance_state>P0</performance_state>
<clocks_event_reasons>{_REASONS}</clocks_event_reasons>
<fb_memory_usage><total>81559 MiB</total><reserved>479 MiB</reserved><used>{{n}}1125 MiB</used><free>9956 MiB</free>
</fb_memory_usage><utilization><gpu_util>9{{n}} %</gpu_util><memory_util>3{{n}} %</memory_util>
<encoder_util>0 %</encoder_util><decoder_util>0 %</decoder_util></utilization>
<ecc_errors><volatile><sram_correctable>0</sram_correctable><sram_uncorrectable>0</sram_uncorrectable>
<dram_correctable>{{n}}</dram_correctable><dram_uncorrectable>0</dram_uncorrectable></volatile>
<aggregate><sram_correctable>0</sram_correctable><sram_uncorrectable>0</sram_uncorrectable>
<dram_correctable>{{n}}</dram_correctable><dram_uncorrectable>0</dram_uncorrectable></aggregate></ecc_errors>
<remapped_rows><remapped_row_corr>0</remapped_row_corr><remapped_row_unc>0</remapped_row_unc>
<remapped_row_pending>No</remapped_row_pending><remapped_row_failure>No</remapped_row_failure></remapped_rows>
<temperature><gpu_temp>6{{n}} C</gpu_temp><gpu_temp_tlimit>2{{n}} C</gpu_temp_tlimit><memory_temp>59 C</memory_temp>
</temperature><gpu_power_readings><average_power_draw>43{{n}}.78 W</average_power_draw>
<current_power_limit>700.00 W</current_power_limit></gpu_power_readings>
<clocks><sm_clock>1980 MHz</sm_clock><mem_clock>2619 MHz</mem_clock></clocks>
<max_clocks><sm_clock>1980 MHz</sm_clock><mem_clock>2619 MHz</mem_clock></max_clocks>
<supported_clocks>{"<supported_graphics_clock>1980 MHz</supported_graphics_clock>" * 120}</supported_clocks>
<processes><process_info><pid>1</pid><type>C</type><process_name>python</process_name><used_memory>1 MiB</used_memory>
</process_info></processes></gpu>"""


def document() -> str:
    """What `nvidia-smi -q -x` says of 8 H100."""
    gpus = "".join(_GPU.format(n=n) for n in range(GPUS))
    return (
        f"<nvidia_smi_log><driver_version>590.48.01</driver_version><attached_gpus>{GPUS}</attached_gpus>"
        f"{gpus}</nvidia_smi_log>"
    )


@contextmanager
def exporter(xml: str) -> Iterator[tuple[int, int]]:
    """The exporter as its own process, fed by a fake nvidia-smi; yields port and pid."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "q.xml").write_text(xml)
        smi = Path(folder) / "fake-nvidia-smi"
        smi.write_text(f"#!/bin/sh\ncat {folder}/q.xml\n")
        smi.chmod(0o755)
        command = [sys.executable, "-m", "watchdog", "exporter", "gpu", "--listen", "127.0.0.1:0", "--backend", "smi"]
        process = subprocess.Popen(
            [*command, "--nvidia-smi", str(smi), "--interval", "1", "--no-xid"],
            cwd=ROOT, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        try:
            yield next(int(m[1]) for line in process.stderr if (m := re.search(r"on port (\d+)", line))), process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=10)


def scrapes(port: int, count: int) -> tuple[list[float], bytes]:
    """Milliseconds of each scrape over one kept connection, while the exporter collects every second."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    times, page = [], b""
    for _ in range(count):
        start = time.perf_counter()
        connection.request("GET", "/metrics")
        page = connection.getresponse().read()
        times.append((time.perf_counter() - start) * 1e3)
        time.sleep(0.002)
    connection.close()
    return times, page


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB (2**20)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def registry_of(page: bytes) -> CollectorRegistry:
    """The same series held by prometheus_client."""
    registry = CollectorRegistry()
    for family in text_string_to_metric_families(page.decode()):
        names = sorted({name for s in family.samples for name in s.labels})
        gauge = Gauge(family.name, family.documentation, names, registry=registry)
        for sample in family.samples:
            labelled = gauge.labels(*(sample.labels.get(n, "") for n in names)) if names else gauge
            labelled.set(sample.value)
    return registry


def main() -> None:
    """Print the table."""
    xml = document()
    with exporter(xml) as (port, pid):
        time.sleep(1.0)
        times, page = scrapes(port, SCRAPES)
        memory = resident_mb(pid)
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    from_xml = median_ms(lambda: page_text(parse_xml(xml), "node1", Extras()).encode(), 30)
    registry = registry_of(page)
    generated = median_ms(lambda: generate_latest(registry), 30)
    series = sum(1 for line in page.splitlines() if not line.startswith(b"#"))
    table(
        f"GPU exporter, {GPUS} GPUs, {series} series, {len(page) / 1000:.0f} kB a page, {SCRAPES} scrapes",
        [
            ("what", "ms", "times ours (p50)"),
            ("our scrape over HTTP, p50", f"{p50:.2f}", "1"),
            ("our scrape over HTTP, p99 (budget 10)", f"{p99:.2f}", f"{p99 / p50:.1f}"),
            (
                "page anew from nvidia-smi's XML, without HTTP and nvidia-smi",
                f"{from_xml:.2f}",
                f"{from_xml / p50:.1f}",
            ),
            ("prometheus_client.generate_latest, without HTTP", f"{generated:.2f}", f"{generated / p50:.1f}"),
        ],
    )
    print(f"  resident memory {memory:.1f} MB (budget 45)")


if __name__ == "__main__":
    main()
