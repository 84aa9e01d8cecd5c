"""Pods on one machine: each in namespaces of its own (network, mounts, processes, host name), all on one bridge.

The entrypoint of the image runs unchanged, at the paths of the image, with Debian's munge, Slurm and nginx, a fake
nvidia-smi that prints a recording, and a fake vLLM. Nothing of it is seen outside, and it ends with this process.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.conftest import ROOT

SECRET = "the secret of a cluster that lives for one test only"
TOKEN = "metrics-token-0123456789-ABCDEFGHIJ"
MODEL_KEY = "sk-model-key-0123456789-ABCDEFGHIJ"
NETWORK = "10.65.1"
CLUSTER = "lab"
NEEDED = ("munged", "slurmctld", "slurmd", "nginx", "tini", "unshare", "nsenter", "ip", "/usr/bin/python3")
_RECORDING = ROOT / "tests" / "data" / "gpu" / "h100" / "busy.xml"
_SETUP = Path(__file__).with_name("pod_setup.sh")
_CLONE_NEWNET = 0x40000000


def why_not() -> str:
    """What keeps pods from running here; "" if nothing does."""
    if not list(ROOT.glob(".venv/lib/python3.*/site-packages")):
        return "the project's environment (.venv) is not here"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    if missing := [name for name in NEEDED if not shutil.which(name, path=path)]:
        return f"not installed: {', '.join(missing)}"
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "ip", "link", "add", "name", "br0", "type", "bridge"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        return f"no namespaces with a bridge here: {done.stderr.strip()}"
    found = subprocess.run(["/usr/bin/python3", "-V"], capture_output=True, text=True, check=False).stdout
    ours = f"Python {sys.version_info[0]}.{sys.version_info[1]}."
    return "" if found.startswith(ours) else f"/usr/bin/python3 is {found.strip()}, the packages are for {ours}"


class PodNet:
    """A network with nothing in it but a bridge."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hub = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c",
             "ip link add br0 type bridge && ip link set br0 up && echo up && exec sleep infinity"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._hub.stdout is not None
        assert self._hub.stdout.readline() == "up\n"

    def plug(self, pid: int, number: int) -> None:
        """Give a process' network the interface podnet1, without an address."""
        name = f"v{number}-{os.urandom(2).hex()}"
        hub = ["nsenter", "-t", str(self._hub.pid), "-n", "ip", "link"]
        # A pod that takes another's address has its hardware address too: nobody must wait for ARP.
        peer = ["peer", "name", "podnet1", "address", f"02:00:00:00:00:{number:02x}", "netns", str(pid)]
        _run([*hub, "add", name, "type", "veth", *peer])
        _run([*hub, "set", name, "master", "br0", "up"])

    def close(self) -> None:
        """End the network."""
        self._hub.kill()
        self._hub.wait()
        if self._hub.stdout:
            self._hub.stdout.close()


class Pod:
    """One pod: start, look at, kill parts of, stop."""

    def __init__(self, net: PodNet, number: int, gpus: Sequence[int], env: Mapping[str, str]) -> None:
        self.net, self.number, self.gpus = net, number, gpus
        self.address = f"{NETWORK}.{number}"
        self.env = dict(env)
        self.lines: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self.pid = 0

    def start(self, *, address: bool = True) -> Pod:
        """Start it; without an address its network is up, but says nothing."""
        files = self.net.folder / f"pod{self.number}"
        shutil.rmtree(files, ignore_errors=True)
        _write_files(files, self.gpus)
        env = {
            "PATH": "/opt/fake/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "WATCHDOG_CLUSTER": CLUSTER, "WATCHDOG_CLUSTER_SECRET": SECRET, "WATCHDOG_GATEWAY_TOKEN": TOKEN,
            "WATCHDOG_VOLUME": "/srv/volume", "WATCHDOG_BASE_START": "/opt/fake/start.sh", "PUBLIC_KEY": "ssh-ed25519 x",
            "WATCHDOG_EXPORTER_SECONDS": "2",
            **self.env,
        }  # fmt: skip
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork",
             "--kill-child", "--mount-proc", "sh", str(_SETUP), str(files), str(ROOT), f"c{self.number:011x}",
             " ".join(str(number) for number in self.gpus)],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", cwd="/",
        )  # fmt: skip
        self.pid = _child_of(self._process.pid)
        threading.Thread(target=self._collect, args=(self._process,), daemon=True).start()
        until(lambda: "setup done" in self.lines, 10, self.tail)
        self.net.plug(self.pid, self.number)
        if address:
            self.give_address()
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self

    def give_address(self) -> None:
        """The network comes to life."""
        self.inside("ip", "link", "set", "podnet1", "up")
        self.inside("ip", "address", "add", f"{self.address}/24", "dev", "podnet1")

    def inside(
        self, *argv: str, user: str = "", check: bool = True, seconds: float = 30
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the pod."""
        who = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        argv = ("nsenter", "-t", str(self.pid), "-n", "-m", "-u", "-p", "--wd=/tmp", *who, *argv)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{argv}: {done.stdout}{done.stderr}\n{self.tail()}")
        return done

    def read(self, path: str) -> str:
        """A file of the pod; "" while it is not there."""
        try:
            return Path(f"/proc/{self.pid}/root{path}").read_text()
        except FileNotFoundError:
            return ""

    def health(self) -> dict:
        """The health file; {} while there is none."""
        try:
            return json.loads(self.read("/run/watchdog/health.json"))
        except (OSError, ValueError):
            return {}

    def service(self, name: str) -> dict:
        """One service of the health file."""
        return next((s for s in self.health().get("services", []) if s["name"] == name), {})

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """A daemon crashes."""
        self.inside("sh", "-c", f"kill -{int(number)} {self.service(name)['pid']}")

    def states(self) -> dict[str, str]:
        """Node -> state, as Slurm says."""
        out = self.inside("sinfo", "-h", "-N", "-o", "%N %T", check=False).stdout
        return dict(line.split() for line in out.splitlines() if len(line.split()) == 2)

    def connect(self, port: int = 8080, host: str = "127.0.0.1") -> socket.socket:
        """A connection made inside the pod's network."""
        return _made_in(self.pid, lambda: socket.create_connection((host, port), 15))

    def listen(self, port: int) -> socket.socket:
        """A listening socket on the pod's loopback."""
        return _made_in(self.pid, lambda: socket.create_server(("127.0.0.1", port)))

    def ask(
        self, path: str, token: str = "", method: str = "GET", body: bytes | None = None, port: int = 8080,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:  # fmt: skip
        """Ask the gateway; status and body. (0, "") while nothing listens."""
        connection = http.client.HTTPConnection("pod", port, timeout=15)
        try:
            connection.sock = self.connect(port)
        except ConnectionRefusedError:
            return 0, ""
        auth = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            connection.request(method, path, body, {**auth, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def tail(self) -> str:
        """The end of its log."""
        return f"--- pod {self.number}\n" + "\n".join(self.lines[-40:])

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM, as RunPod does; the exit code of the entrypoint."""
        assert self._process is not None
        os.kill(self.pid, signal.SIGTERM)
        return self._process.wait(seconds)

    def destroy(self) -> None:
        """The pod is gone, without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _collect(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line.rstrip("\n"))


@contextlib.contextmanager
def pod_net() -> Iterator[PodNet]:
    """A network that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="podlab-", dir="/tmp"))
    folder.chmod(0o755)
    net = PodNet(folder)
    try:
        yield net
    finally:
        net.close()
        shutil.rmtree(folder, ignore_errors=True)


def head(net: PodNet, number: int = 1, gpus: Sequence[int] = (3, 5, 6), **env: str) -> Pod:
    """A head."""
    return Pod(net, number, gpus, {"WATCHDOG_ROLE": "head", "RUNPOD_POD_ID": "headpod", **env})


def worker(net: PodNet, index: int, gpus: Sequence[int] = (0, 2), **env: str) -> Pod:
    """A worker of the head with number 1."""
    return Pod(
        net, 10 + index, gpus,
        {"WATCHDOG_ROLE": "worker", "WATCHDOG_HEAD": "headpod.runpod.internal", "WATCHDOG_WORKER_INDEX": str(index),
         "RUNPOD_POD_ID": f"workerpod{index}", **env},
    )  # fmt: skip


def until(true: Callable[[], object], seconds: float, tell: Callable[[], str] = str) -> float:
    """Wait for something; how long it took."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds} s\n{tell()}")
        time.sleep(0.05)
    return time.monotonic() - began


def recording(gpus: int) -> str:
    """What nvidia-smi said of one H100, as if there were several."""
    text = _RECORDING.read_text()
    start, end = text.index("<gpu id="), text.index("</gpu>") + len("</gpu>")
    one = text[start:end]
    text = text[:start] + "\n".join(_numbered(one, number) for number in range(gpus)) + text[end:]
    return re.sub(r"<attached_gpus>1<", f"<attached_gpus>{gpus}<", text)


def _numbered(gpu: str, number: int) -> str:
    gpu = re.sub(r"<uuid>GPU-\w{8}", f"<uuid>GPU-{number:08d}", gpu)
    return gpu.replace("00000000:00:06.0", f"00000000:{number + 16:02X}:00.0")


def _write_files(folder: Path, gpus: Sequence[int]) -> None:
    """The pod's own files, mounted at /opt/fake and over /etc."""
    (folder / "bin").mkdir(parents=True)
    xml = recording(len(gpus))
    minors = iter(gpus)
    xml = re.sub(r"<minor_number>\d+<", lambda _: f"<minor_number>{next(minors)}<", xml)
    (folder / "smi.xml").write_text(xml)
    _script(folder / "bin" / "nvidia-smi", "cat /opt/fake/smi.xml")
    # What the base's start script does that matters here: it goes on for ever, and shows what it was told.
    _script(folder / "start.sh", "env | sort > /run/base.env\nexec sleep infinity")
    accounts = ["slurm", "munge", "gateway", "watchdog", "vllm"]
    passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
    for uid, name in enumerate(accounts, 1300):
        if not re.search(rf"^{name}:", passwd, re.M):
            passwd += f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n"
            group += f"{name}:x:{uid}:\n"
    (folder / "passwd").write_text(passwd)
    (folder / "group").write_text(group)
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{NETWORK}.1 headpod.runpod.internal\n")
    shutil.copy(Path(__file__).with_name("vllm_fake.py"), folder / "vllm")
    (folder / "vllm").chmod(0o755)


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def _child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    until(lambda: children.read_text().split(), 5)
    return int(children.read_text().split()[0])


def _enter_network(pid: int) -> None:
    with open(f"/proc/{pid}/ns/net") as ns:
        if ctypes.CDLL(None, use_errno=True).setns(ns.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def _made_in(pid: int, make: Callable[[], socket.socket]) -> socket.socket:
    """A socket of another network: it stays in the one of the thread that made it."""
    made: list[socket.socket | OSError] = []

    def there() -> None:
        try:
            _enter_network(pid)
            made.append(make())
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=there)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def _run(argv: Sequence[str]) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=10)
