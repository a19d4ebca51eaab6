"""Our reader of os-release files and this host's systemd, which reads EnvironmentFile= with the same code, agree."""

import json
import random
from pathlib import Path

from .support import run

FILES = 150
TOKENS = ["A=", "B=", "b", "c d", " ", "\t", "\n", "\n", "'", '"', "\\", "\\\n", "$", "`", "#", ";", "=", "ö"]
READER = """
import json, sys
sys.path.insert(0, "/usr/bin/bbhv")
from bbhv.formats import osrelease
print(json.dumps([osrelease.parse("f", open(path, "rb").read())[0].values for path in sys.argv[1:]]))
"""


def texts() -> list[str]:
    """Seeded files of which each has keys of its own, K1A and K1B, K2A and K2B …, so that one unit can read all."""
    rng = random.Random(5)
    found = []
    for number in range(FILES):
        tokens = ["A="] + [rng.choice(TOKENS) for _ in range(rng.randint(1, 14))]
        found.append("".join(f"K{number}{token}" if token in ("A=", "B=") else token for token in tokens))
    return found


def test_release_files_read_as_systemd_reads_them(tmp_path: Path) -> None:
    paths = []
    for number, text in enumerate(texts()):
        paths.append(tmp_path / str(number))
        paths[-1].write_text(text, encoding="utf-8")
    settings = [word for path in paths for word in ("-p", f"EnvironmentFile={path}")]
    shown = run(["systemd-run", "--quiet", "--wait", "--pipe", "--collect", *settings, "env", "-0"]).stdout
    theirs = dict(line.split("=", 1) for line in shown.split("\0") if line)
    ours: list[dict[str, str]] = json.loads(run(["/usr/bin/python3", "-IS", "-c", READER, *paths]).stdout)
    wrong, compared = [], 0
    for number, (text, values) in enumerate(zip(texts(), ours, strict=True)):
        keys = {key for key in {*values, *theirs} if f"K{number}A" in key or f"K{number}B" in key}
        compared += len(keys)
        wrong += [f"{text!r}: {key} is {theirs.get(key)!r}, we read {values.get(key)!r}" for key in sorted(keys)
                  if theirs.get(key) != values.get(key)]
    assert wrong == []
    assert compared > FILES // 2
