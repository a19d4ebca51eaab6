"""How fast documents are checked against a JSON Schema, beside the validators that others use.

All check the same document against the same schema, in one process and by turns; and `bbhv validate` is compared as a
whole with check-jsonschema on one metadata.json.
"""

import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bbhv.formats.jsonvalue import Json
from bbhv.formats.schema.compiler import Schema, compile_schema
from tests.bench import measure, rivals
from tests.host.harness.shell import BuildError, Progress

ROOT = Path(__file__).parents[2]
MODULE = "tests.bench.bench_schema"
ROUNDS = 15
# About as long a round for each: how many documents.
OURS, FASTJSONSCHEMA, JSONSCHEMA = 600, 300, 20
COMPILED = 10
PROCESSES = 15
SIZE = range(2400, 2700)

METADATA = """
{ "$schema": "https://bitbuilder.io/schemas/v1/metadata.schema.json",
  "apiVersion": "bitbuilder.io/v1", "tenant": "acme", "displayName": "Acme Ltd",
  "owner": {"name": "Ops", "email": "ops@acme.example"}, "labels": {"env": "prod"},
  "lifecycle": {"healthTimeoutSec": 60, "onFailure": "rollback", "keepGenerations": 5, "confirmWithinSec": 0} }
"""


def document() -> dict[str, Json]:
    """A registration that grants much, of about 2.5 kB."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"
    ports = [f"tcp:{8080 + number}-{8090 + number}" for number in range(20)] + [f"udp:{n}" for n in range(53, 63)]
    grants: dict[str, Json] = {
        "cpus": 4, "memory": "4G", "tasks": 4096, "storage": "20G", "machines": 4, "containers": 16,
        "images": [f"debian-{number}*" for number in range(12)],
        "imageSources": [f"https://images{number}.example.com/acme/" for number in range(8)],
        "mountImages": False, "subnets": [f"10.77.{number}.0/24" for number in range(12)],
        "vlans": list(range(100, 116)), "uplinks": ["wan", "dmz"],
        "ports": [*ports],
        "internet": False, "serviceProfiles": ["strict"], "emulation": False,
    }  # fmt: skip
    return {
        "apiVersion": "bitbuilder.io/v1", "tenant": "acme", "repository": "https://git.example.com/acme.git",
        "branch": "main", "state": "enabled",
        "fetch": {"credential": "git.acme", "user": "deploy", "ca": None,
                  "knownHosts": [f"git{number}.example.com {key}{number:040d}" for number in range(6)]},
        "trust": {"commits": "signed", "signers": ["acme-release", "acme-ops", "acme-ci"]},
        "hosts": ["hv1", "hv2", "rack-7-*"],
        "access": {"users": ["alice", "bob", "carol", "dave"], "groups": ["acme", "acme-ops"]},
        "grants": grants,
    }  # fmt: skip


def timed(work: Callable[[], object], times: int) -> Callable[[], float]:
    """The CPU time of one piece of work, in seconds, from so many."""

    def measured() -> float:
        start = time.process_time()
        for _ in range(times):
            work()
        return (time.process_time() - start) / times

    return measured


def wrongs() -> list[dict[str, Json]]:
    """Documents that none of them may take: one that takes everything would be fast indeed."""
    right = document()
    grants = right["grants"]
    assert isinstance(grants, dict)
    broken: list[dict[str, Json]] = [{**right, "tennant": "acme"}, {**right, "tenant": "Acme"}, {**right, "hosts": "*"}]
    return [*broken, {**right, "grants": {**grants, "ports": ["8080"]}}, {**right, "trust": {"commits": "signed"}}]


def checked(name: str, valid: Callable[[Json], bool]) -> None:
    """Make sure that a validator does what it is measured for."""
    if not valid(document()) or any(map(valid, wrongs())):
        raise SystemExit(f"{name} does not tell the right document from the wrong ones.")


def inside() -> None:
    """Measure within the environment of the others."""
    text = (ROOT / "schemas/registration.schema.json").read_text(encoding="utf-8")
    size = len(json.dumps(document()))
    if size not in SIZE:
        raise SystemExit(f"The document has {size} bytes.")
    ours = compile_schema(json.loads(text))
    fast = importlib.import_module("fastjsonschema")
    # It knows drafts up to 7 only; what this schema says means the same there.
    older = json.dumps({**json.loads(text), "$schema": "http://json-schema.org/draft-07/schema#"})
    their_fast = fast.compile(json.loads(older))
    theirs = importlib.import_module("jsonschema").Draft202012Validator(json.loads(text))

    def passes_fast(value: Json) -> bool:
        try:
            their_fast(value)
        except fast.JsonSchemaException:
            return False
        return True

    checked("bbhv", lambda value: not ours.problems(value))
    checked("fastjsonschema", passes_fast)
    checked("jsonschema", theirs.is_valid)
    one = document()
    times = measure.by_turns({
        "ours": timed(lambda: ours.problems(one), OURS),
        "fastjsonschema": timed(lambda: their_fast(one), FASTJSONSCHEMA),
        "jsonschema": timed(lambda: theirs.is_valid(one), JSONSCHEMA),
    }, ROUNDS)  # fmt: skip
    for name in ("ours", "fastjsonschema", "jsonschema"):
        measure.row(f"documents of {size} bytes against a schema, {name}", 1000 / times.ms(name), "/s")
    measure.row("time of a document over fastjsonschema's", times.ratio("ours", "fastjsonschema"), "times", 1.0)
    measure.row("time of a document over jsonschema's", times.ratio("ours", "jsonschema"), "times", round(1 / 12, 4))
    compiling(text, older, fast.compile)


def compiling(text: str, older: str, their_compile: Callable[[Json], object]) -> None:
    """What a schema costs before the first document is checked, and with it: then its expressions are compiled too."""

    def first() -> object:
        re.purge()
        return compile_schema(json.loads(text)).problems(document())

    def their_first() -> object:
        re.purge()
        return their_compile(json.loads(older))

    times = measure.by_turns({
        "ours": timed(lambda: compile_schema(json.loads(text)), COMPILED),
        "first": timed(first, COMPILED),
        "theirs": timed(their_first, 1),
    }, ROUNDS)  # fmt: skip
    measure.row("compiling a schema, with reading its text", times.ms("ours"), "ms", 5.0)
    measure.row("compiling a schema, and the first document", times.ms("first"), "ms", 5.0)
    measure.row("compiling a schema, fastjsonschema", times.ms("theirs"), "ms")


def processes(dist: Path, programs: Path) -> None:
    """One metadata.json from the command line."""
    Path("metadata.json").write_text(METADATA, encoding="utf-8")
    rules = ROOT / "schemas/metadata.schema.json"
    times = measure.programs({
        "ours": (str(dist / "bbhv"), "validate", "metadata.json"),
        "theirs": (str(programs / "check-jsonschema"), "--schemafile", str(rules), "metadata.json"),
    }, PROCESSES)  # fmt: skip
    measure.row("bbhv validate metadata.json", times.ms("ours"), "ms")
    measure.row("check-jsonschema metadata.json", times.ms("theirs"), "ms")
    measure.row("bbhv validate over check-jsonschema", times.ratio("ours", "theirs"), "times", 0.15)


def main(dist: Path) -> None:
    """Measure everything."""
    try:
        programs = rivals.environment(Progress())
    except BuildError as error:
        raise SystemExit(str(error)) from None
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([programs / "python", "-m", MODULE, "inside"], check=True, env=environment, stdin=subprocess.DEVNULL)
    processes(dist, programs)


if __name__ == "__main__":
    if sys.argv[1] == "inside":
        inside()
    else:
        main(Path(sys.argv[1]))
