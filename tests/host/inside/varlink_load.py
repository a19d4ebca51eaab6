"""How fast a varlink service answers a client that shares one CPU with it: `ADDRESS METHOD CONNECTIONS CALLS [PID…]`.

Prints the time of a call in microseconds by the clock, as the median and the 99th of a hundred, and what both sides use
of the processor for one. The last says how many calls there can be in a second, also when others use the machine: the
two share one CPU, and one of them always works. Services bound the connections of a user, so those of root are spread
over several users. PID… are the processes of the service.
"""

import json
import os
import select
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PATIENCE = 30.0
READ = 1 << 16
PER_USER = 16
OTHERS = 2000


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured, in microseconds."""

    p50: float
    p99: float
    cpu: float


def used(pids: Sequence[int]) -> float:
    """The CPU time of this process and of others so far, in seconds."""
    ticks = 0
    for pid in pids:
        ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()[11:13]))
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def pin(pids: Sequence[int]) -> None:
    """Put this process and all threads of others on one CPU, the last one that there is."""
    cpu = {max(os.sched_getaffinity(0))}
    threads = [int(one.name) for pid in pids for one in Path(f"/proc/{pid}/task").iterdir()]
    for number in (0, *threads):
        os.sched_setaffinity(number, cpu)


def connections(address: str, count: int) -> list[socket.socket]:
    """Connections to a service, by root and, beyond what one user may have, by others."""
    made = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(count)]
    for number, connection in enumerate(made):
        other = os.getuid() == 0 and number >= PER_USER
        os.seteuid(OTHERS + number // PER_USER if other else os.getuid())
        try:
            connection.connect(address)
        finally:
            os.seteuid(os.getuid())
        connection.settimeout(PATIENCE)
    return made


def one(connection: socket.socket, call: bytes, calls: int) -> list[float]:
    """Calls one after the other; what each took, in seconds."""
    times, clock = [], time.perf_counter
    for _ in range(calls):
        before = clock()
        connection.sendall(call)
        whole(connection)
        times.append(clock() - before)
    return times


def many(made: Sequence[socket.socket], call: bytes, calls: int) -> list[float]:
    """On each connection a call as soon as the one before is answered; what each took, in seconds."""
    poll, by_number = select.epoll(), {connection.fileno(): connection for connection in made}
    begun: dict[int, float] = {}
    times: list[float] = []
    clock = time.perf_counter
    left = calls
    for number, connection in by_number.items():
        poll.register(number, select.EPOLLIN)
        begun[number] = clock()
        connection.sendall(call)
        left -= 1
    while len(times) < calls:
        ready = poll.poll(PATIENCE)
        if not ready:
            raise TimeoutError
        for number, _ in ready:
            connection = by_number[number]
            whole(connection)
            now = clock()
            times.append(now - begun[number])
            if left > 0:
                begun[number] = now
                connection.sendall(call)
                left -= 1
    poll.close()
    return times


def whole(connection: socket.socket) -> None:
    """Read the one reply that comes. Raises EOFError when the service hangs up instead."""
    while True:
        data = connection.recv(READ)
        if data[-1:] == b"\0":
            return
        if not data:
            raise EOFError


def main(address: str, method: str, count: int, calls: int, pids: Sequence[int]) -> None:
    """Measure after some calls that do not count."""
    call = json.dumps({"method": method, "parameters": {}}).encode() + b"\0"
    made = connections(address, count)
    for connection in made:
        connection.sendall(call)
        whole(connection)
    pin(pids)
    before = used(pids)
    times = many(made, call, calls) if count > 1 else one(made[0], call, calls)
    cpu = (used(pids) - before) / calls
    late = statistics.quantiles(times, n=100)[98]
    print(json.dumps(asdict(Load(statistics.median(times) * 1e6, late * 1e6, cpu * 1e6))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), [int(word) for word in sys.argv[5:]])
