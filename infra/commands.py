"""The commands of the driver: each takes parsed arguments and an office, and gives an exit code."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace

import msgspec

from infra import estimate, notes, prices, tokens
from infra.choosing import Offer, offer
from infra.desk import Desk
from infra.errors import NotFoundError, NotReadyError
from infra.giving_back import give_back
from infra.lowering import lower_cluster
from infra.office import WAIT_SECONDS, Office, balance
from infra.ownership import ours
from infra.prices import PriceList
from infra.raising import raise_cluster
from infra.reconcile import Finding, Report, reconcile
from infra.spec import Wishes, parse_gpus
from infra.status import Status, status
from infra.terraform import TerraformApplier
from infra.waiting import wait_ready
from infra.wire import Pod, SshEndpoint
from infra.wiring import rewire
from watchdog.base.errors import ConfigError, InfraError

Command = Callable[[Namespace, Office], int]


def wishes_of(args: Namespace, office: Office) -> Wishes:
    """Wishes from the command line; ConfigError names what is wrong."""
    return Wishes(
        name=args.name,
        workers=args.workers,
        gpus=parse_gpus(args.gpu),
        gpu_count=args.gpu_count,
        cloud=args.cloud.upper(),
        image=args.image or office.settings.image,
        disk_gb=args.disk,
        volume_gb=args.volume,
        worker_volume_gb=args.worker_volume,
        model_profile=args.model,
        hours=args.hours,
        max_price=args.max_price,
        max_hourly=args.max_hourly,
        max_total=args.max_total,
    )


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def key(args: Namespace, office: Office) -> int:
    """0 where there is a key, 1 where only dry runs are made."""
    return 0 if office.settings.key else 1


def init(args: Namespace, office: Office) -> int:
    """Check the key and prepare Terraform."""
    with office.desk(args.name) as desk:
        money = balance(desk.runpod)
        if isinstance(desk.applier, TerraformApplier):
            desk.applier.prepare()
        _print(f"The key is good. Balance ${money.usd:.2f}, ${money.usd_per_hour:.2f} an hour now. Terraform is ready.")
    return 0


def plan(args: Namespace, office: Office) -> int:
    """What `up` would try and cost, and what Terraform would do on the first GPU type."""
    wishes = wishes_of(args, office)
    with office.desk(wishes.name) as desk:
        found = _offer(desk, office, wishes, args)
        _print(found.text())
        planned = desk.applier.plan(found.specs[0])
        _print(f"Terraform would rent {len(planned.creates)}: {', '.join(planned.creates.values()) or 'none'}.")
        if planned.losses:
            _print(f"IT WOULD RETURN running pods: {', '.join(planned.losses)} (only with --replace).")
        if planned.changes:
            _print(f"It would change, which may restart them: {', '.join(planned.changes)}.")
    return 0


def up(args: Namespace, office: Office) -> int:
    """Rent the cluster; says what it costs before it asks."""
    wishes = wishes_of(args, office)
    with office.desk(wishes.name) as desk:
        found = _offer(desk, office, wishes, args)
        _print(found.text())
        if not desk.confirm(f"Rent it for {found.price_words} an hour?"):
            _print("Nothing was rented.")
            return 1
        if found.give_up:
            give_back(desk, wishes.name, found.give_up, f"--replace by {desk.by}")
        try:
            raise_cluster(desk, found.specs, replace=args.replace)
        except InfraError:
            _say_what_goes_on(desk, wishes.name)
            raise
        _print(_status(desk, office, wishes.name).text())
        _write_outputs(desk, office, wishes.name)
        wired = rewire(office.settings, wishes.name, _own_pods(desk, wishes.name))
        _print(f"{wired} An app that is running reads it at its next start.")
        return _tell(reconcile(desk, office.held()), quiet=True)


def show_status(args: Namespace, office: Office) -> int:
    """The pods of the cluster now."""
    desk = office.reading_desk(args.name)
    found = _status(desk, office, args.name)
    _print(msgspec.json.encode(found).decode() if args.json else found.text())
    return 0


def wait(args: Namespace, office: Office) -> int:
    """Wait until all pods of the cluster are ready."""
    with office.desk(args.name) as desk:
        pods = _own_pods(desk, args.name)
        if not pods:
            raise NotFoundError(f"cluster {args.name} has no pods", hint="`up` rents it.")
        outcome = wait_ready(desk, args.name, pods)
        rewire(office.settings, args.name, _own_pods(desk, args.name))
        for pod, why in outcome.dead.values():
            _print(f"{pod.name} ({pod.id}): {why}")
        if outcome.dead:
            raise NotReadyError("not all pods are ready", hint="`up` returns and replaces those of a new cluster.")
        _print(f"{len(outcome.ready)} pods are ready.")
    return 0


def down(args: Namespace, office: Office) -> int:
    """Return the whole cluster and prove it."""
    with office.desk(args.name, WAIT_SECONDS) as desk:
        if args.name not in notes.book(desk).clusters:
            _print(f"There is no record of a cluster {args.name} here.")
            return _tell(reconcile(desk, office.held()))
        pods = _own_pods(desk, args.name)
        names = ", ".join(pod.name for pod in pods) or "no pods that are listed"
        if pods and not desk.confirm(f"Return {names}, with all that is on their disks?"):
            _print("Nothing was returned; it goes on costing.")
            return 1
        _print(lower_cluster(desk, args.name).text())
        rewire(office.settings, args.name, [])
        return _tell(reconcile(desk, office.held()), quiet=True)


def show_reconcile(args: Namespace, office: Office) -> int:
    """Compare RunPod's list, our record and Terraform's state; on request return what is out of order."""
    with office.desk(args.name, WAIT_SECONDS) as desk:
        found = reconcile(desk, office.held())
        code = _tell(found)
        wanted = [item for item in found.returnable if args.give_back] + _named(found, args.give_back_id)
        if not wanted:
            return code
        names = ", ".join(f"{item.pod.name} ({item.pod.id})" for item in wanted)
        if not desk.confirm(f"Return {names}?"):
            return code
        for item in wanted:
            give_back(desk, item.cluster, [item.pod], f"reconcile by {desk.by}")
        return _tell(reconcile(desk, office.held()))


def cost(args: Namespace, office: Office) -> int:
    """What a cluster would cost by the hour, day and month; with a key at today's prices."""
    wishes = wishes_of(args, office)
    types = [*estimate.USUAL, *(wishes.gpus if args.gpu_given else ())]
    price_list = _price_list(office, wishes)
    _print(estimate.table(wishes, price_list, estimate.estimates(wishes, price_list, types)))
    if price_list.live and not args.estimate:
        _print("")
        _print(_status(office.reading_desk(args.name), office, args.name).text())
    return 0


def ssh(args: Namespace, office: Office) -> int:
    """Open a shell on a pod: `head`, `worker-0`, …; the process becomes ssh."""
    desk = office.reading_desk(args.name)
    pods = {pod.name: pod for pod in _own_pods(desk, args.name)}
    pod = pods.get(f"{args.name}-{args.node}")
    if pod is None:
        raise NotFoundError(f"there is no {args.name}-{args.node}", hint=f"There are: {', '.join(pods) or 'none'}.")
    words = ssh_words(pod)
    if args.show:
        _print(" ".join(words))
        return 0
    os.execvp(words[0], words)  # noqa: S606 (checked words, no shell)
    raise AssertionError("execvp does not come back")


def ssh_words(pod: Pod) -> list[str]:
    """The ssh command for a pod, from checked parts: what RunPod sends is not run as it stands."""
    endpoint: SshEndpoint | None = pod.ssh.direct or pod.ssh.proxy
    if endpoint is None:
        raise NotReadyError(f"{pod.name} has no ssh yet", hint="It needs 22/tcp and a key registered at RunPod.")
    for part in (endpoint.host, endpoint.username):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]*", part):
            raise ConfigError(f"RunPod names {part!r} for ssh, which is not a name")
    return ["ssh", "-p", str(endpoint.port), f"{endpoint.username}@{endpoint.host}"]


def _offer(desk: Desk, office: Office, wishes: Wishes, args: Namespace) -> Offer:
    if not wishes.image:
        raise ConfigError(
            "no image is named", hint="Push docker/runpod-template, then set RUNPOD_IMAGE in .env or --image."
        )
    if args.secrets == "local":
        tokens.make(office.settings.state / wishes.name, office.settings.hf_token)
    market = office.market(desk, wishes)
    entry = notes.founded(desk, wishes.name)
    return offer(wishes, entry, market, desk.clock.now(), may_replace=args.replace)


def _say_what_goes_on(desk: Desk, cluster: str) -> None:
    """After a failure: whether anything of the cluster still costs money."""
    try:
        pods = _own_pods(desk, cluster)
    except InfraError:
        _print("What is rented now is not known: `python -m infra.cluster reconcile` tells.")
        return
    usd = sum(pod.cost for pod in pods)
    names = ", ".join(pod.name for pod in pods)
    _print(f"Still rented, ${usd:.2f} an hour: {names}." if pods else f"Nothing of cluster {cluster} is rented.")


def _own_pods(desk: Desk, cluster: str) -> list[Pod]:
    entry = notes.book(desk).clusters.get(cluster)
    return ours(desk.runpod.pods(), cluster, entry.owner) if entry else []


def _status(desk: Desk, office: Office, cluster: str) -> Status:
    return status(cluster, desk.runpod.pods(), notes.book(desk), desk.runpod.balance(), office.clock.now())


def _write_outputs(desk: Desk, office: Office, cluster: str) -> None:
    """What wiring needs, where it finds it: `<state>/<cluster>/cluster.json`."""
    if isinstance(desk.applier, TerraformApplier):
        path = office.settings.state / cluster / "cluster.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(desk.applier.outputs()), indent=2))


def _price_list(office: Office, wishes: Wishes) -> PriceList:
    """Live prices where there is a key and an answer; else the dated table, and why."""
    if not office.settings.key:
        return prices.offline()
    try:
        return prices.live(office.runpod().gpus(wishes.gpu_count, wishes.cloud))
    except InfraError as error:
        offline = prices.offline()
        return replace(offline, source=f"{offline.source}; RunPod's own could not be read: {error}")


def _named(found: Report, ids: list[str]) -> list[Finding]:
    by_id = {item.pod.id: item for item in found.findings}
    for pod_id in ids:
        if pod_id not in by_id:
            raise NotFoundError(
                f"reconcile found nothing wrong with {pod_id!r}", hint="Only pods that it names are returned."
            )
    return [by_id[pod_id] for pod_id in ids]


def _tell(found: Report, *, quiet: bool = False) -> int:
    """Print a report; 1 where something is out of order."""
    for item in found.findings:
        _print(f"{item.kind.upper()}: {item.pod.name} ({item.pod.id}), ${item.pod.cost:.2f} an hour: {item.text}")
    for name in found.vanished:
        _print(f"GONE: {name} is no longer at RunPod")
    for cluster, (names, until) in found.pending.items():
        _print(
            f"PENDING: {', '.join(names)} of {cluster} may still turn up until {until:%H:%M:%S} UTC; look again then"
        )
    if found.returnable:
        _print("`python -m infra.cluster reconcile --return` returns those that are ours.")
    if found.clean and not quiet:
        count, usd = found.others
        _print(
            f"All in order: {len(found.order)} pods of ours, all recorded; {count} others in the account, ${usd:.2f} an hour."
        )
    return 0 if found.clean else 1
