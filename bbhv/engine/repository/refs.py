"""What asks many git servers for one branch each, inside of a sandbox: a process without any privilege or credential.

Questions come as one JSON document on standard input, answers leave as JSON lines on standard output, each as soon as
it is there: `{"n": 3, "oid": "…"}`, or with `problem`, a sentence. A server is asked over at most CONNECTIONS
connections at a time, which are used again and again; every answer has a limit in time and size. A server that cannot
be reached is not tried once more, so that a hundred repositories on one that hangs cost no more than one.

Nobody has to believe it: see `asking`, which starts this.
"""

import json
import os
import socket
import ssl
import sys
import threading
import time
from collections import deque

from ...errors import BbhvError
from ...formats import httpreply, lsrefs
from ...names import is_object_id
from ...version import VERSION

CONNECTIONS = 4
THREADS = 32
SECONDS = 10.0
MAX_INPUT = 16 << 20
# Where distributions keep the authorities that this host trusts: what git's own TLS library reads.
AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_KIND = "application/x-git-upload-pack-result"

Question = tuple[int, str, str, str, str]  # number, path, branch, the oid that one has, certificate of the authority


class _Server:
    """One server, and what is to be asked of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.questions: deque[Question] = deque()
        self.problem = ""


class Asker:
    """All servers of a run. `say` writes an answer."""

    def __init__(self) -> None:
        self._servers: dict[str, _Server] = {}
        self._lanes: deque[_Server] = deque()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def add(self, number: int, url: str, branch: str, oid: str, authority: str) -> None:
        """Notes a question. Raises ValueError for a URL that is not https in normal form."""
        scheme, _, rest = url.partition("://")
        name, slash, path = rest.partition("/")
        if scheme != "https" or not name or not slash or not is_object_id(oid) or not f"{url}{branch}".isprintable():
            raise ValueError("a question is not understood")
        self._servers.setdefault(name, _Server(name)).questions.append((number, f"/{path}", branch, oid, authority))

    def run(self) -> None:
        """Asks everything, and returns when all is answered."""
        for lane in range(CONNECTIONS):
            self._lanes += [one for one in self._servers.values() if len(one.questions) > lane]
        threads = [threading.Thread(target=self._work) for _ in range(min(THREADS, len(self._lanes)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self) -> None:
        while True:
            try:
                server = self._lanes.popleft()
            except IndexError:
                return
            self._lane(server)

    def _lane(self, server: _Server) -> None:
        """One connection's worth of questions to a server."""
        connection: _Connection | None = None
        while True:
            try:
                question = server.questions.popleft()
            except IndexError:
                break
            number, path, branch, oid, authority = question
            try:
                if server.problem:
                    raise BbhvError(server.problem)
                if connection is None or connection.authority != authority or not connection.usable:
                    connection = self._connect(server, authority, connection)
                self._say(number, "oid", connection.ask(path, branch, oid))
            except (BbhvError, OSError, ValueError) as error:
                if isinstance(error, OSError):
                    server.problem = server.problem or f"{server.name}: {error}"
                self._say(number, "problem", str(error))
                if connection:
                    connection.close()
                connection = None
        if connection:
            connection.close()

    def _connect(self, server: _Server, authority: str, old: "_Connection | None") -> "_Connection":
        if old:
            old.close()
        with self._lock:
            if authority not in self._contexts:
                self._contexts[authority] = context(authority)
        return _Connection(server.name, authority, self._contexts[authority])

    def _say(self, number: int, key: str, text: str) -> None:
        line = json.dumps({"n": number, key: text[:300]}) + "\n"
        with self._lock:
            os.write(1, line.encode())


def context(authority: str) -> ssl.SSLContext:
    """What is checked of a server: its certificate by this authority, else by those that the host trusts; its name."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        made.load_verify_locations(cadata=authority)
        return made
    for path in AUTHORITIES:
        if os.path.exists(path):
            made.load_verify_locations(cafile=path)
            return made
    made.set_default_verify_paths()
    return made


class _Connection:
    """A connection to a server, made at once. Every exchange over it ends within SECONDS."""

    def __init__(self, server: str, authority: str, context: ssl.SSLContext) -> None:
        host, _, port = server.partition(":")
        self._server = server
        self.authority = authority
        self.usable = True
        deadline = time.monotonic() + SECONDS
        plain = socket.create_connection((host, int(port or 443)), SECONDS)
        try:
            plain.settimeout(max(0.01, deadline - time.monotonic()))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def ask(self, path: str, branch: str, oid: str) -> str:
        """The object id of the branch, empty when there is none. Raises BbhvError or OSError."""
        body = lsrefs.question(branch, "sha256" if len(oid) == 64 else "sha1")
        head = (
            f"POST {path}/git-upload-pack HTTP/1.1\r\nHost: {self._server}\r\nUser-Agent: git/2 (bbhv {VERSION})\r\n"
            f"Git-Protocol: version=2\r\nAccept: {_KIND}\r\nAccept-Encoding: identity\r\n"
            f"Content-Type: application/x-git-upload-pack-request\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        deadline = time.monotonic() + SECONDS
        self._socket.settimeout(SECONDS)
        self._socket.sendall(head.encode("ascii") + body)
        reply = self._reply(deadline)
        self.usable = reply.stays
        if reply.status != 200 or reply.kind != _KIND:
            raise BbhvError(f"{self._server} answers with status {reply.status}.")
        return lsrefs.answer(reply.body, branch) or ""

    def _reply(self, deadline: float) -> httpreply.Reply:
        data = b""
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            chunk = self._socket.recv(1 << 16)
            data += chunk
            reply = httpreply.read(data, not chunk, lsrefs.MAX_ANSWER)
            if reply is not None:
                return reply
        raise TimeoutError(f"no whole answer within {SECONDS:g} s")

    def close(self) -> None:
        """Ends it without a word."""
        self._socket.close()


def work() -> int:
    """Answers what standard input asks. Returns the exit status."""
    asker = Asker()
    try:
        for number, (url, branch, oid, authority) in enumerate(json.loads(sys.stdin.buffer.read(MAX_INPUT))):
            asker.add(number, url, branch, oid, authority)
    except (ValueError, TypeError, AttributeError) as error:
        sys.stderr.write(f"bbhv: The questions are not understood: {error}.\n")
        return 1
    asker.run()
    return 0
