"""systemd-networkd: told of new files."""

import os

from . import run

QUICK = 60.0
FILES = "/run/systemd/network"
PROGRAM = "/usr/lib/systemd/systemd-networkd"


def is_there() -> bool:
    """Whether this host has it."""
    return os.access(PROGRAM, os.X_OK)


def reload() -> None:
    """Makes it read its files again, and set up what has changed. Raises CommandError, also when it does not run."""
    run.run(("networkctl", "reload"), timeout=QUICK)
