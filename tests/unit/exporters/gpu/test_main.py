import argparse

import pytest

from tests.unit.exporters.support import MISMATCH, fake_nvidia_smi, gpu_xml, log_xml
from watchdog.base.errors import ConfigError
from watchdog.exporters.gpu.main import add_arguments, run


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["--backend", "smi", "--no-xid", *arguments])


def test_once_prints_a_page_and_ends(tmp_path, capsys):
    smi = fake_nvidia_smi(tmp_path, xml=log_xml(gpu_xml("<fan_speed>31 %</fan_speed>")))
    assert run(parsed("--once", "--nvidia-smi", smi)) == 0
    assert 'device="nvidia0"' in capsys.readouterr().out


def test_once_without_a_driver_ends_with_1_and_says_why(tmp_path, capsys):
    smi = fake_nvidia_smi(tmp_path, xml=MISMATCH, code=18)
    assert run(parsed("--once", "--nvidia-smi", smi)) == 1
    assert 'failures_total{reason="driver_mismatch"} 1' in capsys.readouterr().out


def test_a_token_file_that_cannot_be_read_stops_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr("watchdog.exporters.gpu.main.configure_logging", lambda _: None)
    with pytest.raises(ConfigError, match="--token-file"):
        run(parsed("--token-file", str(tmp_path / "none")))


@pytest.mark.parametrize("interval", ["0", "-1", "x", "nan", "inf"])
def test_an_interval_must_be_a_number_of_seconds(interval):
    with pytest.raises(SystemExit):
        parsed("--interval", interval)
