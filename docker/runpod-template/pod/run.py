"""A pod from its start to its end."""

from __future__ import annotations

import os
import signal
import threading
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from pod import files, membership
from pod.control import Control
from pod.deadline import Deadline, Switch, deadline_of, owner_of
from pod.health import Health
from pod.log import Log
from pod.machine import Machine, look
from pod.network import NoAddressError, resolves_to, wait_for_address
from pod.plan import Plan, base, services
from pod.profiles import Profile, choose, split_gpus
from pod.serve_model import PORT as MODEL_PORT
from pod.settings import Settings, SettingsError, harmless, read_settings, secrets_of
from pod.supervisor import Supervisor

_TICK_SECONDS = 0.1
_HEALTH_SECONDS = 2.0
_REPEAT_SECONDS = 300.0


def run(environ: Mapping[str, str]) -> int:
    """Run until SIGTERM. Exit code 0; 1 where the network never came, so that the container is started anew."""
    pod = Pod(environ)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: pod.stop.set())
    pod.switch.start()
    try:
        settings = read_settings(environ)
        Control(pod.deadline).start()
        return pod.live(settings)
    except SettingsError as error:
        return pod.hold(str(error))
    except NoAddressError as error:
        pod.log.pod(str(error))
        return 1
    finally:
        pod.switch.end()


class Pod:
    """What exists before anything is known to be in order: the log, the deadline, the wish to stop."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        role = environ.get("WATCHDOG_ROLE", "")
        role = role if role in ("head", "worker") else "pod"
        self.environ = environ
        self.log = Log(role, secrets_of(environ))
        self.stop = threading.Event()
        self.health = Health(role)
        self.deadline = _deadline(environ)
        self.switch = Switch(self.deadline, owner_of(environ), self.log.pod)
        # sshd first: whatever else fails, one can look.
        self.supervisor = Supervisor(base(environ), self.log)
        # What we start ourselves sees no secret either.
        os.environ.clear()
        os.environ.update(harmless(environ))

    def hold(self, problem: str) -> int:
        """Settings cannot be used: say so and wait. Ending would only make RunPod start the container over and over."""
        self.health.phase, self.health.problems = "broken", problem.split("\n")
        while True:
            for line in self.health.problems:
                self.log.pod(f"cannot start: {line}")
            if self.stopped(_REPEAT_SECONDS):
                self.supervisor.stop()
                return 0

    def stopped(self, seconds: float) -> bool:
        """Wait, with an eye on what runs already. True when the pod is to stop."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.supervisor.tick()
            self.health.write(self.supervisor.states())
            if self.stop.wait(min(_HEALTH_SECONDS, max(0.0, until - time.monotonic()))):
                return True
        return False

    def live(self, settings: Settings) -> int:
        """Join the network, start the daemons, keep them, leave."""
        self.health.node, self.health.phase = settings.node_name, "network"
        address = wait_for_address(settings.interface, settings.address_seconds, stopped=self.stopped, say=self.log.pod)
        if address is None:
            self.supervisor.stop()
            return 0
        self.health.address = address
        plan = self._plan(settings, address)
        files.write_all(plan, plan.controller)
        self.supervisor.add(services(plan, self.environ))
        self.health.phase = "running"
        self._keep(plan, self.supervisor)
        self._leave(plan, self.supervisor)
        return 0

    def _plan(self, settings: Settings, address: str) -> Plan:
        machine, problem = look()
        self._judge_gpus(settings, machine, problem)
        profile = self._profile(settings, machine)
        for_jobs, for_model = split_gpus(machine.gpus, profile)
        cache = files.cache_folder(settings.volume) if profile else settings.volume
        controller = settings.head or _own_name(settings, address)
        plan = Plan(settings, controller, machine, for_jobs, for_model, profile, cache)
        self.health.model = "loading" if profile else "none"
        self.log.pod(
            f"{settings.node_name}: {plan.node}; controller {controller}; model {settings.model_profile or 'none'}"
        )
        return plan

    def _profile(self, settings: Settings, machine: Machine) -> Profile | None:
        """The model server's. One that cannot be is a problem to tell, and no reason to have no cluster."""
        try:
            return choose(settings.model_profile, machine.gpus)
        except SettingsError as error:
            self.health.problems.append(str(error))
            self.log.pod(f"no model is served: {error}")
            return None

    def _judge_gpus(self, settings: Settings, machine: Machine, problem: str) -> None:
        self.health.gpus = len(machine.gpus)
        if problem:
            self.health.problems.append(problem)
        if settings.gpu_count is not None and len(machine.gpus) < settings.gpu_count:
            self.health.problems.append(f"{settings.gpu_count} GPUs are rented, {len(machine.gpus)} are seen")
        for text in self.health.problems:
            self.log.pod(text)

    def _keep(self, plan: Plan, supervisor: Supervisor) -> None:
        """Until told to stop."""
        told, said = 0.0, supervisor.states()
        watch = membership.Watch(plan.settings.node_name)
        watch.start()
        while not self.stop.wait(_TICK_SECONDS):
            supervisor.tick()
            now = time.monotonic()
            if now - told >= _HEALTH_SECONDS or supervisor.states() != said:
                told, said = now, supervisor.states()
                self._look_at_model()
                self.health.write(said)
            if watch.forgotten.is_set():
                self.log.pod("the controller does not know this node: joining again")
                supervisor.restart("slurmd")
                watch.forgotten.clear()
        watch.end()

    def _look_at_model(self) -> None:
        if self.health.model == "loading" and _model_answers():
            self.health.model = "ready"
            self.log.pod("the model answers")

    def _leave(self, plan: Plan, supervisor: Supervisor) -> None:
        """Stop so that the cluster knows: no new jobs, then no node, then no daemons."""
        self.log.pod("stopping")
        self.health.phase = "stopping"
        self.health.write(supervisor.states())
        node = plan.settings.node_name
        heard = membership.drain(node)
        supervisor.stop(["slurmd"])
        if not (heard and membership.leave(node)):
            self.log.pod("the controller kept this node")
        # Nobody knows how long RunPod waits before it kills: what has a state to save goes first.
        supervisor.stop(["slurmctld"])
        supervisor.stop()
        self.log.pod("stopped")


def _deadline(environ: Mapping[str, str]) -> Deadline:
    volume = Path(environ.get("WATCHDOG_VOLUME", "").strip() or "/workspace")
    return deadline_of(environ, files.deadline_folder(volume, environ.get("RUNPOD_POD_ID", "").strip()))


def _own_name(settings: Settings, address: str) -> str:
    """The head as all pods reach it: RunPod's internal name, where it means this address, outlives a new address."""
    name = f"{settings.pod_id}.runpod.internal"
    return name if settings.pod_id and resolves_to(name, address) else address


def _model_answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{MODEL_PORT}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
