"""The README names only what there is: verbs, options, paths, units, numbers. (tests/host/outside does it all.)"""

import re
import subprocess
from itertools import takewhile
from pathlib import Path
from textwrap import dedent

import pytest

import build
from bbhv.cli import shelf
from bbhv.cli.main import parse
from bbhv.cli.pages import system
from bbhv.cli.verbs import COMMON, VERBS
from bbhv.engine import paths
from bbhv.formats import jsontext
from bbhv.formats.schema.compiler import compile_schema
from bbhv.host import resources
from bbhv.model.template import fill
from bbhv.model.tenant import read_tenant
from tests.host.harness import trees

README = (build.ROOT / "README.md").read_text()
CODE = "\n".join([*re.findall(r"`([^`\n]+)`", README), *re.findall(r"^    (.*)$", README, re.MULTILINE)])
# What git and mmdebstrap make, and where a tenant's good generation is: known from the engine's own table of places.
PLACES = (paths.STATE, paths.TENANTS, *paths.CONFIGURATION, *paths.OFFERED, paths.SYSTEM_CLONE, "/var/lib/extensions",
          "/usr", "/etc", "/bin/sh", "/dev/null", "/run/host/credentials")


def test_every_verb_and_option_exists() -> None:
    verbs = {verb.name: {option.name for option in (*COMMON, *verb.options)} for verb in VERBS}
    calls = re.findall(r"\bbbhv ((?:[a-z]+|--[a-z]+)(?: [^\n#&]*)?)", CODE)
    assert len(calls) >= 8
    for call in calls:
        first, *words = call.split()
        options = {word.partition("=")[0] for word in (first, *words) if word.startswith("--")}
        known = {option.name for option in COMMON} if first.startswith("--") else verbs[first]
        assert options <= known, call


def block(beginning: str, below: str = "") -> str:
    """The indented block that begins so, the first one below a heading."""
    lines = README[README.index(below):].partition(f"    {beginning}\n")[2].splitlines()
    inside = takewhile(lambda line: not line or line.startswith("    "), lines)
    return dedent("\n".join(inside)).strip() + "\n"


def test_the_pipelines_are_what_these_services_read() -> None:
    github, gitlab = block("# .github/workflows/validate.yml"), block("# .gitlab-ci.yml")
    for text, words in ((github, ("on:", "jobs:", "    runs-on:", "    steps:", "      - uses: actions/checkout@")),
                        (gitlab, ("validate:", "  image:", "  before_script:", "  script:"))):  # fmt: skip
        assert [word for word in words if f"\n{word}" not in f"\n{text}"] == [] and "\t" not in text
    assert "validate --format=github ." in github and "validate ." in gitlab


@pytest.mark.parametrize(("below", "name", "given"), [
    ("## Check every push", "pre-receive", {"--registration"}), ("## Push on the same host", "post-receive", set()),
])  # fmt: skip
def test_the_hooks_are_the_ones_that_work(tmp_path: Path, below: str, name: str, given: set[str]) -> None:
    hook = block("#!/bin/sh", below)
    program = tmp_path / "bbhv"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(["sh", "-c", hook], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, text=True, check=True,
                          capture_output=True)
    verb, arguments, options = parse(done.stdout.split())
    assert verb and (verb.name, arguments, set(options)) == ("hook", [name], given)


def test_the_finding_is_the_one_of_this_mistake() -> None:
    line = next(line.strip() for line in README.splitlines() if "error[BB" in line)
    file, _, _ = line.removeprefix("shop/").partition(":")
    metadata = jsontext.parse("schema", resources.data("schemas/metadata.schema.json"))[0]
    files = fill(shelf.template("web-container", ()), {"MEMORY": "256M"}, "shop")
    files[file] = files[file].replace(b"MemoryMax=256M", b"MemoryMax=256 MB")
    assert metadata
    _, findings = read_tenant(files, "shop", compile_schema(metadata.value))
    assert [f"shop/{one}" for one in findings] == [line]


def test_the_templates_are_those_that_are_there() -> None:
    text = README.partition("A repository starts from a template: ")[2].partition(".")[0]
    assert sorted(re.findall("`([a-z-]+)`", text)) == sorted({*shelf.shipped()} - {"system"})


def test_every_verb_of_the_build_exists() -> None:
    named = set(re.findall(r"build\.py ([a-z]+)", README))
    assert named >= {"demo", "test", "sysext", "zipapp"} and named <= build.VERBS.keys()
    assert set(re.findall(r"--release ([a-z]+)", README)) <= set(trees.RELEASES)


def test_every_path_of_the_checkout_exists() -> None:
    named = [word for word in re.findall(r"`([a-z.]+/[^` ]*)`", README) if not word.startswith("dist/")]
    assert len(named) >= 3 and [word for word in named if not (build.ROOT / word).exists()] == []


def test_every_path_of_a_host_is_one_that_the_program_uses() -> None:
    named = {word.rstrip(".,;:") for word in re.findall(r"(?<![\w.:/])(/[a-z]+(?:/[\w.@-]+)*)", README)}
    assert len(named) >= 6
    assert [path for path in named if not any(path == one or path.startswith(f"{one}/") for one in PLACES)] == []
    assert "/etc/bitbuilder/bitbuilder.conf" in named


def test_every_unit_exists() -> None:
    units = {path.name.partition(".")[0] for path in (build.ROOT / "units").iterdir()}
    named = re.findall(r"(?<!bitbuilder/)\b(tenants?(?:-[a-z]+)*@|tenants\.target|tenant-[a-z]+)", CODE)
    wanted = {name.partition(".")[0] for name in named}
    assert wanted >= {"tenant@", "tenants", "tenant-manager", "tenant-container@"} and wanted <= units


def test_the_numbers_are_those_of_the_product() -> None:
    timer = (build.ROOT / "units/tenant-sync.timer").read_text()
    assert "OnUnitInactiveSec=5min" in timer and "syncs every five minutes" in README
    assert system.SHOWN_DEFAULTS["interval_sec"] == "5min"
    doctor = Path(build.ROOT / "bbhv/engine/doctor.py").read_text()
    assert "257.13" in README and "257: 13" in doctor and "2.39" in README and "2.39" in doctor


def test_the_image_is_the_one_that_the_tests_run() -> None:
    line = next(line for line in README.splitlines() if "mmdebstrap" in line)
    packages = next(word for word in line.split() if word.startswith("--include="))
    assert set(packages.partition("=")[2].split(",")) == set(trees._GUEST_PACKAGES)
    assert "--variant=minbase" in line and f" trixie {paths.OFFERED[2]}/debian-13" in line


def test_the_first_screen_says_what_it_is_in_ten_lines_and_a_picture() -> None:
    first = README.partition("\n## ")[0].splitlines()
    words = [line for line in first[1:] if line and not line.startswith("    ")]
    assert len(words) <= 10 and len(first) <= 24
