"""A hostile root inside a container, in every way that there is to be one, gets nowhere.

What it tries is a table, hostile_root.py; trespassing.py runs it and looks at the host before and after. Not tried here
is what would use up memory, processes or time of the processor: the kernel of a test host has no controllers for these.
"""

from . import trespassing
from .conftest import Make


def test_nothing_that_root_inside_tries_gets_out(make: Make) -> None:
    evil, victim = trespassing.bring_up(make)
    found = trespassing.trespass(evil, victim)
    assert found.missed() == []
    assert found.escapes() == []
    assert all(len(attempts) > 200 for attempts in found.attempts.values())
