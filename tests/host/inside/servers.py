"""Git servers on loopback, as the world has them: https with git's own backend, an sshd, and some that misbehave.

    with authority(folder) as ca, HttpServer(root, ca.certificate("localhost")) as server:
        server.url("acme.git")          # https://localhost:PORT/acme.git, to be believed by ca.text
        server.behaviour = hang         # from now on
        server.asked                    # ["GET /acme.git/info/refs?service=git-upload-pack", …]

As a program it serves until its standard input ends, for benches: `python3 servers.py ROOT [FOLDER]` prints its
address; with FOLDER it is https, and FOLDER/ca.pem is who to believe.
"""

import base64
import gzip
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

BACKEND = "/usr/lib/git-core/git-http-backend"
PATIENCE = 60.0


def wait_until(what: str, probe: Callable[[], bool]) -> None:
    """Wait until the probe says yes, in vain for a minute at most."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE
    while not probe():
        assert time.monotonic() < deadline, f"Waited {PATIENCE:g} s in vain until {what}."
        pause.wait(0.02)


def run(*argv: str | Path) -> None:
    """Run a program that must do its work."""
    subprocess.run([str(word) for word in argv], check=True, capture_output=True, timeout=60)


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key."""

    path: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority of one's own."""

    folder: Path

    @property
    def text(self) -> str:
        """Its certificate, as `fetch.ca` of a registration takes it."""
        return (self.folder / "ca.pem").read_text()

    def certificate(self, host: str) -> Certificate:
        """A certificate for a host, signed."""
        made = Certificate(self.folder / f"{host}.pem", self.folder / f"{host}.key")
        signer = ("-CA", self.folder / "ca.pem", "-CAkey", self.folder / "ca.key")
        extensions = (f"subjectAltName=DNS:{host}", "basicConstraints=critical,CA:FALSE")
        _certificate(made, host, *signer, *(word for one in extensions for word in ("-addext", one)))
        return made


def authority(folder: Path, name: str = "Test authority") -> Authority:
    """Make an authority in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _certificate(Certificate(folder / "ca.pem", folder / "ca.key"), name)
    return Authority(folder)


def _certificate(made: Certificate, name: str, *options: str | Path) -> None:
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
        "-subj", f"/CN={name}", "-keyout", made.key, "-out", made.path, *options)


class Server(ThreadingHTTPServer):
    """The listening side of an HttpServer. Shakes hands in each connection's own thread: none keeps another waiting."""

    daemon_threads = True
    request_queue_size = 128
    owner: "HttpServer"

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """The next connection."""
        connection, address = super().get_request()
        if self.owner.context is not None:
            connection = self.owner.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what some tests are about."""


Behaviour = Callable[["Handler"], bool]


class Handler(BaseHTTPRequestHandler):
    """One connection: a behaviour may take it; otherwise git's backend answers."""

    protocol_version = "HTTP/1.1"
    server: Server

    @property
    def owner(self) -> "HttpServer":
        """Whose connection this is."""
        return self.server.owner

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer."""
        self._serve()

    def do_POST(self) -> None:
        """Answer."""
        self._serve()

    _body: bytes | None = None

    def _serve(self) -> None:
        self._body = None
        with self.owner.count():
            self.owner.asked.append(f"{self.command} {self.path}")
            if self.owner.behaviour is not None and self.owner.behaviour(self):
                self.close_connection = True
                return
            if not self._allowed():
                deny(self)
                return
            self._backend()

    def _allowed(self) -> bool:
        users = self.owner.users
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        known = [base64.b64encode(f"{user}:{password}".encode()).decode() for user, password in users.items()]
        return not users or (scheme.lower() == "basic" and given in known)

    @property
    def body(self) -> bytes:
        """What the client sent, taken apart from its chunks."""
        if self._body is None:
            self._body = self._read()
        return self._body

    @property
    def plain(self) -> bytes:
        """What the client sent, unpacked."""
        return gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _backend(self) -> None:
        path, _, query = self.path.partition("?")
        env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "GIT_PROJECT_ROOT": str(self.owner.root),
            "GIT_HTTP_EXPORT_ALL": "1", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*", "REMOTE_ADDR": "127.0.0.1",
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        done = subprocess.run([BACKEND], input=self.body, capture_output=True, env=env, timeout=120, check=False)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = [line.partition(": ")[::2] for line in head.decode("latin-1").split("\r\n") if line]
        status = next((value for name, value in fields if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@dataclass
class HttpServer:
    """An https server of the repositories below `root`; without a certificate, http. With `users`, for these only."""

    root: Path
    certificate: Certificate | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    behaviour: Behaviour | None = None
    host: str = "localhost"
    asked: list[str] = field(default_factory=list)
    most: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    context: ssl.SSLContext | None = None
    _now: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        if self.certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(self.certificate.path, self.certificate.key)
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def url(self, name: str) -> str:
        """The address of a repository."""
        return f"http{'s' if self.certificate else ''}://{self.host}:{self.port}/{name}"

    @contextmanager
    def count(self) -> Iterator[None]:
        """Counts who is served at the same time: `most` has the largest number so far."""
        with self._guard:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            yield
        finally:
            with self._guard:
                self._now -= 1


# How servers misbehave. Each takes a request and says whether it answered.


def hang(handler: Handler) -> bool:
    """Takes the request, and says nothing as long as the server is there."""
    handler.owner.closing.wait(PATIENCE * 10)
    return True


def trickle(handler: Handler) -> bool:
    """One byte after the other, for ever, each in time to look alive."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
    handler.end_headers()
    for byte in b"001e# service=git-upload-pack\n" + b"0" * 10_000:
        if handler.owner.closing.wait(0.2):
            break
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
    return True


def cut_off(handler: Handler) -> bool:
    """Promises more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
    handler.send_header("Content-Length", "10000")
    handler.end_headers()
    handler.wfile.write(b"001e# service=git-upload-pack\n0000000eversion 2\n")
    return True


def deny(handler: Handler) -> bool:
    """Asks for a password, whatever was given."""
    handler.send_response(401)
    handler.send_header("WWW-Authenticate", 'Basic realm="git"')
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return True


def redirect(to: str) -> Behaviour:
    """Sends everybody elsewhere: `to` is put before the path that was asked for."""

    def answer(handler: Handler) -> bool:
        handler.send_response(302)
        handler.send_header("Location", to + handler.path)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    return answer


def packet(data: bytes) -> bytes:
    """One packet line of git's protocol."""
    return f"{len(data) + 4:04x}".encode() + data


def advertise(handler: Handler) -> bool:
    """Says that it speaks protocol version 2."""
    lines = (b"version 2\n", b"ls-refs=unborn\n", b"fetch=shallow\n", b"object-format=sha1\n")
    told = packet(b"# service=git-upload-pack\n") + b"0000" + b"".join(map(packet, lines)) + b"0000"
    return _tell(handler, "advertisement", told)


def _tell(handler: Handler, kind: str, told: bytes) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Type", f"application/x-git-upload-pack-{kind}")
    handler.send_header("Content-Length", str(len(told)))
    handler.end_headers()
    handler.wfile.write(told)
    return True


def endless_refs(handler: Handler) -> bool:
    """Says that it speaks protocol version 2, and then tells of refs without end, whatever was asked for."""
    if handler.command == "GET":
        return advertise(handler)
    body = handler.plain
    handler.send_response(200)
    handler.send_header("Content-Type", "application/x-git-upload-pack-result")
    handler.end_headers()
    number = 0
    while b"ls-refs" in body and not handler.owner.closing.is_set():
        names = (f"{number + one:040x} refs/heads/main{number + one}\n".encode() for one in range(1000))
        handler.wfile.write(b"".join(map(packet, names)))
        number += 1000
    return True


def endless_pack(handler: Handler) -> bool:
    """Answers as it should until the pack is asked for, which never ends."""
    if handler.command != "POST" or b"command=fetch" not in handler.plain:
        return False
    handler.send_response(200)
    handler.send_header("Content-Type", "application/x-git-upload-pack-result")
    handler.end_headers()
    if b"0009done\n" not in handler.plain:  # it has told what it has, and wants to know that we know enough
        handler.wfile.write(packet(b"acknowledgments\n") + packet(b"ready\n") + b"0001")
    handler.wfile.write(packet(b"packfile\n") + packet(b"\x01PACK\0\0\0\2\0\x10\0\0"))
    noise = packet(b"\x01" + blob(os.urandom(60_000)))
    while not handler.owner.closing.is_set():
        handler.wfile.write(noise)
    return True


def blob(data: bytes) -> bytes:
    """A blob as it lies in a pack."""
    size, head = len(data) >> 4, [3 << 4 | len(data) & 15]
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return bytes(head) + zlib.compress(data, 0)


class SshServer:
    """An sshd on loopback whose users are those with one of its keys. Unless `may` says otherwise, in the words of
    authorized_keys, they may read repositories only.

    `identity` is the private key of such a user, `known_hosts` the line that names the server's own key.
    """

    def __init__(self, folder: Path, may: str = 'restrict,command="git-shell -c \\"$SSH_ORIGINAL_COMMAND\\"" ') -> None:
        self.folder = folder
        self.may = may

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for name in ("host", "identity"):
            (self.folder / name).unlink(missing_ok=True)
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.folder / name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        key = (self.folder / "identity.pub").read_text()
        (self.folder / "authorized").write_text(self.may + key)
        (self.folder / "config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.folder}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nStrictModes no\nPermitRootLogin prohibit-password\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nAcceptEnv GIT_PROTOCOL\n"
        )
        self._log = (self.folder / "log").open("wb")
        self._process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "config")],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        wait_until("sshd listens", lambda: "Server listening" in self.log)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._log.close()

    @property
    def log(self) -> str:
        """What it said so far."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def identity(self) -> str:
        """The private key of a user who may read."""
        return (self.folder / "identity").read_text()

    @property
    def known_hosts(self) -> str:
        """The line of a known_hosts file that names this server."""
        kind, key, *_ = (self.folder / "host.pub").read_text().split()
        return f"[localhost]:{self.port} {kind} {key}"

    def url(self, path: Path) -> str:
        """The address of a repository."""
        return f"ssh://localhost:{self.port}{path}"


def main(root: str, folder: str = "") -> None:
    """Serve the repositories below a folder until standard input ends."""
    certificate = authority(Path(folder)).certificate("localhost") if folder else None
    with HttpServer(Path(root), certificate) as server:
        print(server.url(""), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
