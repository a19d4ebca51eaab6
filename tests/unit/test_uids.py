"""UID ranges are stable, disjoint and never shared."""

import random

from bbhv.engine.storage.uids import FIRST, SIZE, SLOTS, allocate


def test_a_workload_keeps_its_range_and_a_new_one_gets_its_own() -> None:
    first = allocate({}, ["web.acme"], ())
    second = allocate(first, ["web.acme", "db.acme"], ())
    assert second["web.acme"] == first["web.acme"] and len(set(second.values())) == 2


def test_what_others_use_is_passed_over() -> None:
    wanted = allocate({}, ["web.acme"], ())["web.acme"]
    assert allocate({}, ["web.acme"], {wanted})["web.acme"] != wanted


def test_ranges_never_overlap_and_stay_within_what_systemd_reserves() -> None:
    names = [f"w{number}.t{random.Random(number).randrange(50)}-{number}" for number in range(5000)]
    bases = allocate({}, names, ())
    assert len(set(bases.values())) == len(names)
    assert all(base % SIZE == FIRST % SIZE and FIRST <= base < FIRST + SLOTS * SIZE for base in bases.values())
    assert max(bases.values()) + SIZE - 1 <= 1879048191
