"""What asks a workload whether it is healthy, from inside of its namespaces.

`probe` connects over its loopback or to an address of a machine, or reads the console of one (`listening`):
unprivileged, in a sandbox, again and again until somebody answers well. It tells systemd after each attempt how many
there were and why the last one failed. Every attempt has a limit, and no more is read than the first line of an answer.
`enter` becomes a program of the workload.
"""

import os
import socket
import time

from ...formats import httpstatus
from ...host import namespaces, systemd
from .listening import listen

HOSTS = ("127.0.0.1", "::1")


def work(words: list[str]) -> int:
    """Does what the words of `bbhv.engine.probes` say; the exit status."""
    match words:
        case ["probe", "console", invocation, pattern]:
            listen(invocation, pattern)
            return 0
        case ["probe", port, path, interval, timeout, *hosts]:
            probe(int(port), path, float(interval), float(timeout), tuple(hosts) or HOSTS)
            return 0
        case ["enter", mnt, users, root, bounding, no_new_privileges, user, *argv] if argv:
            inside = (mnt, users, root)
            return namespaces.become(argv, user, int(bounding, 16), no_new_privileges == "1", inside)
    return 2


def probe(port: int, path: str, interval: float, timeout: float, hosts: tuple[str, ...] = HOSTS) -> None:
    """Returns when somebody listens on the port, or with a path, when it is answered well; and not before."""
    number = 0
    while words := _attempt(hosts, port, path, timeout):
        number += 1
        systemd.notify(f"STATUS={number} {words}")
        time.sleep(interval)


def _attempt(hosts: tuple[str, ...], port: int, path: str, timeout: float) -> str:
    """Why it failed, or nothing. Who listens on one of the addresses only is found there."""
    words = ""
    for host in hosts:
        try:
            return _ask(host, port, path, time.monotonic() + timeout)
        except TimeoutError:
            return f"no answer within {timeout:g} s"
        except OSError as error:
            words = words or (os.strerror(error.errno) if error.errno else str(error)).lower()
    return words


def _ask(host: str, port: int, path: str, deadline: float) -> str:
    with socket.create_connection((host, port), timeout=_left(deadline)) as peer:
        if not path:
            return ""
        peer.settimeout(_left(deadline))
        peer.sendall(httpstatus.request(path))
        return _judged(peer, deadline)


def _judged(peer: socket.socket, deadline: float) -> str:
    data = b""
    try:
        while (status := httpstatus.status_of(data)) is None:
            peer.settimeout(_left(deadline))
            chunk = peer.recv(httpstatus.MAX_LINE)
            if not chunk:
                return "the connection ended without an answer"
            data += chunk
    except ValueError as error:
        return str(error)
    return "" if 200 <= status < 400 else f"status {status}"


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
