"""Numbers of a host are stable, disjoint and never shared."""

import random

from bbhv.engine.storage.numbers import CIDS, FIRST_UID, RANGES
from bbhv.names import UID_COUNT


def test_a_workload_keeps_its_range_and_a_new_one_gets_its_own() -> None:
    first = RANGES.allocate({}, ["web.acme"], ())
    second = RANGES.allocate(first, ["web.acme", "db.acme"], ())
    assert second["web.acme"] == first["web.acme"] and len(set(second.values())) == 2


def test_what_others_use_is_passed_over() -> None:
    wanted = RANGES.allocate({}, ["web.acme"], ())["web.acme"]
    assert RANGES.allocate({}, ["web.acme"], {wanted})["web.acme"] != wanted


def test_ranges_never_overlap_and_stay_within_what_systemd_reserves() -> None:
    names = [f"w{number}.t{random.Random(number).randrange(50)}-{number}" for number in range(5000)]
    bases = RANGES.allocate({}, names, ())
    assert len(set(bases.values())) == len(names)
    beyond = FIRST_UID + RANGES.slots * UID_COUNT
    assert all(base % UID_COUNT == FIRST_UID % UID_COUNT and FIRST_UID <= base < beyond for base in bases.values())
    assert max(bases.values()) + UID_COUNT - 1 <= 1879048191


def test_numbers_on_vsock_are_those_that_a_guest_may_have() -> None:
    names = [f"vm{number}.acme" for number in range(5000)]
    found = set(CIDS.allocate({}, names, ()).values())
    assert len(found) == len(names) and 2 < min(found) and max(found) < (1 << 32) - 1
