"""What we read and write of varlink interface descriptions is what this host's varlinkctl does, but for exceptions."""

import json
from pathlib import Path

import pytest

from .descriptions import DESCRIPTIONS
from .support import run, systemd_version

SCHEMAS = Path("/usr/lib/bitbuilder/schemas")
OFFERED = ("io.bitbuilder.Hypervisor", "org.varlink.service")
WRITER = """
import json, sys
sys.path.insert(0, "/usr/bin/bbhv")
from bbhv.formats.varlink_idl import IdlError, parse
from bbhv.formats.varlink_text import render

def written(text):
    try:
        return render(parse(text))
    except IdlError:
        return None

print(json.dumps([written(text) for text in json.load(sys.stdin)]))
"""


def ours(texts: list[str]) -> list[str | None]:
    """Each description as we write it, or None for what we refuse."""
    found: list[str | None] = json.loads(run(["/usr/bin/python3", "-IS", "-c", WRITER], input=json.dumps(texts)).stdout)
    return found


def theirs(text: str, path: Path) -> str | None:
    """The description as varlinkctl writes it, or None when it refuses it."""
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    done = run(["varlinkctl", "validate-idl", path], check=False)
    return done.stdout if done.returncode == 0 else None


def without_empty_comments(text: str) -> str:
    """varlinkctl leaves them out; here they part the paragraphs of a comment."""
    return "".join(line for line in text.splitlines(keepends=True) if line.strip("\t\n") != "#")


def test_varlinkctl_accepts_and_refuses_the_same_descriptions_as_we_do_and_writes_them_alike(tmp_path: Path) -> None:
    newer = systemd_version() > 257
    wrong, written = [], 0
    for one, our in zip(DESCRIPTIONS, ours([one.text for one in DESCRIPTIONS]), strict=True):
        their = theirs(one.text, tmp_path / "description")
        if (our is not None, their is not None) != (one.ours, one.theirs if newer else one.older):
            wrong.append(f"{one.name}: we write {our!r}, varlinkctl {their!r}")
        elif our is not None and their is not None:
            written += 1
            wrong += [f"{one.name}: {our!r} is {their!r}"] if without_empty_comments(our) != their else []
    assert wrong == []
    assert written > 20


@pytest.mark.parametrize("interface", OFFERED)
def test_varlinkctl_writes_our_own_descriptions_as_we_do(interface: str, tmp_path: Path) -> None:
    text = (SCHEMAS / f"{interface}.varlink").read_text(encoding="utf-8")
    [our] = ours([text])
    assert our is not None
    assert without_empty_comments(our) == theirs(text, tmp_path / "description")
