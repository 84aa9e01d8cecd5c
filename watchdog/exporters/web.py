"""Options of an exporter's web server: address, bearer token, TLS, Prometheus' web configuration file."""

from __future__ import annotations

import argparse
import difflib
import ssl
from dataclasses import dataclass, replace
from pathlib import Path

from watchdog.base.errors import ConfigError

_KNOWN = ("cert_file", "key_file", "client_ca_file", "client_auth_type", "min_version")
_CLIENT_AUTH = {"": False, "NoClientCert": False, "RequireAndVerifyClientCert": True}
_VERSIONS = {"": ssl.TLSVersion.TLSv1_2, "TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class TlsFiles:
    """Where certificate and key lie; with `client_ca_file` clients must show a certificate of that authority."""

    cert_file: str
    key_file: str
    client_ca_file: str = ""
    min_version: str = ""


def add_web_arguments(parser: argparse.ArgumentParser, port: int) -> None:
    """Add `--listen`, `--token-file`, `--tls-cert`, `--tls-key` and `--web-config`."""
    parser.add_argument("--listen", default=f"0.0.0.0:{port}", metavar="HOST:PORT", help="address to serve on")
    parser.add_argument("--token-file", metavar="FILE", help="file with the bearer token that /metrics asks for")
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate chain (PEM); turns TLS on, with --tls-key")
    parser.add_argument("--tls-key", metavar="FILE", help="key of the certificate (PEM)")
    parser.add_argument(
        "--web-config", metavar="FILE", help="TLS settings in Prometheus' web configuration form (tls_server_config)"
    )


def read_token(path: str | None) -> bytes:
    """The token in that file, without white space around; b'' without a file."""
    if not path:
        return b""
    try:
        token = Path(path).read_bytes().strip()
    except OSError as error:
        raise ConfigError(
            f"cannot read --token-file {path}: {error.strerror or error}",
            hint="Create it readable by the user that runs the exporter (chmod 0400).",
        ) from error
    if not token:
        raise ConfigError(f"--token-file {path} is empty", hint="Write a secret into it: openssl rand -hex 32.")
    return token


def tls_context(cert: str | None, key: str | None, web_config: str | None) -> ssl.SSLContext | None:
    """The TLS settings the options ask for, or None for plain HTTP; ConfigError if they cannot be used."""
    if web_config and (cert or key):
        raise ConfigError("--web-config and --tls-cert/--tls-key together", hint="Use one of the two.")
    if bool(cert) != bool(key):
        raise ConfigError("--tls-cert and --tls-key belong together", hint="Give both or neither.")
    if cert and key:
        return _context(TlsFiles(cert, key))
    files = read_web_config(Path(web_config)) if web_config else None
    return _context(files) if files else None


def read_web_config(path: Path) -> TlsFiles | None:
    """Read the TLS part of a web configuration file; None if it configures nothing.

    Only `tls_server_config` with plain `key: value` lines is understood. Anything else (basic_auth_users,
    http_server_config, lists) is refused by name: ignoring half of a security setting would be worse.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read --web-config {path}: {error}", hint="Check path and rights.") from error
    found: dict[str, str] = {}
    inside = False
    for number, raw in enumerate(lines, 1):
        line = raw.split(" #", 1)[0].rstrip()
        if not line.strip() or line.lstrip().startswith("#") or line == "---":
            continue
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not raw[0].isspace():
            inside = _section(name, colon, value, f"{path}:{number}")
        elif not inside or not colon or name not in _KNOWN:
            raise _unknown(name, f"{path}:{number}")
        else:
            found[name] = value.strip("'\"")
    return _files(found, path) if found else None


def _section(name: str, colon: str, value: str, where: str) -> bool:
    if name == "tls_server_config" and colon and not value:
        return True
    hint = "Use --token-file for authentication." if name == "basic_auth_users" else "Only tls_server_config is read."
    raise ConfigError(f"{where}: {name!r} is not supported", hint=hint)


def _unknown(name: str, where: str) -> ConfigError:
    near = difflib.get_close_matches(name, _KNOWN, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(_KNOWN)}."
    return ConfigError(f"{where}: {name!r} is not supported", hint=hint)


def _files(found: dict[str, str], path: Path) -> TlsFiles:
    auth = found.get("client_auth_type", "")
    if auth not in _CLIENT_AUTH or found.get("min_version", "") not in _VERSIONS:
        raise ConfigError(
            f"{path}: client_auth_type {auth!r} or min_version {found.get('min_version', '')!r} is not supported",
            hint="Use RequireAndVerifyClientCert or NoClientCert, and TLS12 or TLS13.",
        )
    if "cert_file" not in found or "key_file" not in found:
        raise ConfigError(f"{path}: cert_file and key_file are both needed", hint="Add the missing one.")
    if _CLIENT_AUTH[auth] != bool(found.get("client_ca_file")):
        raise ConfigError(
            f"{path}: client_ca_file and client_auth_type: RequireAndVerifyClientCert belong together",
            hint="Give both or neither.",
        )
    files = TlsFiles(
        found["cert_file"], found["key_file"], found.get("client_ca_file", ""), found.get("min_version", "")
    )
    relative = {name: str(path.parent / getattr(files, name)) for name in ("cert_file", "key_file")}
    ca = str(path.parent / files.client_ca_file) if files.client_ca_file else ""
    return replace(files, client_ca_file=ca, **relative)


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[files.min_version]
    try:
        # Without a password an encrypted key would stop and ask on the terminal.
        context.load_cert_chain(files.cert_file, files.key_file, password="")
        if files.client_ca_file:
            context.load_verify_locations(files.client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"cannot use TLS files {files.cert_file}, {files.key_file}: {error}",
            hint="They must be PEM, belong together and be readable by the user that runs the exporter.",
        ) from error
    return context
