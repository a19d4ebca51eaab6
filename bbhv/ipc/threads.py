"""A few threads for what takes longer than the loop of a server may: done in order of asking, heard of by one
descriptor."""

import os
import threading
from collections import deque
from queue import SimpleQueue
from typing import Callable

# What is answered in a thread mostly waits for systemd; more of them would only take turns.
THREADS = 4
Done = Callable[[], None]


class Threads:
    """Does work elsewhere. What each piece of work gives is called by `settle`, in the thread of its caller."""

    def __init__(self) -> None:
        self.event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._todo: SimpleQueue[Callable[[], Done] | None] = SimpleQueue()
        self._done: deque[Done] = deque()
        self._threads: list[threading.Thread] = []
        self._open = threading.Lock()  # held while the descriptor is used elsewhere: its number may be another's later
        self._closed = False

    def do(self, work: Callable[[], Done]) -> None:
        """Does it, as soon as a thread is free. It must not raise."""
        self._todo.put(work)
        if len(self._threads) < THREADS:
            self._threads.append(threading.Thread(target=self._run, daemon=True))
            self._threads[-1].start()

    def settle(self, events: int) -> None:
        """Calls what finished work gave."""
        try:
            os.eventfd_read(self.event)
        except BlockingIOError:
            return
        while self._done:
            self._done.popleft()()

    def close(self) -> None:
        """Lets the threads end that wait; one that works ends with the process."""
        for _ in self._threads:
            self._todo.put(None)
        with self._open:
            self._closed = True
            os.close(self.event)

    def _run(self) -> None:
        while (work := self._todo.get()) is not None:
            self._done.append(work())
            with self._open:
                if self._closed:
                    return
                os.eventfd_write(self.event, 1)
