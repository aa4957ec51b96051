"""Three members of a real etcd on loopback (Debian's etcd-server): own processes, own ports, a directory of the World."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import socket
import subprocess

from harness import Failure, World, _prepare_child, expect


def free_ports(count: int) -> list[int]:
    """All held at once, so that they differ; another program could take one before etcd does."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Authority:
    """Makes certificates for 127.0.0.1 and localhost, by the program openssl."""

    def __init__(self, world: World, name: str):
        self.path, self.name = world.path, name
        self.certificate, self.key = self._make(name, ["-addext", "keyUsage=critical,keyCertSign"])

    def issue(self, name: str) -> tuple[pathlib.Path, pathlib.Path]:
        """For a server and for a client: etcd's gateway shows the server's to its own member."""
        return self._make(name, ["-CA", str(self.certificate), "-CAkey", str(self.key), "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                                 "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth,clientAuth"])

    def _make(self, name: str, more: list[str]) -> tuple[pathlib.Path, pathlib.Path]:
        certificate, key = self.path / f"{name}.pem", self.path / f"{name}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate), *more],
                       check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return certificate, key


class Cluster:
    """Use as a context manager. With an authority, whoever asks must have a certificate of it, too."""

    def __init__(self, world: World, size: int = 3, authority: Authority | None = None):
        if not shutil.which("etcd"):
            raise Failure("etcd is not installed; scripts/setup does that")
        ports = free_ports(2 * size)
        self.path = world.path
        self.secured = []
        if authority:
            certificate, key = authority.issue("member")
            self.secured = ["--cert-file", str(certificate), "--key-file", str(key), "--client-cert-auth",
                            "--trusted-ca-file", str(authority.certificate)]
        self.clients = [f"http{'s' if authority else ''}://127.0.0.1:{port}" for port in ports[:size]]
        self.peers = [f"http://127.0.0.1:{port}" for port in ports[size:]]
        self.processes: list[subprocess.Popen | None] = [None] * size

    def __enter__(self) -> "Cluster":
        for number in range(len(self.clients)):
            self.start(number)
        return self

    def __exit__(self, *_) -> None:
        for number in range(len(self.clients)):
            self.kill(number)

    def start(self, number: int) -> None:
        """Also after kill, with what is on its disk."""
        expect(self.processes[number] is None, f"member {number} runs already")
        with open(self.path / f"etcd{number}.log", "ab") as log:
            self.processes[number] = subprocess.Popen(
                ["etcd", "--name", f"m{number}", "--data-dir", str(self.path / f"etcd{number}"),
                 "--listen-client-urls", self.clients[number], "--advertise-client-urls", self.clients[number],
                 "--listen-peer-urls", self.peers[number], "--initial-advertise-peer-urls", self.peers[number],
                 "--initial-cluster", ",".join(f"m{n}={peer}" for n, peer in enumerate(self.peers)),
                 "--heartbeat-interval", "50", "--election-timeout", "500", *self.secured],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=lambda: _prepare_child({}))

    def kill(self, number: int) -> None:
        """kill -9, and wait for it."""
        process, self.processes[number] = self.processes[number], None
        if process:
            process.kill()
            process.wait()

    def configuration(self, **settings) -> dict:
        """What a daemon needs to use it."""
        return {"consensus.plugin": "etcd", "consensus.settings.endpoints": self.clients,
                **{f"consensus.settings.{key}": value for key, value in settings.items()}}
