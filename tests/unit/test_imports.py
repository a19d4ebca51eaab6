"""What the short ways through the program import: nothing that they do not use, because importing is what they cost.

Each is taken in a fresh interpreter. The sets are upper bounds: to widen one is a decision about the speed of a command
(measured by `build.py bench`), not a detail.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import build

ROOT = Path(__file__).parents[2]
WORDS = {"errors", "findings", "names", "records"}
JSON = {"formats.jsonscan", "formats.jsontext", "formats.jsonvalue"}
COMMAND = {"cli.main", "cli.output", "cli.verbs", "host.log"} | WORDS | JSON
# Without what only some formats and expressions need: characters by their properties, URIs, names in other scripts.
SCHEMA_PARTS = ("apply", "fast", "fast_node", "fast_rows", "formats", "hosts", "pattern", "refs", "types", "values")
SCHEMA = {"formats.schema.compiler", *(f"formats.schema.{part}" for part in SCHEMA_PARTS)}
# What the host is told: its settings, and its registrations, which may come from a commit.
TOLD = {
    "engine.repository.memory", "engine.paths", "engine.repository.read", "engine.repository.verify", "engine.world",
    "formats.conffile", "formats.gitconfig", "formats.gitobject", "host.log", "model.authority", "model.history",
    "formats.unitfile", "host.files", "host.git", "host.resources", "host.run", "kinds.plain",
    "kinds.urls", "kinds.values", "model.emptied", "model.harvest", "model.hostconf", "model.registration",
} | SCHEMA | WORDS | JSON  # fmt: skip
# What a manifest is made of stands beside the declarations that it comes from.
MANIFEST = {"model.manifest", "kinds.lifecycle"}
NETWORKS = {"engine.networks.look", "engine.networks.record", "formats.nft", "host.networkd", "host.nft"}
LOOKED = {"engine.storage.publish", "engine.tenant.sight", "model.drift"} | NETWORKS
REPORT = {
    "engine.report", "engine.tenant.deadline", "engine.repository.retry", "engine.storage.partial",
    "engine.storage.state", "host.systemd", "host.log", "model.backoff",
} | LOOKED | MANIFEST | TOLD  # fmt: skip
VARLINK = {
    "formats.varlink", "formats.varlink_idl", "ipc.activation", "ipc.connection", "ipc.methods", "ipc.peer",
    "ipc.server", "ipc.service", "ipc.table", "ipc.telling", "ipc.threads", "ipc.work",
}  # fmt: skip

WAYS = {
    "--version": ("from bbhv.__main__ import door; door(['--version'])", {"__main__", "version"}),
    "--help": ("from bbhv.__main__ import door; door(['--help'])", {"__main__", "cli.help"} | COMMAND),
    "generator": ("import bbhv.engine.generator", {"engine.generator"}),
    "list, status, history": (
        "import bbhv.cli.main, bbhv.cli.looking", {"cli.looking", "cli.showing"} | COMMAND | REPORT
    ),
    "list, status, history of whoever is not root": (
        "import bbhv.cli.main, bbhv.cli.through",
        {"cli.options", "cli.reporting", "cli.showing", "cli.through", "engine.paths", "formats.varlink",
         "formats.varlink_idl", "host.resources", "ipc.client", "ipc.table", "kinds.values"} | COMMAND,
    ),
    "validate one metadata.json": (
        "from bbhv.__main__ import door; import os, tempfile\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    with open(f'{folder}/metadata.json', 'w') as file:\n"
        "        file.write('{\"apiVersion\": \"bitbuilder.io/v1\", \"tenant\": \"acme\"}')\n"
        "    assert door(['validate', file.name]) == 0",
        {"__main__", "cli.validating", "host.resources"} | COMMAND | SCHEMA,
    ),
    "serve": (
        "from bbhv.cli import main, serving\nfrom bbhv.errors import BbhvError\n"
        "try: serving.serve(main.Call(next(v for v in main.VERBS if v.name == 'serve'), [], {}), main.Output())\n"
        "except BbhvError: pass",
        {"cli.serving", "version", "engine.access", "engine.requests", "model.requests", "engine.describing",
         "engine.tally", "engine.tenant.past", "host.networkd", "host.nft", "host.vmspawn"}
        | COMMAND | REPORT | VARLINK,
    ),
    "what knows who calls from inside": (
        "import bbhv.ipc.inside, bbhv.engine.insiders",
        {"ipc.inside", "ipc.peer", "engine.insiders", "engine.storage.numbers", "model.insiders", "host.lock"} | REPORT,
    ),
    "what asks servers": (
        "import os, sys; from bbhv.__main__ import door; sys.stdin = open(os.devnull); door(['worker', 'refs'])",
        {"__main__", "engine.repository.refs", "formats.httpreply", "formats.lsrefs", "version"} | {"errors", "names"},
    ),
    "the workers": (
        "import bbhv.cli.main, bbhv.cli.serving, bbhv.engine.worker",
        {"cli.serving", "engine.worker", "engine.repository.transfer", "engine.paths",
         "model.fetching", "kinds.urls", "kinds.values", "formats.bundle", "formats.frames",
         "formats.gitconfig", "formats.gitobject", "host.git", "host.run", "host.files"} | COMMAND,
    ),
}  # fmt: skip
# Each of these costs more than all of `bbhv --version`, or tells that somebody will do what looking does not do.
DEAR = {
    "argparse", "asyncio", "concurrent.futures", "difflib", "email", "http", "logging", "multiprocessing", "pathlib",
    "platform", "random", "tarfile", "tempfile", "unittest", "urllib", "uuid", "xml", "zipfile",
}  # fmt: skip


def loaded(code: str) -> tuple[set[str], set[str]]:
    """Our modules and the others that are loaded after the code has run in a fresh interpreter."""
    script = f"import sys; sys.path.insert(0, sys.argv[1])\n{code}\nprint('\\n', *sys.modules)"
    done = subprocess.run([sys.executable, "-IS", "-c", script, ROOT], capture_output=True, text=True, check=True)
    names = set(done.stdout.splitlines()[-1].split())
    ours = {name for name in names if name.split(".")[0] == "bbhv"}
    packages = {name.rpartition(".")[0] for name in ours} | {"bbhv"}
    return {name.removeprefix("bbhv.") for name in ours - packages}, names - ours


@pytest.mark.parametrize("way", WAYS)
def test_a_short_way_imports_no_more_of_ours_than_it_uses(way: str) -> None:
    code, allowed = WAYS[way]
    assert loaded(code)[0] - allowed == set()


@pytest.mark.parametrize("way", ["--version", "--help", "generator", "list, status, history", "serve",
                                 "list, status, history of whoever is not root"])
def test_a_short_way_imports_nothing_dear(way: str) -> None:
    assert loaded(WAYS[way][0])[1] & DEAR == set()


def test_what_units_start_and_what_looks_is_in_the_archive_as_bytecode() -> None:
    ways = [WAYS[name][0] for name in ("generator", "list, status, history", "serve", "what asks servers",
                                       "the workers", "list, status, history of whoever is not root")]
    slow = {build.module_name(str(path.relative_to(ROOT))).removeprefix("bbhv.") for path in ROOT.glob("bbhv/**/*.py")
            if str(path.relative_to(ROOT)).startswith(build.SLOW)}
    assert slow
    for code in [*ways, "import bbhv.cli.main, bbhv.cli.changing, bbhv.engine.manager, bbhv.engine.tenant.sync"]:
        assert loaded(code)[0] & slow == set()


def test_looking_loads_nothing_that_changes_a_host() -> None:
    found = loaded(WAYS["list, status, history"][0])[0]
    assert found.isdisjoint({"model.compile", "model.plan", "model.tenant", "model.grants", "host.lock"})
    heavy = {"tenant.activate", "storage.images", "manager", "repository.obtain", "tenant.sync"}
    assert found.isdisjoint({f"engine.{name}" for name in heavy})
    assert {"engine.report", "cli.looking"} <= found


def test_one_good_metadata_file_needs_nothing_that_says_what_is_wrong() -> None:
    assert loaded(WAYS["validate one metadata.json"][0])[0].isdisjoint({"findings", "formats.jsonscan", "cli.checking"})


def test_nothing_needs_dataclasses_for_which_records_are() -> None:
    modules = (build.module_name(str(path.relative_to(ROOT))) for path in sorted(ROOT.glob("bbhv/**/*.py")))
    others = loaded(f"import {', '.join(name for name in modules if name != 'bbhv.importer')}")[1]
    assert others.isdisjoint({"dataclasses", "inspect"})


def test_the_version_and_the_generator_need_neither_types_nor_expressions() -> None:
    for way in ("--version", "generator"):
        assert loaded(WAYS[way][0])[1].isdisjoint({"enum", "json", "re", "typing"})
