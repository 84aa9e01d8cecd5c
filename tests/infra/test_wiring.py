"""From the pods that were rented to what Prometheus and the app read, without a file edited by hand."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess

import pytest

from infra import acts, tokens
from infra.gateway_upstream import obstacle, upstream
from infra.wiring import rewire
from tests.conftest import ROOT
from tests.infra.kit import kit_at
from watchdog.base.config import load_config
from watchdog.sources.scrape import full_url


@pytest.fixture
def services(tmp_path):
    folder = tmp_path / "docker"
    for kind in ("gpu", "slurm", "vllm"):
        (folder / "prometheus" / "targets" / kind).mkdir(parents=True)
    (folder / "prometheus" / "secrets").mkdir()
    (folder / "prometheus" / "rules").mkdir()
    shutil.copy(ROOT / "docker/prometheus/prometheus.yml", folder / "prometheus")
    return folder


@pytest.fixture
def kit(tmp_path, services):
    with kit_at(tmp_path / "data", services=services) as made:
        yield made


@pytest.fixture
def token(kit):
    return tokens.make(kit.office.settings.state / "gpuwd", "")["WATCHDOG_GATEWAY_TOKEN"]


def test_the_app_reads_every_pod_and_the_heads_slurm_with_the_token(kit, token, tmp_path):
    pods = kit.up(workers=2)
    rewire(kit.office.settings, "gpuwd", pods)
    config = load_config({}, tmp_path)
    urls = config.targets.split(",")

    assert [url.partition("proxy.runpod.net")[2] for url in urls] == [
        "/metrics/gpu", "/metrics/slurm", "/metrics/gpu", "/metrics/gpu",
    ]  # fmt: skip
    assert all(full_url(url) == url and token not in url for url in urls)
    assert config.targets_token == token


def test_what_somebody_set_is_not_overruled_and_its_address_never_gets_the_pods_token(kit, token, tmp_path):
    rewire(kit.office.settings, "gpuwd", kit.up(workers=0))
    config = load_config({"WATCHDOG_TARGETS": "node01:9400"}, tmp_path)

    assert (config.targets, config.targets_token) == ("node01:9400", "")


def test_prometheus_takes_the_targets_and_tokens_are_their_owners_alone(kit, token, services):
    rewire(kit.office.settings, "gpuwd", kit.up(workers=1))
    found = json.loads((services / "prometheus/targets/gpu/cluster-gpuwd.json").read_text())

    assert [each["labels"]["instance"] for each in found] == ["gpuwd-head", "gpuwd-worker-0"]
    assert found[0]["targets"][0].endswith("-8080.proxy.runpod.net:443")
    assert found[0]["labels"]["__scheme__"] == "https"
    secrets = [services / "prometheus/secrets/exporters-token", kit.office.settings.state / "gpuwd/app.json"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600, 0o600]
    assert secrets[0].read_text() == token
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    words = ["promtool", "check", "config", str(services / "prometheus/prometheus.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def test_after_a_teardown_nothing_is_wired(kit, token, services, tmp_path):
    rewire(kit.office.settings, "gpuwd", kit.up(workers=1))
    acts.teardown("gpuwd")(kit.office)

    assert list((services / "prometheus/targets").rglob("*.json")) == []
    assert (services / "prometheus/secrets/exporters-token").read_text() == ""
    assert load_config({}, tmp_path).targets == ""


def test_a_model_whose_key_is_not_known_is_told_of_in_words_and_not_to_the_gateway(kit, services):
    pods = kit.up(workers=0)
    pods[0].env["WATCHDOG_MODEL_PROFILE"] = "tiny"
    (kit.office.settings.state / "gpuwd").mkdir(exist_ok=True)
    kit.office.settings.state.joinpath("gpuwd/secrets.json").write_text('{"WATCHDOG_GATEWAY_TOKEN": "x"}')
    said = rewire(kit.office.settings, "gpuwd", pods)

    assert "The gateway does not lead to the model: its key is not known here: set WATCHDOG_ASSISTANT_API_KEY" in said
    assert not (services / ".secrets/model/upstream.conf").exists()


def test_the_model_of_one_cluster_stays_when_another_goes(kit, token, services):
    pods = kit.up(workers=0)
    pods[0].env["WATCHDOG_MODEL_PROFILE"] = "tiny"
    rewire(kit.office.settings, "gpuwd", pods)
    rewire(kit.office.settings, "other", [])

    assert "# cluster gpuwd" in (services / ".secrets/model/upstream.conf").read_text()


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://pod.test", "key"),
        ("https://pod.test;include /etc/passwd", "key"),
        ("https://pod.test/$request_body", "key"),
        ("https://pod.test/a?b", "key"),
        ("https://", "key"),
        ("https://pod.test", ""),
        ("https://pod.test", 'key"; return 200 "'),
        ("https://pod.test", "key$remote_user"),
        ("https://pod.test", "key\nset $x y;"),
    ],
)
def test_nothing_but_an_address_with_tls_and_a_token_gets_into_the_gateways_configuration(url, key):
    assert obstacle(url, key)
    assert obstacle("https://abc-8080.proxy.runpod.net", "kEy_-.~+/==") == ""


def test_the_gateway_is_told_address_name_and_token():
    assert upstream("gpuwd", "https://pod.test/x/", "key").splitlines() == [
        "# cluster gpuwd",
        "set $model_url https://pod.test:443/x;",
        "set $model_host pod.test;",
        'set $model_authorization "Bearer key";',
    ]
