"""Our order of versions is the one of this host's systemd."""

import json
import random

from .support import run

PAIRS = 300
STATUS = {0: 0, 11: 1, 12: -1}  # of systemd-analyze compare-versions with two versions
PARTS = ["~", "-", "^", ".", "_", "+", "0", "00", "1", "2", "9", "10", "123", "a", "b", "A", "rc1", "fc34", "deb13u1"]


READER = """
import json, sys
sys.path.insert(0, "/usr/bin/bbhv")
from bbhv.formats.versions import compare
print(json.dumps([compare(one, other) for one, other in json.load(sys.stdin)]))
"""


def pairs() -> list[tuple[str, str]]:
    """Seeded pairs of which many differ in one place only, where the rules are."""
    rng = random.Random(10)
    found = []
    for _ in range(PAIRS):
        one = [rng.choice(PARTS) for _ in range(rng.randint(1, 6))]
        other = [*one]
        for _ in range(rng.randint(0, 2)):
            at = rng.randrange(len(other) + 1)
            other[at : at + rng.randint(0, 1)] = [rng.choice(PARTS)] * rng.randint(0, 2)
        found.append(("".join(one), "".join(other)))
    return found


def test_systemd_analyze_orders_versions_as_we_do() -> None:
    compared = pairs()
    answer = run(["/usr/bin/python3", "-IS", "-c", READER], input=json.dumps(compared)).stdout
    ours: list[int] = json.loads(answer)
    assert len(ours) == PAIRS and set(ours) == {-1, 0, 1}
    wrong = []
    for (one, other), sign in zip(compared, ours, strict=True):
        status = run(["systemd-analyze", "compare-versions", "--", one, other], check=False).returncode
        if STATUS.get(status) != sign:
            wrong.append(f"{one!r} and {other!r}: systemd-analyze ends with {status}, we say {sign}")
    assert wrong == []
