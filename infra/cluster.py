"""The driver: `python -m infra.cluster plan|up|status|wait|down|reconcile|cost|ssh`.

Exit codes: 0 fine, 1 something is out of order or the answer was no, 2 misuse, 3 RunPod or Terraform said no,
4 something may still be billed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from infra import commands
from infra.dryrun import BANNER, dry_settings
from infra.errors import LeftoverError
from infra.office import open_office
from infra.settings import Settings, load_settings
from infra.spec import Wishes
from watchdog.base.errors import ConfigError, InfraError

_WITHOUT_KEY = (commands.cost, commands.key)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    args = parser().parse_args(argv)
    settings = Settings()
    try:
        settings = load_settings()
        if settings.key or args.run in _WITHOUT_KEY:
            return int(args.run(args, open_office(settings, yes=args.yes)))
        return _dry_run(args)
    except ConfigError as error:
        return _complain(settings, error, 2)
    except LeftoverError as error:
        return _complain(settings, error, 4)
    except InfraError as error:
        return _complain(settings, error, 3)
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; what is rented is billed: `python -m infra.cluster reconcile` names it\n")
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m infra.cluster", description="Rent, watch and return a GPU cluster at RunPod."
    )
    add = top.add_subparsers(required=True, metavar="COMMAND").add_parser
    _common(add("key", help="whether there is a key: exit code 0 or 1"), commands.key)
    _common(add("init", help="check the key, prepare Terraform"), commands.init)
    for word, run, text in (
        ("plan", commands.plan, "what `up` would try, and what it would cost"),
        ("up", commands.up, "rent the first GPU type that is to be had; says the price before it asks"),
        ("cost", commands.cost, "what a cluster would cost; needs no key"),
    ):
        _wishes(_common(add(word, help=text), run))
    show = _common(add("status", help="the pods now"), commands.show_status)
    show.add_argument("--json", action="store_true", help="for programs")
    _common(add("wait", help="wait until all pods are ready"), commands.wait)
    _common(add("down", help="return everything, and prove it"), commands.down)
    compare = _common(add("reconcile", help="name every pod that is out of order"), commands.show_reconcile)
    compare.add_argument("--return", dest="give_back", action="store_true", help="return those that are ours")
    compare.add_argument(
        "--return-id", dest="give_back_id", action="append", default=[], metavar="ID", help="return this one"
    )
    shell = _common(add("ssh", help="a shell on a pod"), commands.ssh)
    shell.add_argument("node", nargs="?", default="head", help="head, worker-0, worker-1, …")
    shell.add_argument("--show", action="store_true", help="print the command only")
    return top


def _common(sub: argparse.ArgumentParser, run: commands.Command) -> argparse.ArgumentParser:
    sub.set_defaults(run=run)
    sub.add_argument("--name", default=Wishes.name, help="name of the cluster (%(default)s)")
    sub.add_argument("--yes", action="store_true", help="do not ask")
    return sub


class _Given(argparse.Action):
    """Keeps that `--gpu` was given and not left at its default."""

    def __call__(
        self, parser: object, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        namespace.gpu, namespace.gpu_given = values, True


def _wishes(sub: argparse.ArgumentParser) -> None:
    sub.set_defaults(gpu_given=False)
    word = sub.add_argument
    word("--workers", type=int, default=Wishes.workers, help="workers beside the head (%(default)s)")
    word(
        "--gpu",
        action=_Given,
        default=",".join(Wishes.gpus),
        help="GPU types in the order to try: any-of:A100-80GB,H100",
    )
    word("--gpu-count", type=int, default=Wishes.gpu_count, help="GPUs a pod (%(default)s)")
    word("--cloud", default=Wishes.cloud, choices=["SECURE", "COMMUNITY", "secure", "community"], help="(%(default)s)")
    word("--image", default="", help="image of docker/runpod-template; or RUNPOD_IMAGE")
    word("--disk", type=int, default=Wishes.disk_gb, help="container disk of each pod, GB (%(default)s)")
    word("--volume", type=int, default=Wishes.volume_gb, help="volume of the head, GB; 0 = none (%(default)s)")
    word("--worker-volume", type=int, default=Wishes.worker_volume_gb, help="volume of a worker, GB (%(default)s)")
    word("--model", default="", help="vLLM profile that the head serves")
    word(
        "--secrets", default="runpod", choices=["runpod", "local"], help="where the pods' tokens are kept (%(default)s)"
    )
    word("--hours", type=float, default=Wishes.hours, help="to be returned after so many hours (%(default)s)")
    word("--max-price", type=float, help="most USD an hour for one GPU")
    word("--max-hourly", type=float, help="most USD an hour for the cluster")
    word("--max-total", type=float, help="most USD until it is returned, with what it cost before")
    word("--replace", action="store_true", help="running pods may be returned for it")
    word("--estimate", action="store_true", help="the estimate alone, without what runs")


def _dry_run(args: argparse.Namespace) -> int:
    sys.stdout.write(f"{BANNER}\n")
    sys.stdout.flush()
    with dry_settings() as settings:
        office = open_office(settings, yes=True)
        code = int(args.run(args, office))
        if args.run is commands.up and code == 0:
            sys.stdout.write("\nThe dry run ends; with a key the cluster would now run. Returning it:\n")
            code = commands.down(args, office)
        return code


def _complain(settings: Settings, error: InfraError | ConfigError, code: int) -> int:
    hint = f"\n  {error.hint}" if error.hint else ""
    sys.stderr.write(settings.scrubbed(f"{type(error).__name__.removesuffix('Error')}: {error}{hint}\n"))
    return code


if __name__ == "__main__":
    sys.exit(main())
