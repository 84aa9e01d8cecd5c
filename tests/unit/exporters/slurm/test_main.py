import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from watchdog.cli import main
from watchdog.exporters.slurm.commands import environment


def test_once_without_slurm_ends_with_1_and_says_why(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "watchdog", "exporter", "slurm", "--once"],
        cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert 'watchdog_exporter_failures_total{reason="missing"} 1' in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--max-jobs", "-1"], ["--interval", "0"], ["--max-jobs", "many"]])
def test_options_that_make_no_sense_are_refused(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["exporter", "slurm", *words])
    assert stop.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_a_port_in_use_ends_with_2(capsys):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["exporter", "slurm", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"]) == 2
    assert "--listen" in capsys.readouterr().err


def test_commands_run_in_utc_without_what_a_user_set_for_himself():
    given = {
        "SQUEUE_FORMAT": "%i",
        "SLURM_CONF": "/etc/slurm.conf",
        "SLURM_TIME_FORMAT": "relative",
        "TZ": "Asia/Tokyo",
    }
    got = environment(given)
    assert got == {"SLURM_CONF": "/etc/slurm.conf", "TZ": "UTC", "SLURM_TIME_FORMAT": "standard",
                   "SLURM_BITSTR_LEN": "4096"}  # fmt: skip
    assert os.environ.get("SLURM_TIME_FORMAT") != "standard"


def test_the_exporter_loads_nothing_heavy():
    code = "import watchdog.exporters.slurm.main, sys; print(sorted({'pandas','numpy','duckdb'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
