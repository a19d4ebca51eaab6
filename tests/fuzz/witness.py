"""A good client of a varlink server, for as long as somebody is bad: `ADDRESS`, until its standard input ends.

Prints how many of its calls were answered, how many were not, and what the slowest took in milliseconds.
"""

import json
import select
import sys
import time

from bbhv.ipc.table import VARLINK
from tests.unit.varlink_client import Client


def main(address: str) -> None:
    """Calls without a pause would take half of the time from the server: one each millisecond is enough."""
    answered = failed = 0
    slowest = 0.0
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)
    with Client(address) as client:
        while not poll.poll(1):
            before = time.perf_counter()
            good = client.call(f"{VARLINK}.GetInfo").error == ""
            answered, failed = answered + good, failed + (not good)
            slowest = max(slowest, time.perf_counter() - before)
    print(json.dumps({"answered": answered, "failed": failed, "slowest": slowest * 1000}))


if __name__ == "__main__":
    main(sys.argv[1])
