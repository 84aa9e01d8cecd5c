"""Settings: one line each, read once at the entry points and handed down.

Order of precedence: environment `WATCHDOG_*`, then `.env`, then `watchdog.toml`, then the default. Secrets
(fields marked `secret`) come from the environment or `.env` only and never show in `repr`.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watchdog.base.errors import ConfigError
from watchdog.base.wired import wired_settings

PREFIX = "WATCHDOG_"
SOURCES = ("auto", "prometheus", "targets", "local", "demo")
SLURM_SOURCES = ("auto", "cli", "rest", "series", "off")
SEVERITIES = ("info", "warning", "critical")
SIGN_INS = ("auto", "off", "oidc", "proxy")
_CHOICES = {
    "source": SOURCES,
    "slurm": SLURM_SOURCES,
    "notify_min_severity": SEVERITIES,
    "assistant_thinking": ("auto", "on", "off"),
    "assistant_strict": ("on", "off"),
    "guard_action": ("warn", "workers", "teardown"),
}
_ABOVE_ZERO = (
    *("interval_seconds", "slurm_interval_seconds", "prometheus_timeout_seconds"),
    *("targets_timeout_seconds", "demo_speed", "notify_per_minute"),
    *("assistant_max_tokens", "assistant_connect_seconds", "assistant_silence_seconds"),
)
# Read by entry points before there is a Config.
_NOT_SETTINGS = {"WATCHDOG_CONFIG"}


def _setting(default: Any, text: str, *, secret: bool = False) -> Any:  # noqa: ANN401 (any setting's type)
    return field(default=default, repr=not secret, metadata={"help": text, "secret": secret})


@dataclass(frozen=True)
class Config:
    """Every setting with its default; `help` texts are the documentation (`docs/settings.md`)."""

    source: str = _setting("auto", "What to read: auto, prometheus, targets, local or demo.")
    prometheus_url: str = _setting("", "Base URL of a Prometheus-compatible server; selects that source.")
    prometheus_token: str = _setting("", "Bearer token for it.", secret=True)
    prometheus_user: str = _setting("", "User name for basic authentication.")
    prometheus_password: str = _setting("", "Password for basic authentication.", secret=True)
    prometheus_org_id: str = _setting("", "Tenant, sent as X-Scope-OrgID (Mimir, Cortex).")
    prometheus_headers: str = _setting("", "More headers, as `Name: value; Name: value`.", secret=True)
    prometheus_ca_file: str = _setting("", "CA bundle to check the server's certificate with.")
    prometheus_cert_file: str = _setting("", "Client certificate for mutual TLS.")
    prometheus_key_file: str = _setting("", "Key of the client certificate.")
    prometheus_timeout_seconds: float = _setting(20.0, "Longest wait for one answer of the server.")
    targets: str = _setting("", "Exporters to scrape directly: `host:port` or URLs, separated by commas.")
    targets_token: str = _setting("", "Bearer token for the exporters.", secret=True)
    targets_ca_file: str = _setting("", "CA bundle to check the exporters' certificates with.")
    targets_timeout_seconds: float = _setting(10.0, "Longest wait for one exporter.")
    interval_seconds: float = _setting(15.0, "Seconds between two reads of the source.")
    data_dir: str = _setting("data", "Folder of the DuckDB file `watchdog.duckdb`.")
    samples_retention_hours: float = _setting(24.0, "How long raw samples of direct scrapes are kept.")
    minutes_retention_days: float = _setting(14.0, "How long one-minute rollups are kept.")
    hours_retention_days: float = _setting(400.0, "How long one-hour rollups are kept; one-day rollups stay for ever.")
    late_seconds: float = _setting(30.0, "How long after its end a minute may still receive samples.")
    backfill_hours: float = _setting(168.0, "How far back the collector fills gaps from Prometheus after downtime.")
    gpu_hour_usd: float = _setting(0.0, "Price of a GPU-hour, for the cost of waste; 0 shows none.")
    gpu_hour_usd_by_type: str = _setting(
        "", "Prices by Slurm's GPU type, as `h100=2.5,a100=1.6`; other types cost `gpu_hour_usd`."
    )
    slurm: str = _setting("auto", "How to read Slurm: auto, cli, rest, series or off.")
    slurm_rest_url: str = _setting("", "Base URL of slurmrestd (`http://head:6820`) or its socket (`unix:///path`).")
    slurm_rest_user: str = _setting("", "User name for slurmrestd's X-SLURM-USER-NAME.")
    slurm_rest_token: str = _setting("", "JWT for slurmrestd.", secret=True)
    slurm_interval_seconds: float = _setting(30.0, "Seconds between two reads of Slurm.")
    host: str = _setting("127.0.0.1", "Address the web server listens on.")
    port: int = _setting(8501, "Port the web server listens on.")
    base_url: str = _setting("", "Address under which people open the app, for links in messages.")
    sign_in: str = _setting("auto", "How people sign in: auto, oidc, proxy, or off = everybody may do everything.")
    admins: str = _setting("", "Names that may do everything, separated by commas; `@example.com` = all of a domain.")
    operators: str = _setting("", "Names that may acknowledge, silence and write.")
    viewers: str = _setting("", "Names that may look; empty = everybody who can sign in.")
    oidc_claim: str = _setting("email", "The claim of the identity provider that is somebody's name.")
    proxy_secret: str = _setting("", "What the gateway proves itself with, in X-Watchdog-Proxy-Secret.", secret=True)
    proxy_addresses: str = _setting("127.0.0.1, ::1", "Addresses or networks of the gateway, separated by commas.")
    proxy_user_header: str = _setting("X-Remote-User", "The header in which the gateway names the user.")
    notify_urls: str = _setting(
        "", "Where people are told of alerts: apprise URLs, each `url` or `name=url`, with spaces between.", secret=True
    )
    notify_min_severity: str = _setting(
        "warning", "The least severity that people are told of: info, warning or critical."
    )
    notify_per_minute: int = _setting(20, "Most messages a minute and channel; what is beyond goes into one summary.")
    alertmanager_url: str = _setting(
        "", "Base URL of an Alertmanager: gets our alerts, and its own are shown beside them."
    )
    alertmanager_token: str = _setting("", "Bearer token for it.", secret=True)
    alertmanager_ca_file: str = _setting("", "CA bundle to check its certificate with.")
    heartbeat_url: str = _setting(
        "", "A URL to POST to every minute while the watch is sound, so that its silence is noticed.", secret=True
    )
    assistant_base_url: str = _setting(
        "", "Base URL of an OpenAI-compatible server (`http://head:8000/v1`); without it rules answer."
    )
    assistant_model: str = _setting("", "The model's name there; the first that the server lists if empty.")
    assistant_api_key: str = _setting("", "API key for it.", secret=True)
    assistant_ca_file: str = _setting("", "CA bundle to check its certificate with.")
    assistant_thinking: str = _setting(
        "auto", "Whether the model reasons first: auto leaves it to the server, on and off tell its chat template."
    )
    assistant_strict: str = _setting("on", "Whether the server is to hold calls to the tools' schemas: on or off.")
    assistant_max_tokens: int = _setting(4096, "Most tokens of one turn of the model, its reasoning included.")
    assistant_temperature: float = _setting(0.2, "Sampling temperature of the model, 0 to 2.")
    assistant_connect_seconds: float = _setting(5.0, "Longest wait for a connection to the model.")
    assistant_silence_seconds: float = _setting(60.0, "Longest wait for the next piece of the model's answer.")
    mcp_token: str = _setting(
        "", "Bearer token of the assistant's tools for MCP clients at /mcp; unset = off.", secret=True
    )
    infra_record: str = _setting(
        "", "The journal of a driver that works elsewhere: what it rented is shown, and nothing is done from here."
    )
    guard_idle_minutes: float = _setting(
        30.0, "A rented cluster idle for so long is warned of; 0 = never. What is not known is not idle."
    )
    guard_notice_minutes: float = _setting(15.0, "How long after the warning the guard acts.")
    guard_action: str = _setting(
        "warn", "What the guard does with an idle cluster: warn, or return its workers or all (teardown)."
    )
    guard_gpu_ratio: float = _setting(0.05, "A GPU under this utilization (0 to 1) counts as idle for the guard.")
    log_level: str = _setting("info", "debug, info, warning or error.")
    demo_nodes: int = _setting(4, "Nodes of the demo cluster.")
    demo_gpus: int = _setting(8, "GPUs a node of the demo cluster.")
    demo_seed: int = _setting(7, "Seed of the demo cluster; the same seed gives the same story.")
    demo_speed: float = _setting(1.0, "Simulated seconds a second of the demo cluster's jobs and faults.")
    demo_history_hours: float = _setting(6.0, "Hours of past that the demo cluster writes at start.")

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(f"{name} is {getattr(self, name)!r}", hint=f"Use one of: {', '.join(choices)}.")
        _check_assistant(self.assistant_base_url, self.assistant_temperature)
        for name in _ABOVE_ZERO:
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}", hint="It must be above 0.")
        _rates(self.gpu_hour_usd_by_type)
        if self.demo_nodes < 1 or self.demo_gpus < 1:
            raise ConfigError("the demo cluster needs at least one node and one GPU")

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return Path(self.data_dir) / "watchdog.duckdb"

    @property
    def gpu_rates(self) -> dict[str, float]:
        """Dollars a GPU-hour by GPU type in small letters; "" is any other type. Types without a price are absent."""
        other = {"": self.gpu_hour_usd} if self.gpu_hour_usd > 0 else {}
        return other | _rates(self.gpu_hour_usd_by_type)


def _check_assistant(base_url: str, temperature: float) -> None:
    if base_url and not base_url.startswith(("http://", "https://")):
        raise ConfigError("assistant_base_url is no http address", hint="Write it as http://head:8000/v1.")
    if not 0 <= temperature <= 2:
        raise ConfigError(f"assistant_temperature is {temperature}", hint="It is from 0 to 2.")


def load_config(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Config:
    """Read the settings, or raise ConfigError naming the setting and what to do."""
    env = dict(os.environ if environ is None else environ)
    root = folder or Path()
    values = _from_toml(Path(env.get("WATCHDOG_CONFIG", root / "watchdog.toml")), named="WATCHDOG_CONFIG" in env)
    values |= _from_environ(dotenv(root / ".env"), ".env")
    values |= _from_environ(env, "the environment")
    return Config(**_with_cluster(values, root))


def _with_cluster(values: dict[str, Any], root: Path) -> dict[str, Any]:
    """The settings, and what a rented cluster brings; an address with a token of its own is never given another's."""
    brought = wired_settings(root / values.get("data_dir", "data") / "infra")
    taken = {"assistant_base_url": "assistant_api_key", "targets": "targets_token"}
    for address, secret in taken.items():
        if address in values:
            brought = {name: value for name, value in brought.items() if name not in (address, secret)}
    return brought | values


def _from_environ(env: Mapping[str, str], where: str) -> dict[str, Any]:
    names = [n for n in env if n.startswith(PREFIX) and n not in _NOT_SETTINGS]
    return dict(_parsed(n.removeprefix(PREFIX).lower(), env[n], f"{n} in {where}") for n in names if env[n] != "")


def _from_toml(path: Path, *, named: bool) -> dict[str, Any]:
    if not path.exists():
        if named:
            raise ConfigError(f"there is no {path}", hint="Correct WATCHDOG_CONFIG, or unset it.")
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}", hint="See watchdog.toml in docs/settings.md.") from error
    for name in table:
        if name in _fields() and _fields()[name].metadata["secret"]:
            raise ConfigError(f"{name} is a secret and stands in {path}", hint=f"Move it to {PREFIX}{name.upper()}.")
    return dict(_parsed(name, value, f"{name} in {path}") for name, value in table.items())


def _parsed(name: str, value: Any, where: str) -> tuple[str, Any]:  # noqa: ANN401 (text or a TOML value)
    known = _fields()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]}?" if near else "docs/settings.md lists them all."
        raise ConfigError(f"unknown setting {where}", hint=hint)
    kind: type[Any] = type(known[name].default)
    try:
        return name, kind(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where} is {value!r}, not a {kind.__name__}", hint=str(known[name].metadata["help"])) from (
            error
        )


def _rates(text: str) -> dict[str, float]:
    """`h100=2.5,a100=1.6` as a table."""
    rates = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        kind, _, price = pair.partition("=")
        try:
            rates[kind.strip().lower()] = float(price)
        except ValueError as error:
            raise ConfigError(
                f"gpu_hour_usd_by_type has {pair!r}", hint="Write `type=price`, separated by commas."
            ) from error
    return rates


def _fields() -> dict[str, dataclasses.Field[Any]]:
    return {f.name: f for f in dataclasses.fields(Config)}


def dotenv(path: Path) -> dict[str, str]:
    """The `NAME=value` lines of a file, none if there is no file; `#` starts a comment line; quotes around a value are dropped."""
    if not path.exists():
        return {}
    lines = (line.strip().removeprefix("export ") for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}
