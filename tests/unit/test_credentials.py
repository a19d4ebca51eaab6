"""Credentials of a tenant on a host: which file counts, which unit gets it, what a change costs, and what is wrong."""

import base64
import hashlib

import pytest

from bbhv.findings import Finding
from bbhv.formats.unitfile import parse, values
from bbhv.kinds.credential import Credential, embedded_name
from bbhv.kinds.table import classify
from bbhv.model import credentials
from bbhv.model.compile import Generation, compile_tenant
from bbhv.model.forecast import check
from bbhv.model.plan import Action, plan
from bbhv.model.tenant import Tenant, read_tenant
from bbhv.records import replace

from .model import COMMIT, FACTS, FILES, METADATA_SCHEMA, WEB, read, registration
from .test_formats_credblob import HOST, NOT_AFTER, header

FOR_ALL, FOR_ONE = "infrastructure/credentials/key.cred", "credentials/host1/key.cred"
WEB_UNIT = "tenant-container@web.acme.service.d/10-bitbuilder.conf"
DB_UNIT = "tenant-container@db.acme.service.d/10-bitbuilder.conf"


def files(*names: str, **more: bytes) -> dict[str, bytes]:
    """The tenant, with these credentials for its container web, and these files."""
    web = WEB + b"".join(f"Credential={name}\n".encode() for name in names)
    return {**FILES, "containers/web.nspawn": web, **more}


def tenant(found: dict[str, bytes]) -> Tenant:
    one, findings = read_tenant(found, "acme", METADATA_SCHEMA)
    assert one is not None, findings
    return one


def generation(found: dict[str, bytes], host: str = "host1") -> Generation:
    return compile_tenant(tenant(found), registration(), replace(FACTS, host_name=host), COMMIT, "1")


def settings(text: str, key: str) -> list[str]:
    unit, findings = parse("unit", text.encode())
    assert findings == ()
    return [entry.value for entry in values(unit, "Service", key)]


def blob(secret: int, name: str = "key") -> bytes:
    """An encrypted credential of so large a secret."""
    around = -(-(20 + len(embedded_name("acme", name))) // 8) * 8
    return base64.b64encode(header("host") + bytes(around + secret + 16))


def on(host: str, found: dict[str, bytes]) -> list[Finding]:
    facts = replace(FACTS, host_name=host)
    return list(check(found, (), registration(), facts, METADATA_SCHEMA, allow_file=True)[1])


def test_only_who_asks_for_a_credential_is_given_it_under_the_name_inside() -> None:
    one = generation(files("key", **{FOR_ALL: HOST}))
    path = "/var/lib/tenants/acme/current/credentials/key.cred"
    assert settings(one.units[WEB_UNIT], "LoadCredentialEncrypted") == [f"tenant-acme.key:{path}"]
    assert " --load-credential=key:tenant-acme.key " in settings(one.units[WEB_UNIT], "ExecStart")[0]
    assert "redential" not in one.units[DB_UNIT]
    assert one.credentials == {"key": HOST.decode()}
    assert not any(HOST.decode()[:20] in text for text in one.units.values())


def test_what_vmspawn_writes_for_a_machine_is_in_memory_that_is_not_swapped() -> None:
    machine = b"[X-Bitbuilder]\nImage=disk\n"
    asking = machine + b"Credential=key\n"
    one = tenant({**FILES, "machines/vm.vmspawn": asking, "machines/no.vmspawn": machine, FOR_ALL: HOST})
    keys = [key for key, _ in credentials.directives(one.machines["vm"], "acme", "/var/lib/tenants")]
    assert keys == ["LoadCredentialEncrypted", "PrivateTmp", "MemorySwapMax"]
    assert credentials.directives(one.machines["no"], "acme", "/var/lib/tenants") == []


def test_what_nobody_asks_for_is_not_on_the_host() -> None:
    assert generation(files(**{FOR_ALL: HOST})).credentials == {}


def test_the_file_for_a_host_goes_before_the_one_for_all_on_this_host_only() -> None:
    both = files("key", **{FOR_ALL: HOST, FOR_ONE: NOT_AFTER})
    assert generation(both, "host1").credentials == {"key": NOT_AFTER.decode()}
    assert generation(both, "host2").credentials == {"key": HOST.decode()}
    backwards = dict(reversed(both.items()))
    assert generation(backwards, "host1").credentials == {"key": NOT_AFTER.decode()}


def test_another_name_of_the_host_makes_another_generation() -> None:
    first, second = (generation(files(), host).manifest.inputs for host in ("host1", "host2"))
    assert first != second


def test_another_file_restarts_who_uses_it_and_nobody_else() -> None:
    old, new = (generation(files("key", **{FOR_ALL: data})) for data in (HOST, NOT_AFTER))
    steps = plan(old.manifest, new.manifest, old_units=old.units, new_units=new.units).steps
    changed = {step.name: step for step in steps if step.action is not Action.NONE}
    assert {name: step.action for name, step in changed.items()} == {"web": Action.RESTART}
    digest = hashlib.sha256(HOST).hexdigest()
    assert changed["web"].reasons[0].startswith(f"credential:key={digest[:40]}")
    assert changed["web"].reasons[0].endswith("(restart)") and not changed["web"].loses_data


def test_one_that_is_there_for_other_hosts_only_is_found_on_a_host_and_nowhere_else() -> None:
    found = files("key", **{FOR_ONE: HOST})
    assert read(found)[1] == [] and on("host1", found) == []
    [finding] = on("host2", found)
    assert (finding.code, finding.place.line) == ("BB301", 9)
    assert "for other hosts only" in finding.message and "credentials/host2/key.cred" in finding.hint


def test_one_that_nobody_declares_is_found_everywhere() -> None:
    assert read(files("key"))[1] == ["containers/web.nspawn:9 BB301"]


def test_one_that_is_asked_for_twice_is_found() -> None:
    assert read(files("key", "key", **{FOR_ALL: HOST}))[1] == ["containers/web.nspawn:10 BB304"]


def test_a_unit_may_have_a_mebibyte_names_included() -> None:
    name = len("tenant-acme.key")
    for size, found in ((1 << 20) - name, []), ((1 << 20) - name + 1, ["containers/web.nspawn:9 BB213"]):
        assert read(files("key", **{FOR_ALL: blob(size)}))[1] == found


def test_two_secrets_count_as_pages_of_memory() -> None:
    two = {FOR_ALL: blob(700_000), "infrastructure/credentials/two.cred": blob(85 * 4096, "two")}
    assert read(files("key", "two", **two))[1] == []
    two[FOR_ALL] = blob(171 * 4096 + 1)
    assert read(files("key", "two", **two))[1] == ["containers/web.nspawn:10 BB213"]


def test_the_credentials_of_a_workload_count_together_on_each_host() -> None:
    half = (1 << 19) - 4096
    two = {FOR_ALL: blob(half), "infrastructure/credentials/two.cred": blob(half, "two")}
    assert read(files("key", "two", **two))[1] == []
    assert read(files("key", "two", **two, **{FOR_ONE: blob(half + 9000)}))[1] == ["containers/web.nspawn:10 BB213"]
    assert read(files("key", **two, **{FOR_ONE: blob(half + 9000)}))[1] == []


@pytest.mark.parametrize(
    "name", ["passwd.hashed-password.root", "system.hostname", "vmm.notify_socket", "fstab.extra", "import.pull", "A"]
)
def test_no_name_of_a_credential_that_systemd_reads_can_be_given(name: str) -> None:
    [finding] = classify(f"infrastructure/credentials/{name}.cred")[2]
    assert finding.code == "BB107"
    assert read({**FILES, "containers/web.nspawn": WEB + f"Credential={name}\n".encode()})[1] == [
        "containers/web.nspawn:9 BB205"
    ]


WORDS = {
    "Embedded credential name 'tenant-b.db' does not match filename 'tenant-acme.key', refusing.": "under another name",
    "Credential's time passed, refusing to use.": "It has expired.",
    "Decryption failed (incorrect key?): No OpenSSL errors.": "on another host",
    "Failed to determine local credential key: No such file or directory": "on another host",
    "Encrypted file too short.": "It is damaged.",
    "TPM2 support not available on this system": "sealed by a TPM",
    "Something that nobody has seen yet": "This host cannot decrypt it.",
}


@pytest.mark.parametrize("words", WORDS)
def test_what_systemd_creds_says_becomes_a_sentence_with_the_file_and_what_to_do(words: str) -> None:
    one = tenant(files("key", **{FOR_ALL: HOST})).credentials[0]
    finding = credentials.of_no_use(one, "acme", "host1", f"{words}\n")
    assert (finding.code, finding.place.file, finding.severity) == ("BB212", FOR_ALL, "error")
    assert WORDS[words] in finding.message and words in finding.message
    assert finding.hint == "On host1, run: bbhv credential encrypt acme key > key.cred"


def test_the_words_of_a_program_are_bounded_and_drive_no_terminal() -> None:
    one = tenant(files("key", **{FOR_ALL: HOST})).credentials[0]
    finding = credentials.of_no_use(one, "acme", "host1", "\x1b[31m" + "x" * 10_000)
    assert len(finding.message) < 500 and finding.message.isprintable()


def test_the_credentials_that_are_used_are_those_that_are_there() -> None:
    one = tenant(files("key", **{FOR_ALL: HOST, "infrastructure/credentials/other.cred": HOST}))
    there = credentials.chosen(one.credentials, "host1")
    used = credentials.used(one.workloads.values(), there)
    assert sorted(there) == ["key", "other"] and list(used) == ["key"]
    assert all(isinstance(found, Credential) for found in used.values())
