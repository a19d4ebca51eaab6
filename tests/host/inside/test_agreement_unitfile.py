"""Unit files as systemd itself reads them: the same file, mutated a few hundred times, read by both.

systemd loads each as a unit, and says by D-Bus what it understood; what we read must be the same. What systemd refuses
to load must have a finding of ours, and `systemd-analyze verify` complains about the form of the same lines as we do.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import run

UNITS = Path("/run/systemd/system")
COUNT = 300
SEEDS = (
    "[Unit]\nDescription=one\n[Service]\nType=oneshot\nExecStart=/bin/true\nEnvironment=A=1 'B=2 3' \"C=\\x41\\t\"\n",
    "# a comment\n\n[Unit]\nDescription=a \\\n  b\\\n# ignored\n; ignored too\n c\n\n"
    "[Service]\nExecStart=/bin/true\nEnvironment=A=1\nEnvironment=\nEnvironment=\"D=x y\" E=\\u00e4 \\\n F=last\n",
    "[Unit]\r\n Description = spaced  \r\n[X-Ours]\nKey=value\n[Service]\nExecStart=/bin/true\n"
    "Environment=A='1 2'3 B=\\101 'C=it\\'s'\n[Unit]\nDescription=again ; no comment # either\n",
)
TOKENS = (
    "\n", "\r", "\r\n", "\\\n", "\\", "'", '"', "=", "[", "]", "[Unit]\n", "[Service]\n", "#", ";", " ", "\t", "\\x4",
    "\\n", "\\s", "\\0", "ä", "\ufeff", "\x0b", "\\\n#x\n", "Environment=", "\nDescription=", "\nX-Key=1\n", "Z=1",
)  # fmt: skip


def mutations() -> Iterator[bytes]:
    """Seeded, so that a failure repeats."""
    rng = random.Random(262)
    for _ in range(COUNT):
        text = rng.choice(SEEDS)
        for _ in range(rng.randint(1, 3)):
            at = rng.randint(0, len(text))
            text = text[:at] + rng.choice(TOKENS) + text[at + rng.choice((0, 0, 1, 5)) :]
        yield text.encode()


@pytest.fixture
def units() -> Iterator[dict[str, bytes]]:
    """All mutations as units that systemd has loaded, by their names."""
    texts = {f"agree-{number}.service": data for number, data in enumerate(mutations())}
    for name, data in texts.items():
        (UNITS / name).write_bytes(data)
    run(["systemctl", "daemon-reload"])
    yield texts
    for name in texts:
        (UNITS / name).unlink()
    run(["systemctl", "daemon-reload"])


def theirs(name: str) -> tuple[str, str, list[str]]:
    """Load state, description and environment as systemd has them."""
    path = json.loads(run([
        "busctl", "--json=short", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager", "LoadUnit", "s", name,
    ]).stdout)["data"][0]  # fmt: skip
    shown = [
        json.loads(line)["data"]
        for interface, keys in (("Unit", ("LoadState", "Description")), ("Service", ("Environment",)))
        for line in run([
            "busctl", "--json=short", "get-property", "org.freedesktop.systemd1", path,
            f"org.freedesktop.systemd1.{interface}", *keys,
        ]).stdout.splitlines()
    ]  # fmt: skip
    return shown[0], shown[1], shown[2]


READER = """
import json, sys
sys.path.insert(0, "/usr/bin/bbhv")
from bbhv.formats import unitfile
for path in sys.argv[1:]:
    unit, findings = unitfile.parse("f", open(path, "rb").read())
    entry = unitfile.last(unit, "Unit", "Description")
    words, problems = [], []
    for value in unitfile.values(unit, "Service", "Environment"):
        try:
            words += unitfile.split_words(value.value)
        except ValueError as error:
            problems.append(str(error))
    print(json.dumps([entry.value if entry else "", words, [str(one) for one in findings], problems, unit.sections]))
"""


Reading = tuple[str, list[str], list[str], list[str], list[tuple[str, int]]]


def ours(names: list[str]) -> list[Reading]:
    """Description, words of Environment=, findings about the form and about the words, sections, as we read them."""
    done = run(["/usr/bin/python3", "-IS", "-c", READER, *(str(UNITS / name) for name in names)])
    return [(one[0], one[1], one[2], one[3], one[4]) for one in map(json.loads, done.stdout.splitlines())]


def assignments(words: list[str]) -> list[str]:
    """What systemd keeps of the words: assignments with a proper name, the last of each name, sorted."""
    kept = {}
    for word in words:
        name, equals, _ = word.partition("=")
        plain = name.replace("_", "")
        if equals and plain.isascii() and (plain.isalnum() or set(name) == {"_"}) and not name[0].isdigit():
            kept[name] = word
    return sorted(kept.values())


def test_what_we_read_of_a_unit_file_is_what_systemd_reads(units: dict[str, bytes]) -> None:
    compared = broken = 0
    for (name, data), (description, words, findings, problems, _) in zip(units.items(), ours(list(units))):
        state, told, environment = theirs(name)
        if state == "error":  # its form is broken
            assert findings, data
            broken += 1
        if state != "loaded":  # or a setting of it is wrong, which a reader of forms does not judge
            continue
        if problems or b"%" in data:
            continue  # systemd keeps what came before the problem; we refuse the value
        compared += 1
        assert (told if told != name else "") == description, (data, findings)
        assert sorted(environment) == assignments(words), (data, findings)
    assert compared > COUNT / 3 and broken > COUNT / 20


BROKEN_HEADER = re.compile(r"(?:Invalid section header|Section header invalid|Bad characters in section header)")
FATAL = re.compile(rf"{BROKEN_HEADER.pattern}|Executable path")
FORM = re.compile(rf"{BROKEN_HEADER.pattern}|Missing '='|Missing key name|Assignment outside of section|UTF-8")
INNER_BRACKET = re.compile(rb"^\s*\[[^\r\n]*[\[\]][^\r\n]*\]", re.MULTILINE)
COMPLAINT = re.compile(r"^(?:\S+/)?(agree-\d+\.service):(\d+): (.*)$")


def last_line(data: bytes, first: int) -> int:
    """Where a line that is continued ends: systemd names that line, we name the first."""
    lines = re.split("\r\n|\n\r|\r|\n", data.decode())
    for number in range(first, len(lines) + 1):
        line = lines[number - 1].strip(" \t")
        comment = number > first and line.startswith(("#", ";"))
        if not comment and (len(line) - len(line.rstrip("\\"))) % 2 == 0:
            return number
    return len(lines)


def is_known(sections: list[tuple[str, int]], line: int) -> bool:
    """Whether systemd reads what stands on a line: of a section that it does not know it says nothing."""
    above = [name for name, at in sections if at < line]
    return not above or above[-1] in ("Unit", "Service", "Install")


def test_systemd_analyze_verify_complains_about_the_same_lines(units: dict[str, bytes]) -> None:
    paths = [str(UNITS / name) for name in units]
    done = run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *paths], check=False, timeout=300)
    said: dict[str, set[int]] = {}
    fatal: dict[str, int] = {}
    for found in filter(None, map(COMPLAINT.match, (done.stdout + done.stderr).splitlines())):
        name, line, message = found.groups()
        if FORM.search(message):
            said.setdefault(name, set()).add(int(line))
        if FATAL.search(message):
            fatal[name] = int(line)  # systemd reads no further, we do
    agreed = 0
    for name, (_, _, findings, _, sections) in zip(units, ours(list(units))):
        if INNER_BRACKET.search(units[name]):
            continue  # systemd 257 takes it for an unknown section, 262 refuses it
        mine = {last_line(units[name], int(one.split(":")[1])) for one in findings}
        unread = {line for line in mine if line > fatal.get(name, line) or not is_known(sections, line)}
        mine -= unread - said.get(name, set())
        assert mine == said.get(name, set()), (name, units[name], findings, done.stderr)
        agreed += bool(mine)
    assert agreed > COUNT / 10
