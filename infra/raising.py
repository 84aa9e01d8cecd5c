"""Bring a cluster up: the first GPU type that is to be had, nothing rented twice, nothing kept that is of no use."""

from __future__ import annotations

from collections.abc import Sequence

from infra import notes
from infra.applier import Plan
from infra.desk import Desk
from infra.errors import LeftoverError, NoCapacityError, NotReadyError, PlanError, TerraformError, UnavailableError
from infra.giving_back import give_back
from infra.ownership import address_of, ours
from infra.spec import Spec
from infra.waiting import wait_ready
from infra.wire import Gpu, Pod
from watchdog.base.errors import InfraError

_TRIES = 4
_REPLACEMENTS = 2


def raise_cluster(desk: Desk, specs: Sequence[Spec], *, replace: bool = False) -> list[Pod]:
    """Try one spec after the other until a cluster stands; only "no capacity" moves on to the next.

    Half a cluster is returned before the next type is tried, and when nothing helps. Pods that were ready once are never
    returned for that; what an interrupted run left unready counts as new.

    Args:
        desk: with the lock held.
        specs: the same cluster on each GPU type, in the order to try.
        replace: pods that run may be returned where the spec asks for it.

    Returns:
        All pods of the cluster, ready.

    Raises:
        InfraError: NoCapacityError when no type was to be had; any other reason at once.
    """
    before = {pod.id for pod in standing(desk, _ours(desk, specs[0]))}
    tried = []
    for spec in specs:
        try:
            return _stand(desk, spec, before, replace=replace)
        except NoCapacityError as error:
            desk.progress.say(f"{spec.gpu_type}: no capacity")
            tried.append(spec.gpu_type)
            _drop_new(desk, spec, before, error)
            if before:
                raise
        except InfraError as error:
            _drop_new(desk, spec, before, error)
            raise
    raise NoCapacityError(f"no capacity for {', '.join(tried)}", hint="Name more types with --gpu, or try later.")


def standing(desk: Desk, pods: Sequence[Pod]) -> list[Pod]:
    """Those that were ready once: somebody may have work on them."""
    ready = {pod_id for pod_id, entry in notes.book(desk).pods.items() if entry.ready_at}
    return [pod for pod in pods if pod.id in ready]


def _check_plan(desk: Desk, plan: Plan, before: set[str]) -> None:
    """PlanError for a plan that takes away pods that ran before, or rents again what is there."""
    held = desk.applier.held()
    lost = [address for address in plan.losses if held.get(address) in before]
    if lost:
        raise PlanError(
            f"the plan would return running pods: {', '.join(lost)}",
            hint="Their work and disks would be lost. --replace does it all the same.",
        )
    again = [address for address in plan.creates if held.get(address) in before and address not in plan.losses]
    if again:
        raise PlanError(
            f"the plan would rent again what runs: {', '.join(again)}", hint="Terraform's state and RunPod disagree."
        )


def _stand(desk: Desk, spec: Spec, before: set[str], *, replace: bool) -> list[Pod]:
    for round_ in range(_REPLACEMENTS + 1):
        pods = _rent(desk, spec, set() if replace else before)
        outcome = wait_ready(desk, spec.wishes.name, pods, _start_stopped(desk, pods))
        if not outcome.dead:
            return outcome.ready
        reasons = "; ".join(f"{pod.name} ({pod.id}): {why}" for pod, why in outcome.dead.values())
        if before & outcome.dead.keys() or round_ == _REPLACEMENTS:
            break
        desk.progress.say(f"dead on arrival, rented anew: {reasons}")
        give_back(desk, spec.wishes.name, [pod for pod, _ in outcome.dead.values()], "dead on arrival")
    hint = "Look at it with `status`; `make teardown` returns all, --replace with another --gpu rents anew."
    raise NotReadyError(f"not ready after {round_ + 1} tries: {reasons}", hint=hint)


def _start_stopped(desk: Desk, pods: Sequence[Pod]) -> list[str]:
    """Start those that were stopped; gives their ids."""
    stopped = [pod for pod in pods if pod.status == "EXITED"]
    for pod in stopped:
        desk.progress.say(f"starting {pod.name} ({pod.id}), which was stopped")
        desk.runpod.start(pod.id)
    return [pod.id for pod in stopped]


def _rent(desk: Desk, spec: Spec, keep: set[str]) -> list[Pod]:
    """Apply until all pods are there, taking over those whose answer was lost; gives all of the cluster."""
    for left in reversed(range(_TRIES)):
        adopt_lost(desk, spec)
        plan = desk.applier.plan(spec)
        _check_plan(desk, plan, keep)
        if not (plan.creates or plan.losses or plan.changes):
            break
        _note_losses(desk, spec, plan.losses)
        try:
            _apply(desk, spec, plan)
        except UnavailableError as error:
            desk.progress.say(f"{error}; looking what came of it")
            if not left:
                raise
            desk.clock.sleep(desk.timing.lost_pause)
        else:
            break
    return _only_held(desk, spec)


def _apply(desk: Desk, spec: Spec, plan: Plan) -> None:
    """Write down the intent, apply, write down what came of it; a lost answer leaves the intent open."""

    def on_pod(address: str, pod_id: str) -> None:
        name = plan.creates.get(address, "")
        notes.rented_unseen(desk, spec, pod_id, name)
        desk.progress.say(f"rented {name} ({pod_id})")

    if plan.creates:
        desk.progress.say(
            f"renting {', '.join(plan.creates.values())} on {spec.gpu_type}, ${spec.pod_usd:.2f} an hour each"
        )
    run = notes.intend(desk, spec, list(plan.creates.values()))
    try:
        desk.applier.apply(spec, on_pod)
    except InfraError as error:
        unknown = (UnavailableError, TerraformError)
        if not isinstance(error, unknown) and not isinstance(error.__cause__, unknown):
            notes.settle(desk, spec.wishes.name, run, str(error))
        raise
    notes.settle(desk, spec.wishes.name, run, "done")


def adopt_lost(desk: Desk, spec: Spec) -> None:
    """Take over pods of ours that nothing holds and whose place is free."""
    held = desk.applier.held()
    ids = set(held.values())
    alive = {pod.id for pod in _ours(desk, spec)}
    for pod in _ours(desk, spec):
        address = address_of(pod.name)
        if pod.id in ids or held.get(address) in alive or pod.gpu != Gpu(spec.gpu_type, spec.wishes.gpu_count):
            continue
        notes.record_unknown(desk, spec.wishes.name, [pod], "adopted")
        if address in held:
            desk.applier.forget(address)
        desk.progress.say(f"taking over {pod.name} ({pod.id}), whose answer was lost")
        desk.applier.adopt(spec, address, pod.id)
        held = desk.applier.held()


def _only_held(desk: Desk, spec: Spec) -> list[Pod]:
    """All pods of the cluster; twins that a lost answer left are returned."""
    held = set(desk.applier.held().values())
    pods = _ours(desk, spec)
    notes.record_unknown(desk, spec.wishes.name, pods, "found")
    notes.price(desk, spec.wishes.name, pods)
    notes.gone(desk, spec.wishes.name, pods)
    twins = [pod for pod in pods if pod.id not in held]
    if kept := standing(desk, twins):
        names = ", ".join(f"{pod.name} ({pod.id})" for pod in kept)
        raise PlanError(f"Terraform does not hold pods that were in use: {names}", hint="See `reconcile`.")
    give_back(desk, spec.wishes.name, twins, "rented twice after a lost answer")
    return [pod for pod in pods if pod.id in held]


def _note_losses(desk: Desk, spec: Spec, losses: Sequence[str]) -> None:
    held = desk.applier.held()
    for address in losses:
        if address in held:
            notes.returning(desk, spec.wishes.name, held[address], "the plan replaces or removes it")


def _drop_new(desk: Desk, spec: Spec, before: set[str], error: InfraError) -> None:
    """Return what was rented for a cluster that does not stand; what ran before stays."""
    try:
        pods = _ours(desk, spec)
        notes.record_unknown(desk, spec.wishes.name, pods, "found")
        give_back(desk, spec.wishes.name, [pod for pod in pods if pod.id not in before], str(error))
    except InfraError as second:
        raise LeftoverError(
            f"{error}. What was rented before that could not be returned: {second}",
            hint="Run `make teardown` until it says that nothing is left.",
        ) from error


def _ours(desk: Desk, spec: Spec) -> list[Pod]:
    return ours(desk.runpod.pods(), spec.wishes.name, spec.owner)
