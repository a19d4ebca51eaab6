"""The deadline by which somebody must confirm a healthy generation, and the timer that ends the wait.

It is kept in the trial of state.json, as a time of CLOCK_BOOTTIME, which only means something until the host restarts;
so the trial names the boot as well. The timer is a convenience: whoever looks next finds a deadline that has passed.
"""

import time
from enum import Enum

from ...host import files, systemd
from ...names import confirm_unit
from ...records import replace
from ..storage.state import Trial

BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Standing(Enum):
    """What a trial means to whoever finds it."""

    NOBODY_ASKED = "no confirmation is waited for"
    WAITING = "there is time left"
    EXPIRED = "the time has passed"
    RESTARTED = "the host has restarted since"


def standing(trial: Trial | None, boot: str, now: int) -> Standing:
    """How it stands with a trial, in this boot, at this time of CLOCK_BOOTTIME in microseconds."""
    if trial is None or not trial.confirm_usec:
        return Standing.NOBODY_ASKED
    if trial.boot != boot:
        return Standing.RESTARTED
    return Standing.WAITING if now < trial.confirm_usec else Standing.EXPIRED


def of(trial: Trial | None) -> Standing:
    """How it stands with a trial now."""
    if trial is None or not trial.confirm_usec:
        return Standing.NOBODY_ASKED  # which needs no look at the host
    return standing(trial, boot_id(), now_usec())


def begin(trial: Trial, seconds: int) -> Trial:
    """The trial of which somebody has so many seconds to confirm it."""
    return replace(trial, confirm_usec=now_usec() + seconds * 10**6, boot=boot_id())


def until_usec(trial: Trial | None) -> int | None:
    """The deadline in microseconds since the epoch, when something waits to be confirmed in this boot."""
    if trial is None or of(trial) not in (Standing.WAITING, Standing.EXPIRED):
        return None
    return time.time_ns() // 1000 + trial.confirm_usec - now_usec()


def seconds_left(trial: Trial) -> int:
    """How long somebody has to confirm a trial, a second that has begun counted as whole."""
    return max(0, -(-(trial.confirm_usec - now_usec()) // 10**6))


def arm(tenant: str, trial: Trial) -> None:
    """Starts the timer, unless it runs. It ends after the deadline, never before. Raises CommandError."""
    unit = confirm_unit(tenant)
    if not systemd.states((_timer(tenant),)):
        systemd.start_later(unit, max(0, trial.confirm_usec - now_usec()) // 10**6 + 1)


def disarm(tenant: str) -> None:
    """Stops the timer. One that is gone already is fine."""
    systemd.act("stop", (_timer(tenant),), ok=(0, 5))


def _timer(tenant: str) -> str:
    return confirm_unit(tenant).removesuffix("service") + "timer"


def boot_id() -> str:
    """The kernel's name for this boot."""
    return (files.read(BOOT_ID, 100) or b"").decode("ascii", "replace").strip()


def now_usec() -> int:
    """CLOCK_BOOTTIME in microseconds: it goes on while the host sleeps, and nobody can set it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
