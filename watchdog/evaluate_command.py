"""`python -m watchdog evaluate`: how well a model, or the rules, answer questions about clusters whose faults are known.

Each world is a simulated cluster on a clock that is moved by hand, with a store of its own that is deleted afterwards:
nothing of the installation is read but the assistant's settings.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from watchdog.assistant.evaluation.hostile import HostileCluster
from watchdog.assistant.evaluation.questions import Asked, Story, questions, worlds
from watchdog.assistant.evaluation.report import (
    compared,
    kept,
    report_in,
    report_of,
    shortfalls,
    summary,
    table,
    why_wrong,
    written,
)
from watchdog.assistant.evaluation.scoring import Evaluation, Scored, World
from watchdog.assistant.evaluation.truth import HOURS, truth_of
from watchdog.assistant.settings import ModelSettings, model_settings
from watchdog.base.clock import FakeClock, SystemClock
from watchdog.base.config import Config, load_config
from watchdog.base.errors import ConfigError
from watchdog.base.log import configure_logging
from watchdog.runtime import Runtime
from watchdog.sources.demo.cluster import DemoCluster
from watchdog.sources.demo.config import DemoConfig
from watchdog.sources.demo.scenarios import Planned, Scenario

REACHED, MISSED, NO_ANSWER = 0, 1, 3
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
PRICE = 2.0
# The watchdog begins to watch so long before the questions, and looks every so often.
_WATCHED, _EVERY = timedelta(minutes=10), timedelta(minutes=1)
_PAST_HOURS = HOURS + 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `evaluate`."""
    whom = parser.add_mutually_exclusive_group()
    whom.add_argument("--rules", action="store_true", help="evaluate the assistant without a model")
    whom.add_argument(
        "--base-url", default="", help="an OpenAI-compatible server, with its /v1 (default: the settings')"
    )
    whom.add_argument("--compare", nargs=2, type=Path, metavar=("A", "B"), help="show two evaluations that --out wrote")
    parser.add_argument("--model", default="", help="the model's name there (default: the settings')")
    parser.add_argument("--runs", type=int, default=1, help="how often each question is asked (default: %(default)s)")
    parser.add_argument("--kind", action="append", default=[], help="only questions of this kind; may be repeated")
    parser.add_argument("--question", action="append", default=[], metavar="ID", help="only this one; may be repeated")
    parser.add_argument(
        "--goal", type=float, default=0.9, help="accuracy below which it ends with 1 (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, help="keep everything as JSON in this file")
    parser.add_argument("--write", type=Path, help="put table and summary into this Markdown file, behind its marker")
    parser.add_argument("--texts", action="store_true", help="print each answer that is not right")


def run(args: argparse.Namespace) -> int:
    """Evaluate; 0 the goals are reached, 1 they are not, 3 the model gave no answer at all."""
    configure_logging("error")
    if args.compare:
        _print(compared(*map(report_in, args.compare)))
        return REACHED
    model = _model(args)
    scored = _evaluation(model, texts=args.texts).scores(_chosen(args), worlds().world, _runs(args))
    report = report_of(scored, "rules" if args.rules else model.model or scored[0].source)
    if args.out:
        kept(report, args.out)
    if args.write:
        written(report, args.write)
    _print(f"\n{table(report)}\n\n{summary(report)}")
    missed = shortfalls(report, args.goal)
    _print("\n".join(f"goal missed: {each}" for each in missed))
    if not args.rules and report.all.failed == report.all.answers:
        return NO_ANSWER
    return MISSED if missed else REACHED


def _model(args: argparse.Namespace) -> ModelSettings:
    if args.rules:
        return ModelSettings()
    settings = model_settings(load_config())
    chosen = replace(
        settings, base_url=args.base_url.rstrip("/") or settings.base_url, model=args.model or settings.model
    )
    if not chosen.configured:
        raise ConfigError(
            "no model is named", hint="Give --base-url and --model, or --rules for the assistant without one."
        )
    return chosen


def _runs(args: argparse.Namespace) -> int:
    if args.runs < 1:
        raise ConfigError("--runs is less than one", hint="Each question is asked at least once.")
    return int(args.runs)


def _chosen(args: argparse.Namespace) -> list[Asked]:
    everything = questions()
    chosen = [
        each
        for each in everything
        if (not args.kind or each.kind in args.kind) and (not args.question or each.id in args.question)
    ]
    if not chosen:
        kinds = ", ".join(dict.fromkeys(each.kind for each in everything))
        raise ConfigError("no question is left", hint=f"Kinds are: {kinds}.")
    return chosen


def _evaluation(model: ModelSettings, *, texts: bool) -> Evaluation:
    return Evaluation(model, SystemClock(), opened, told=lambda scored: _tell(scored, texts=texts))


def _tell(scored: Scored, *, texts: bool) -> None:
    if not scored.right or scored.unsupported or scored.overclaims:
        _print(f"not right: {why_wrong(scored)}")
        if texts:
            _print("\n".join(f"    {line}" for line in scored.text.splitlines()))


def _print(text: str) -> None:
    if text:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


@contextmanager
def opened(story: Story) -> Iterator[World]:
    """The story's cluster, watched for some time by a watchdog of its own, as of NOW."""
    with tempfile.TemporaryDirectory(prefix="watchdog-evaluation-") as folder:
        clock = FakeClock(NOW - _WATCHED)
        cluster = _cluster(story, worlds().injections)
        runtime = Runtime(_config(story, folder), clock, cluster)
        try:
            _watch(runtime, clock)
            yield World(runtime.desk, truth_of(cluster, _past(story), NOW, PRICE))
        finally:
            runtime.stop()


def _config(story: Story, folder: str) -> Config:
    return Config(
        source="demo",
        data_dir=folder,
        demo_nodes=story.nodes,
        demo_gpus=story.gpus,
        demo_history_hours=_PAST_HOURS,
        gpu_hour_usd=PRICE,
        # A look is as old as this at most: the clock is moved so far at once.
        interval_seconds=60,
    )


def _cluster(story: Story, texts: Sequence[str]) -> DemoCluster:
    config = _demo(story)
    return HostileCluster(config, NOW - _WATCHED, texts) if story.hostile else DemoCluster(config, NOW - _WATCHED)


def _demo(story: Story) -> DemoConfig:
    watched = _WATCHED.total_seconds()
    script = tuple(Planned(each.kind, watched - 60 * each.ago, each.minutes, each.node) for each in story.faults)
    return DemoConfig(story.nodes, story.gpus, story.seed, scenario=Scenario(story.name, script))


def _past(story: Story) -> Iterator[pd.DataFrame]:
    """What the pages of the same cluster showed, asked of the simulation."""
    return DemoCluster(_demo(story), NOW - _WATCHED).history(NOW - timedelta(hours=HOURS), NOW, timedelta(seconds=15))


def _watch(runtime: Runtime, clock: FakeClock) -> None:
    runtime.look_once()
    while clock.now() < NOW:
        clock.sleep(_EVERY.total_seconds())
        runtime.look_again()
