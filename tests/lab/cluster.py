"""Start a lab, run commands in it, stop it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.lab.options import (
    LabOptions,
    Ports,
    Users,
    database_conf,
    gres_conf,
    node_names,
    slurm_conf,
    slurmdbd_conf,
)

KEEPER = Path(__file__).parent / "keeper.py"
PATH = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
NEEDED = ("munged", "slurmctld", "slurmd", "squeue", "setpriv")
NEEDED_FOR_ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db")
START_SECONDS = 60.0


class LabError(RuntimeError):
    """The lab did not do what it was told."""


def missing_programs(options: LabOptions) -> list[str]:
    """Programs that such a lab needs and this machine lacks."""
    names = [*NEEDED, *(NEEDED_FOR_ACCOUNTING if options.accounting else ()), *(["slurmrestd"] if options.rest else [])]
    return [name for name in names if not shutil.which(name, path=PATH)]


@contextlib.contextmanager
def running_lab(options: LabOptions | None = None) -> Iterator[SlurmLab]:
    """A lab that is up; everything is stopped and removed afterwards."""
    # Short, since a Unix socket's path may have 107 characters; open to the daemons' users.
    folder = Path(tempfile.mkdtemp(prefix="slurmlab-", dir="/tmp"))
    lab = SlurmLab(folder, options or LabOptions())
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
        shutil.rmtree(folder, ignore_errors=True)


class SlurmLab:
    """A Slurm cluster under `folder`, on 127.0.0.1 only.

    Attributes:
        conf: the slurm.conf; `env` has SLURM_CONF set to it.
        rest_url: slurmrestd with JWT (`token()`), user names in X-SLURM-USER-NAME.
        rest_socket: slurmrestd with munge; this user's own identity.
    """

    def __init__(self, folder: Path, options: LabOptions) -> None:
        self.folder, self.options, self.users = folder, options, Users.here()
        ports = _free_ports(5 + options.nodes)
        self.ports = Ports(*ports[:5], slurmd=tuple(ports[5:]))
        self.host, self._prefix = _host()
        self.conf = folder / "slurm.conf"
        self.env = {"PATH": PATH, "SLURM_CONF": str(self.conf), "HOME": str(folder / "work"), "LANG": "C.UTF-8"}
        self.rest_url = f"http://127.0.0.1:{self.ports.rest}"
        self.rest_socket = folder / "rest" / "slurmrestd.sock"
        self.nodes = node_names(options)
        self._keeper: subprocess.Popen[str] | None = None

    def up(self) -> None:
        """Start everything and wait until each node takes jobs."""
        self._write_files()
        name = [self.host] if self._prefix else []
        command = [*self._prefix, sys.executable, str(KEEPER), str(self.folder), *name]
        self._keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._start_munge()
        if self.options.accounting:
            self._start_database()
        self.start_daemon("slurmctld", ["slurmctld", "-D"], self.users.slurm)
        self._await("slurmctld", lambda: "is UP" in self.run("scontrol", "ping").stdout)
        for node in self.nodes:
            self.start_node(node)
        if self.options.accounting:
            self._add_accounts()
        self._await("slurmd-" + self.nodes[0], self._nodes_are_ready)
        if self.options.rest:
            self._start_rest()

    def down(self) -> None:
        """Stop everything; also what an unfinished `up` left."""
        if self._keeper is None:
            return
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        self._keeper.wait(60)
        self._keeper.stdout.close()
        self._keeper = None

    def run(self, *argv: str, seconds: float = 30, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a Slurm command."""
        done = subprocess.run(argv, env=self.env, cwd=self.folder / "work", capture_output=True, text=True,
                              errors="replace", timeout=seconds, check=False)  # fmt: skip
        if check and done.returncode:
            raise LabError(f"{' '.join(argv)}: {done.stderr or done.stdout}")
        return done

    def submit(self, script: str, *options: str) -> str:
        """Submit a batch job of one shell line; returns its id."""
        out = self.run("sbatch", "--parsable", "--output=/dev/null", *options, f"--wrap={script}", check=True)
        return out.stdout.strip().partition(";")[0]

    def start_node(self, node: str, *extra: str) -> None:
        """Start a node's slurmd."""
        (self.folder / "spool" / node).mkdir(parents=True, exist_ok=True)
        self.start_daemon(f"slurmd-{node}", ["slurmd", "-D", "-N", node, *extra])

    def join_node(self, node: str, hardware: str) -> None:
        """A dynamic node joins; one at a time, since all of them would share SlurmdPort."""
        self.start_node(node, "-Z", "--conf", hardware)

    def stop_node(self, node: str, signal_number: int = 15) -> None:
        """End a node's slurmd; 9 is a crash."""
        self._tell("stop", f"slurmd-{node}", signal_number)

    def stop_daemon(self, name: str, signal_number: int = 15) -> None:
        """End "slurmctld", "slurmdbd", "mariadbd", "rest-jwt", "rest-local" or "munged"."""
        self._tell("stop", name, signal_number)

    def start_controller(self) -> None:
        """Start slurmctld again after `stop_daemon("slurmctld")`."""
        self.start_daemon("slurmctld", ["slurmctld", "-D"], self.users.slurm)
        self._await("slurmctld", lambda: "is UP" in self.run("scontrol", "ping").stdout)

    def token(self, user: str = "") -> str:
        """A JWT for slurmrestd; root may have one for anybody."""
        out = self.run("scontrol", "token", "lifespan=3600", *([f"username={user}"] if user else []), check=True)
        return out.stdout.strip().partition("=")[2]

    def start_daemon(self, name: str, argv: Sequence[str], user: str = "", env: dict[str, str] | None = None) -> None:
        """Start a daemon under the keeper, as `user` where this process may choose."""
        full = {**self.env, "HOME": str(self.folder), **(env or {})}
        log = self.folder / "log" / f"{name}.out"
        self._tell("start", name, [*_as(user), *argv], full, str(log))

    def _tell(self, *command: object) -> str:
        if self._keeper is None or self._keeper.stdin is None or self._keeper.stdout is None:
            raise LabError("the lab is not up")
        self._keeper.stdin.write(json.dumps(command) + "\n")
        self._keeper.stdin.flush()
        return self._keeper.stdout.readline().strip()

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + START_SECONDS
        while not ready():
            how = self._tell("alive", name)
            if how != "yes" or time.monotonic() > until:
                logs = [p.read_text(errors="replace")[-1500:] for p in self.folder.glob(f"log/{name}*") if p.is_file()]
                raise LabError(f"{name} is not ready ({how}):\n" + "\n".join(logs))
            time.sleep(0.05)

    def _start_munge(self) -> None:
        d = self.folder
        argv = ["munged", "--foreground", "--num-threads=4", f"--key-file={d}/munge/key", f"--socket={d}/munge.socket",
                f"--pid-file={d}/munge/pid", f"--seed-file={d}/munge/seed", f"--log-file={d}/munge/log"]  # fmt: skip
        self.start_daemon("munged", argv, self.users.munge)
        self._await("munged", lambda: self.run("munge", "-n", "-S", f"{d}/munge.socket").returncode == 0)

    def _start_database(self) -> None:
        db, user = self.folder / "db", self.users.database
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={db}", "--skip-name-resolve", "--skip-test-db",
                   "--innodb-log-file-size=64M", "--innodb-flush-method=nosync",
                   "--auth-root-authentication-method=socket", f"--auth-root-socket-user={user}"]  # fmt: skip
        self.run(*_as(user), *install, seconds=60, check=True)
        self.start_daemon("mariadbd", ["mariadbd", f"--defaults-file={self.folder}/my.cnf"], user)
        client = [*_as(user), "mariadb", "--no-defaults", f"--socket={self.folder}/db.sock", f"--user={user}"]
        self._await("mariadbd", lambda: self.run(*client, "-e", "SELECT 1").returncode == 0)
        grant = ("CREATE DATABASE slurm_acct; CREATE USER 'slurm'@'127.0.0.1' IDENTIFIED BY 'lab';"
                 "GRANT ALL ON slurm_acct.* TO 'slurm'@'127.0.0.1';")  # fmt: skip
        self.run(*client, "-e", grant, check=True)
        self.start_daemon("slurmdbd", ["slurmdbd", "-D"], self.users.slurm)
        self._await("slurmdbd", lambda: self.run("sacctmgr", "-n", "show", "cluster").returncode == 0)

    def _add_accounts(self) -> None:
        """Accounts research and teaching; QOS with the limits that tests run into. After slurmctld knows gres/gpu."""
        users = ",".join(sorted({"root", "daemon", "nobody"})) if os.geteuid() == 0 else self.users.slurm
        lines = [
            "add qos capped MaxJobsPerUser=1",
            "add qos onegpu MaxTRESPerUser=gres/gpu=1" if self.options.gpus_per_node else "",
            "add account research,teaching Cluster=lab Organization=lab",
            f"add user {users} Account=research,teaching Cluster=lab DefaultAccount=research",
            "modify account where name=research,teaching set qos=normal,capped,onegpu DefaultQOS=normal",
        ]
        batch = self.folder / "work" / "accounts"
        batch.write_text("\n".join(filter(None, lines)) + "\n")
        with batch.open() as file:
            subprocess.run(["sacctmgr", "-i", "-Q"], stdin=file, env=self.env, capture_output=True, timeout=60,
                           check=False)  # fmt: skip
        shown = self.run("sacctmgr", "-nP", "show", "assoc", "account=research", "format=user,qos").stdout
        if "capped" not in shown:
            raise LabError(f"accounts were not set up: {shown}")

    def _nodes_are_ready(self) -> bool:
        # All nodes at once: asked for one by name, slurmctld answers with stale numbers.
        rows = self.run("sinfo", "-h", "-N", "-p", "gpu", "-o", "%N %T").stdout.split("\n")
        states = dict(row.split() for row in rows if row)
        return all(states.get(node) in {"idle", "mixed", "allocated"} for node in self.nodes)

    def _start_rest(self) -> None:
        """Two of them: 22.05 speaks JWT or munge, never both."""
        local = ["slurmrestd", "-a", "rest_auth/local", f"unix:{self.rest_socket}"]
        self.start_daemon("rest-local", local, self.users.rest)
        self._await("rest-local", self.rest_socket.exists)
        jwt = ["slurmrestd", "-a", "rest_auth/jwt", f"127.0.0.1:{self.ports.rest}"]
        self.start_daemon("rest-jwt", jwt, self.users.rest, {"SLURM_JWT": "daemon"})
        self._await("rest-jwt", lambda: _listens(self.ports.rest))

    def _write_files(self) -> None:
        d, users = self.folder, self.users
        d.chmod(0o755)
        for name, owner, mode in (
            ("log", users.slurm, 0o777), ("run", users.slurm, 0o755), ("state", users.slurm, 0o700),
            ("spool", "", 0o755), ("dev", "", 0o755), ("work", "", 0o1777), ("tmp", "", 0o1777),
            ("munge", users.munge, 0o700), ("db", users.database, 0o700), ("rest", users.rest, 0o755),
        ):  # fmt: skip
            (d / name).mkdir()
            (d / name).chmod(mode)
            _own(d / name, owner)
        # The database and munged make their sockets here.
        d.chmod(0o1777)
        self._secret(d / "munge" / "key", 128, users.munge)
        self._secret(d / "jwt.key", 32, users.slurm)
        for number in range(self.options.gpus_per_node):
            _fake_gpu(d / "dev" / f"nvidia{number}")
        self.conf.write_text(slurm_conf(d, self.options, self.ports, self.host))
        (d / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        (d / "gres.conf").write_text(gres_conf(d, self.options))
        (d / "my.cnf").write_text(database_conf(d, self.ports))
        dbd = d / "slurmdbd.conf"
        dbd.write_text(slurmdbd_conf(d, self.ports, self.host))
        dbd.chmod(0o600)
        _own(dbd, users.slurm)

    @staticmethod
    def _secret(path: Path, size: int, owner: str) -> None:
        path.write_bytes(os.urandom(size))
        path.chmod(0o600)
        _own(path, owner)


def _fake_gpu(path: Path) -> None:
    """A twin of /dev/null: with a plain file slurmd complains, and CUDA_VISIBLE_DEVICES stays empty."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        path.symlink_to("/dev/null")


def _own(path: Path, user: str) -> None:
    if user and os.geteuid() == 0:
        shutil.chown(path, user)


def _as(user: str) -> list[str]:
    if not user or os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]


def _host() -> tuple[str, list[str]]:
    """The name that daemons bind to, and how to give it to them.

    They listen on what their own host name resolves to, which must be 127.0.0.1. Where it is not, they get a
    host name of their own ("localhost") in a UTS namespace.
    """
    name = socket.gethostname().partition(".")[0]
    with contextlib.suppress(OSError):
        if socket.gethostbyname(name) == "127.0.0.1":
            return name, []
    rootless = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    return "localhost", ["unshare", *rootless, "--uts"]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
