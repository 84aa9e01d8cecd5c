"""`python -m watchdog alerts export`: the rules in force as a Prometheus rule file."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from watchdog.alerts.export import rule_file
from watchdog.alerts.expression import ExportDialect
from watchdog.alerts.rulebook import in_force
from watchdog.alerts.rules import default_rules
from watchdog.base.config import load_config
from watchdog.base.errors import ConfigError, StoreLockedError
from watchdog.model.rules import Rule
from watchdog.store.alerts import AlertStore
from watchdog.store.database import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `alerts export`."""
    parser.add_argument(
        "--dialect", choices=[*ExportDialect], default=ExportDialect.DCGM, help="whose names of metrics (dcgm)"
    )
    parser.add_argument("--out", type=Path, help="the file to write; else it is printed")
    parser.add_argument("--shipped", action="store_true", help="the rules as they ship, whatever was changed here")


def run(args: argparse.Namespace) -> int:
    """Write the file."""
    rules = default_rules() if args.shipped else _rules(load_config().database)
    text = rule_file(rules, ExportDialect(args.dialect))
    if args.out is None:
        sys.stdout.write(text)
        return 0
    try:
        args.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{args.out} cannot be written: {error.strerror}", hint="Name another file.") from error
    return 0


def _rules(database: Path) -> tuple[Rule, ...]:
    """What people decided, where there is a store; a running app has it locked."""
    if not database.exists():
        return default_rules()
    try:
        with Store(database) as store:
            kept = AlertStore(store).load(datetime.now(UTC)).rules
    except StoreLockedError as error:
        hint = "Stop the app for a moment, or ask for the rules as they ship: --shipped."
        raise StoreLockedError(str(error), hint=hint) from error
    return tuple(in_force(kept, default_rules()).values())
