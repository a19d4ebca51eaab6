"""Compile: the same input gives the same bytes, and no text of a tenant means anything to systemd."""

import random
from typing import Literal

import pytest

from bbhv import names
from bbhv.formats.unitfile import parse, split_words, values
from bbhv.kinds.values import words
from bbhv.model import insiders
from bbhv.model.compile import Generation, compile_tenant, inputs_digest
from bbhv.model.host import HostFacts, Offered
from bbhv.model.manifest import ImageRef, kept_name
from bbhv.model.registration import Grants
from bbhv.model.tenant import read_tenant
from bbhv.records import replace

from .model import COMMIT, DIGEST, FACTS, FILES, GRANTS, METADATA_SCHEMA, OFFERED, registration

WEB_UNIT = "tenant-container@web.acme.service.d/10-bitbuilder.conf"
DB_UNIT = "tenant-container@db.acme.service.d/10-bitbuilder.conf"
NASTY = [" ", "\t", '"', "'", "\\", "\\n", "\\x41", "$", "$$", "$HOME", "${HOME}", "%", "%h", "%%", "%i", ";", "\\;"]
NASTY += ["#", "=", "|", "-", "--bind=/:/", "@", "!", "+", ":", "[Service]", "*", "?", "`id`", "ü", "🦊", "\u00a0"]
NASTY += ["\u200d", "a", "b"]


def generation(facts: HostFacts = FACTS, grants: Grants = GRANTS, **files: bytes | None) -> Generation:
    named = {path.replace("__", "/").replace("_", "."): data for path, data in files.items()}
    changed = {path: data for path, data in {**FILES, **named}.items() if data is not None}
    tenant, findings = read_tenant(changed, "acme", METADATA_SCHEMA)
    assert tenant is not None, findings
    return compile_tenant(tenant, registration(grants), facts, COMMIT, "1")


def settings(text: str, section: str, key: str) -> list[str]:
    unit, findings = parse("unit", text.encode())
    assert findings == ()
    return [entry.value for entry in values(unit, section, key)]


def as_systemd_runs(line: str) -> tuple[str, ...]:
    """What a program is started with: words unquoted, then specifiers and variables expanded; neither may be left."""
    argv = []
    for word in split_words(line):
        plain = word.replace("%%", "")
        assert "%" not in plain, f"{word!r} has a specifier"
        word = word.replace("%%", "%")
        assert "$" not in word.replace("$$", ""), f"{word!r} has a variable"
        argv.append(word.replace("$$", "$"))
    return tuple(argv)


def exec_argv(one: Generation, path: str = WEB_UNIT) -> tuple[str, ...]:
    (line,) = settings(one.units[path], "Service", "ExecStart")
    return as_systemd_runs(line)


def test_a_tenant_compiles_to_its_slice_and_drop_ins() -> None:
    assert list(generation().units) == [
        DB_UNIT,
        WEB_UNIT,
        "tenant-infra@acme.service.d/10-bitbuilder.conf",
        "tenant@acme.service.d/10-bitbuilder.conf",
        "tenants-acme.slice",
    ]


def test_a_container_unit_has_its_order_its_limits_and_its_place() -> None:
    text = generation().units[WEB_UNIT]
    assert settings(text, "Unit", "Wants") == ["tenant-infra@acme.service"]
    assert settings(text, "Unit", "After") == ["tenant-infra@acme.service tenant-container@db.acme.service"]
    assert settings(text, "Unit", "AssertPathExists") == ["/usr/lib/bitbuilder/offered/debian-13"]
    assert settings(text, "Service", "Slice") == ["tenants-acme.slice"]
    assert settings(text, "Service", "MemoryMax") == ["512M"]
    assert settings(text, "Service", "Restart") == ["always"]
    assert settings(text, "Service", "RuntimeDirectory") == ["bitbuilder/roots/web.acme"]
    assert settings(text, "Service", "ReadWritePaths") == ["/var/lib/tenants/acme/volumes/data"]
    assert settings(text, "Service", "DeviceAllow") == ["/dev/net/tun rwm"]
    newer = generation(replace(FACTS, systemd_version=262)).units[WEB_UNIT]
    assert settings(newer, "Service", "DeviceAllow") == []


def test_a_strict_container_takes_away_what_a_payload_may_miss() -> None:
    strict = generation(containers__web_nspawn=FILES["containers/web.nspawn"] + b"[X-Bitbuilder]\nProfile=strict\n")
    assert settings(strict.units[WEB_UNIT], "Service", "NoNewPrivileges") == ["yes"]
    assert settings(generation().units[WEB_UNIT], "Service", "NoNewPrivileges") == []


def test_a_container_with_control_keeps_the_socket_of_its_tenant_up() -> None:
    text = FILES["containers/web.nspawn"] + b"[X-Bitbuilder]\nControl=read\n"
    one = generation(containers__web_nspawn=text)
    unit = one.units[WEB_UNIT]
    assert settings(unit, "Unit", "Upholds") == ["bitbuilder-varlink@acme.socket"]
    assert "bitbuilder-varlink@acme.socket" in settings(unit, "Unit", "After")
    assert "--bind-ro=/run/bitbuilder/control/acme:/run/bitbuilder" in exec_argv(one)
    assert insiders.controls(one.manifest) == {"web": "read"}
    assert insiders.controls(generation().manifest) == insiders.controls(None) == {}
    without = generation().units
    assert not [path for path in (WEB_UNIT, DB_UNIT) if "varlink" in without[path] or "control" in without[path]]


def test_the_root_is_made_by_a_script_that_becomes_nspawn() -> None:
    argv = exec_argv(generation())
    assert argv[:8] == (
        "/usr/lib/bitbuilder/container-root",
        "/run/bitbuilder/roots/web.acme",
        "1000000000",
        str(256 << 20),
        str((256 << 20) // 4096),
        "tree",
        "/usr/lib/bitbuilder/offered/debian-13",
        "",
    )
    assert argv[8] == "/usr/bin/systemd-nspawn"
    assert "--directory=/run/bitbuilder/roots/web.acme/root" in argv
    assert "--private-users=1000000000:65536" in argv


# What makes systemd-nspawn look into an image, for partitions, hashes or signatures.
LOOKING = ("--image=", "-i", "--root-hash", "--verity", "--template", "--mstack", "--oci-bundle", "--ephemeral", "-x")


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("format", ["tree", "raw", "tar", "own tar", "own raw"])
def test_nspawn_never_looks_into_an_image_and_would_take_no_partition_of_one(format: str, persistent: bool) -> None:
    own, keep = format.startswith("own "), b"Persistent=yes\n" if persistent else b""
    text = FILES["infrastructure/own.image"].replace(b"=tar\n", b"=raw\n" if format == "own raw" else b"=tar\n")
    web = FILES["containers/web.nspawn"].replace(b"Image=debian-13\n", b"Image=own\n" if own else b"Image=debian-13\n")
    formats: dict[str, Literal["tree", "tar", "raw"]] = {"raw": "raw", "tar": "tar"}
    offered = replace(FACTS.offered["debian-13"], format=formats.get(format, "tree"))
    facts = replace(FACTS, offered={**FACTS.offered, "debian-13": offered})
    one = generation(facts, containers__web_nspawn=web + b"[X-Bitbuilder]\n" + keep, infrastructure__own_image=text)
    argv = exec_argv(one)
    program = argv.index("/usr/bin/systemd-nspawn")
    switches = argv[program : argv.index("--")]
    assert "--image-policy=~" in switches and "--directory=/run/bitbuilder/roots/web.acme/root" in switches
    assert not [word for word in switches if word.startswith(LOOKING)]
    assert argv[5] == ("raw" if format in ("raw", "own raw") else "tree")


def test_an_image_of_the_tenant_lies_in_the_store() -> None:
    one = generation()
    path = f"/var/lib/bitbuilder/images/{DIGEST}.tree"
    assert exec_argv(one, DB_UNIT)[5:7] == ("tree", path)
    own = ImageRef(
        name="own",
        format="tar",
        source="file:///srv/images/own.tar",
        sha256=DIGEST,
        identity=f"sha256:{DIGEST}",
        path=path,
    )
    assert own in one.manifest.images


@pytest.mark.parametrize("format", ["tree", "raw", "tar"])
def test_an_offered_image_is_used_where_it_lies(format: str) -> None:
    kind: dict[str, Offered] = {
        "tree": Offered(name="debian-13", path="/o/debian-13", format="tree", identity="1"),
        "raw": Offered(name="debian-13", path="/o/debian-13.raw", format="raw", identity="1"),
        "tar": Offered(name="debian-13", path="/o/debian-13.tar", format="tar", identity="1"),
    }
    one = generation(replace(FACTS, offered={"debian-13": kind[format]}))
    image = next(image for image in one.manifest.images if image.name == "debian-13")
    assert image.format == "offered"
    assert exec_argv(one)[5] == ("raw" if format == "raw" else "tree")
    if format == "tar":  # an archive has to be unpacked, so that it has a source and a place in the store
        assert image.source == "file:///o/debian-13.tar"
        assert image.path.startswith("/var/lib/bitbuilder/images/") and image.path.endswith(".tree")
    else:
        assert (image.source, image.path) == ("", kind[format].path)


def test_only_a_file_system_image_gets_loop_devices() -> None:
    raw = Offered(name="debian-13", path="/o/debian-13.raw", format="raw", identity="1")
    one = generation(replace(FACTS, offered={"debian-13": raw}))
    assert "block-loop rw" in settings(one.units[WEB_UNIT], "Service", "DeviceAllow")
    assert "block-loop rw" not in settings(one.units[DB_UNIT], "Service", "DeviceAllow")


def test_the_slice_has_the_lower_of_grant_and_wish() -> None:
    text = generation().units["tenants-acme.slice"]
    assert [(key, settings(text, "Slice", key)) for key in ("MemoryMax", "CPUQuota", "TasksMax", "CPUWeight")] == [
        ("MemoryMax", ["1G"]),
        ("CPUQuota", ["200%"]),
        ("TasksMax", ["4096"]),
        ("CPUWeight", ["50"]),
    ]
    unbound = generation(infrastructure__tenant_slice=b"[Slice]\nMemoryMax=infinity\n").units["tenants-acme.slice"]
    assert settings(unbound, "Slice", "MemoryMax") == ["4G"]


def test_the_folders_of_volumes_are_made_at_start_and_reload_and_never_removed() -> None:
    text = generation().units["tenant-infra@acme.service.d/10-bitbuilder.conf"]
    made = "/usr/bin/mkdir -p -m 0755 -- /var/lib/tenants/acme/volumes/data"
    assert settings(text, "Service", "ExecStart") == settings(text, "Service", "ExecReload") == [made]
    assert settings(text, "Service", "Environment") == [f"STORAGE={20 << 30}"]
    nothing = generation(containers__web_nspawn=FILES["containers/db.nspawn"], infrastructure__data_volume=None)
    text = nothing.units["tenant-infra@acme.service.d/10-bitbuilder.conf"]
    assert settings(text, "Service", "Environment") == ["STORAGE=0"]


def test_a_root_that_is_kept_is_named_by_its_image_and_may_be_written() -> None:
    one = generation(containers__web_nspawn=FILES["containers/web.nspawn"] + b"[X-Bitbuilder]\nPersistent=yes\n")
    folder = "/var/lib/tenants/acme/roots/web"
    assert exec_argv(one)[7] == f"{folder}/{kept_name('offered:1:2:3')}"
    assert folder in settings(one.units[WEB_UNIT], "Service", "ReadWritePaths")
    infra = one.units["tenant-infra@acme.service.d/10-bitbuilder.conf"]
    assert f"/usr/bin/mkdir -p -m 0700 -- {folder}" in settings(infra, "Service", "ExecStart")
    assert settings(one.units[WEB_UNIT], "Unit", "RequiresMountsFor") == ["/var/lib/tenants/acme/storage"]


def test_a_start_may_take_longer_than_two_health_timeouts() -> None:
    metadata = b'{"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "lifecycle": {"healthTimeoutSec": 3600}}'
    text = generation(metadata_json=metadata).units["tenant@acme.service.d/10-bitbuilder.conf"]
    assert int(settings(text, "Service", "TimeoutStartSec")[0]) > 2 * 3600


def test_the_same_input_gives_the_same_bytes() -> None:
    first, second = generation(), generation()
    assert first == second
    assert list(first.units) == sorted(first.units)


def test_a_dash_in_a_tenant_does_not_lead_into_another_tenants_slice() -> None:
    files = {**FILES, "metadata.json": b'{"apiVersion": "bitbuilder.io/v1", "tenant": "team-a"}'}
    tenant, findings = read_tenant(files, "team-a", METADATA_SCHEMA)
    assert tenant is not None, findings
    facts = replace(FACTS, uid_bases={"web.team-a": 1, "db.team-a": 2})
    one = compile_tenant(tenant, replace(registration(), tenant="team-a"), facts, COMMIT, "1")
    assert "tenants-team\\x2da.slice" in one.units
    unit = one.units["tenant-container@web.team-a.service.d/10-bitbuilder.conf"]
    assert settings(unit, "Service", "Slice") == ["tenants-team\\x2da.slice"]


def nspawn_quoted(word: str) -> str:
    """A word as a .nspawn file can hold it: each character in the quotes that it is not."""
    return "".join(f'"{char}"' if char == "'" else f"'{char}'" for char in word)


def test_parameters_and_environment_reach_the_program_exactly() -> None:
    rng = random.Random(7)
    for _ in range(400):
        argument = "".join(rng.choice(NASTY) for _ in range(rng.randint(1, 9))).strip() or "x"
        quoted = nspawn_quoted(argument)
        assert words(quoted) == (argument,)
        lines = f"[Exec]\nParameters=/bin/p {quoted} {quoted}\nEnvironment={nspawn_quoted('E=' + argument)}\n"
        one = generation(containers__db_nspawn=f"{lines}[X-Bitbuilder]\nImage=own\n".encode())
        argv = exec_argv(one, DB_UNIT)
        assert argv[argv.index("--") :] == ("--", "/bin/p", argument, argument)
        assert f"--setenv=E={argument}" in argv


def test_paths_of_a_tenant_reach_nspawn_exactly() -> None:
    for odd in ("/srv/a b", "/srv/%h", "/srv/$HOME", '/srv/"x"', "/srv/ünï", "/srv/;", "/srv/-x"):
        files = f"[Files]\nInaccessible={odd}\nTemporaryFileSystem={odd}/t:size=1M\n"
        ours = f"[X-Bitbuilder]\nImage=own\nVolume=data:{odd}/v\n"
        text = f"[Exec]\nBoot=yes\nWorkingDirectory={odd}\n{files}{ours}"
        argv = exec_argv(generation(containers__db_nspawn=text.encode()), DB_UNIT)
        assert f"--chdir={odd}" in argv
        assert f"--inaccessible={odd}" in argv
        assert f"--tmpfs={odd}/t:size=1048576" in argv
        assert f"--bind=/var/lib/tenants/acme/volumes/data:{odd}/v:idmap" in argv


def test_every_unit_is_one_that_reads_back_without_findings() -> None:
    for path, text in generation().units.items():
        assert parse(path, text.encode())[1] == ()


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"commit": "d" * 40}, False),
        ({"version": "2"}, False),
        ({"facts": replace(FACTS, systemd_version=262)}, False),
        ({"facts": replace(FACTS, uid_bases={"web.acme": 1})}, False),
        ({"facts": replace(FACTS, uid_bases={**FACTS.uid_bases, "web.other": 1})}, True),
        ({"facts": replace(FACTS, offered={})}, False),
        ({"facts": replace(FACTS, offered={**FACTS.offered, "fedora": replace(OFFERED, name="fedora")})}, True),
        ({"grants": replace(GRANTS, containers=5)}, False),
    ],
)
def test_the_inputs_digest_covers_what_concerns_the_tenant(change: dict[str, object], same: bool) -> None:
    base: dict[str, object] = {"commit": COMMIT, "version": "1", "facts": FACTS, "grants": GRANTS}
    assert (digest({**base, **change}) == digest(base)) is same


def digest(given: dict[str, object]) -> str:
    facts, grants = given["facts"], given["grants"]
    assert isinstance(facts, HostFacts) and isinstance(grants, Grants)
    return inputs_digest(str(given["commit"]), registration(grants), facts, str(given["version"]))


def test_the_manifest_says_what_it_was_made_of() -> None:
    manifest = generation().manifest
    assert manifest.inputs == inputs_digest(COMMIT, registration(), FACTS, "1")
    assert (manifest.tenant, manifest.commit, manifest.version) == ("acme", COMMIT, "1")
    web = manifest.workloads[1]
    assert web.settings["image"] == "offered:1:2:3"
    assert web.settings["uidBase"] == "1000000000"
    assert web.settings["volume:data"] == "/var/lib/tenants/acme/volumes/data"
    assert web.settings["X-Bitbuilder.MemoryMax"] == "512M"
    assert "X-Bitbuilder.Image" not in web.settings
    assert web.health.stable_sec == 5.0


def test_units_are_named_by_the_one_place_that_names_them() -> None:
    paths = {path.partition("/")[0].removesuffix(".d") for path in generation().units}
    assert paths == {
        names.container_unit("web", "acme"),
        names.container_unit("db", "acme"),
        names.infra_unit("acme"),
        names.tenant_unit("acme"),
        names.tenant_slice("acme"),
    }
