"""The unit of a machine: what it is lent, how vmspawn is called, and what a host must have for it."""

import pytest

from bbhv.kinds.workloads import vmcommand
from bbhv.kinds.workloads.console import plain
from bbhv.model import hostmachines
from bbhv.model.compile import Generation, compile_tenant
from bbhv.model.host import HostFacts, Offered
from bbhv.model.plan import plan
from bbhv.model.registration import Grants
from bbhv.model.tenant import Tenant, read_tenant
from bbhv.names import machine_user
from bbhv.records import replace

from .model import COMMIT, DIGEST, FACTS, GRANTS, METADATA_SCHEMA, registration
from .test_compile import as_systemd_runs, settings

SWITCHES = frozenset((
    "--system", "--register", "--keep-unit", "--ephemeral", "--image-format", "--pass-ssh-key", "--notify-ready",
    "--extra-drive", "--bind",
    "--quiet", "--console", "--console-transport", "--tpm-state", "--efi-nvram-state", "--kvm", "--vsock",
))  # fmt: skip
OFFERED = {
    name: Offered(name=name, path=f"/o/{name}.raw", format="raw", identity=name)
    for name in ("vm-disk", "vm-linux", "vm-initrd", "vm-modules")
}
VIRTIOFSD = "/usr/libexec/virtiofsd"
HOST = replace(FACTS, vmspawn="/usr/bin/systemd-vmspawn", vmspawn_switches=SWITCHES, offered=OFFERED, vsock=True,
               virtiofsd=VIRTIOFSD, cids={"vm.acme": 70000})  # fmt: skip
UNIT = "tenant-machine@vm.acme.service.d/10-bitbuilder.conf"
LAN = {
    "network/lan.netdev": b"[NetDev]\nName=lan\nKind=bridge\n",
    "network/lan.network": b"[Match]\nName=lan\n[Link]\nMTUBytes=1400\n"
                           b"[Network]\nAddress=10.77.0.1/24\nDHCPServer=yes\n",
}  # fmt: skip
DIRECT = "Linux=vm-linux\nInitrd=vm-initrd\nInitrd=vm-modules\nKernelCommandLine=quiet %h $x\n"


def tenant(vm: str = "", ours: str = "", network: bool = False, **more: bytes) -> Tenant:
    found, findings = read_tenant({
        **(LAN if network else {}), **{f"infrastructure/{name}.volume": text for name, text in more.items()},
        "metadata.json": b'{"apiVersion": "bitbuilder.io/v1", "tenant": "acme"}',
        "machines/vm.vmspawn": f"[VM]\n{vm}[X-Bitbuilder]\nImage=vm-disk\n{ours}".encode(),
        "containers/web.nspawn": b"[X-Bitbuilder]\nImage=own\nAfter=vm\n[Exec]\nBoot=yes\n",
        "infrastructure/own.image": f"[Image]\nSource=file:///srv/images/o\nSHA256={DIGEST}\nFormat=tar\n".encode(),
    }, "acme", METADATA_SCHEMA)  # fmt: skip
    assert found is not None, findings
    return found


def compiled(
    vm: str = "", ours: str = "", facts: HostFacts = HOST, grants: Grants = GRANTS,
    network: bool = False, **more: bytes,
) -> Generation:
    return compile_tenant(tenant(vm, ours, network, **more), registration(grants), facts, COMMIT, "1")


def argv(one: Generation) -> tuple[str, ...]:
    (line,) = settings(one.units[UNIT], "Service", "ExecStart")
    return as_systemd_runs(line)


def test_a_machine_starts_from_images_that_are_lent_to_its_unit() -> None:
    one = compiled(DIRECT)
    assert settings(one.units[UNIT], "Service", "BindReadOnlyPaths") == [
        "/o/vm-disk.raw:/run/bitbuilder/disk.raw", "/o/vm-linux.raw:/run/bitbuilder/linux",
        "/o/vm-initrd.raw:/run/bitbuilder/initrd.1", "/o/vm-modules.raw:/run/bitbuilder/initrd.2",
    ]
    words = argv(one)
    assert words[0] == "/usr/bin/systemd-vmspawn" and words[-4:] == ("--", "quiet", "%h", "$x")
    wanted = {"--system", "--register=no", "--keep-unit", "--machine=vm.acme", "--image=/run/bitbuilder/disk.raw",
              "--image-format=raw", "--ephemeral", "--kvm=yes", "--vsock=yes", "--vsock-cid=70000",
              "--notify-ready=yes", "--linux=/run/bitbuilder/linux", "--initrd=/run/bitbuilder/initrd.1",
              "--initrd=/run/bitbuilder/initrd.2"}
    assert wanted <= set(words)
    assert {image.name for image in one.manifest.images} >= set(OFFERED)
    assert settings(one.units[UNIT], "Service", "User") == [machine_user("acme")]
    assert settings(one.units[UNIT], "Unit", "AssertPathExists") == [image.path for image in OFFERED.values()]


def test_what_runs_after_a_machine_waits_for_its_unit() -> None:
    web = "tenant-container@web.acme.service.d/10-bitbuilder.conf"
    assert settings(compiled().units[web], "Unit", "After") == [
        "tenant-infra@acme.service tenant-machine@vm.acme.service"
    ]
    alone = replace(HOST, vmspawn="")
    assert settings(compiled(facts=alone).units[web], "Unit", "After") == ["tenant-infra@acme.service"]


def test_without_vsock_nothing_is_waited_for_and_with_emulation_more_time_is_given() -> None:
    words = argv(compiled(facts=replace(HOST, vsock=False, cids={}), grants=replace(GRANTS, emulation=True)))
    assert {"--vsock=no", "--notify-ready=no", "--kvm=no"} <= set(words)
    assert settings(compiled().units[UNIT], "Service", "RestrictAddressFamilies") == ["AF_VSOCK"]
    deaf = compiled(facts=replace(HOST, vsock=False, cids={})).units[UNIT]
    assert settings(deaf, "Service", "RestrictAddressFamilies") == []
    text = compiled(grants=replace(GRANTS, emulation=True)).units[UNIT]
    assert settings(text, "Service", "TimeoutStartSec") == ["600"]
    assert settings(compiled().units[UNIT], "Service", "TimeoutStartSec") == []
    own = "tenant@acme.service.d/10-bitbuilder.conf"
    seconds = [settings(compiled(grants=replace(GRANTS, emulation=emulation)).units[own], "Service", "TimeoutStartSec")
               for emulation in (False, True)]  # fmt: skip
    assert seconds == [[str(1800 + 2 * 60)], [str(1800 + 2 * 60 * 5)]]


def test_vsock_is_closed_where_nothing_is_said_over_it() -> None:
    one = compiled("NotifyReady=no\n", "Health=console:up\n")
    assert "--vsock=no" in argv(one) and settings(one.units[UNIT], "Service", "RestrictAddressFamilies") == []


def test_only_switches_that_the_program_has_are_used() -> None:
    few = frozenset(SWITCHES - {"--console-transport", "--efi-nvram-state", "--quiet"})
    words = argv(compiled(facts=replace(HOST, vmspawn_switches=few)))
    assert not {"--console-transport=serial", "--efi-nvram-state=off", "--quiet"} & set(words)
    assert "--console=read-only" in words


def test_a_disk_that_is_kept_or_larger_is_a_copy() -> None:
    grown = compiled("GrowImage=1G\n")
    (step,) = settings(grown.units[UNIT], "Service", "ExecStartPre")
    assert step.endswith("prepare vm.acme /run/bitbuilder/disk.raw /run/bitbuilder/vm/disk.raw 1073741824")
    assert "--ephemeral" not in argv(grown) and "--image=/run/bitbuilder/vm/disk.raw" in argv(grown)
    kept = compiled(ours="Persistent=yes\n")
    (image,) = [word for word in argv(kept) if word.startswith("--image=")]
    assert image.startswith("--image=/run/bitbuilder/kept/")
    other = {**OFFERED, "vm-disk": replace(OFFERED["vm-disk"], identity="another")}
    assert image not in argv(compiled(ours="Persistent=yes\n", facts=replace(HOST, offered=other)))


FOLDER, DRIVE = b"[Volume]\nUse=machine\nFormat=directory\n", b"[Volume]\nUse=machine\nSize=1G\n"


def test_a_folder_is_shared_by_virtiofsd_in_the_sandbox_of_the_machine() -> None:
    one = compiled(ours="Volume=data:/srv/data\n", data=FOLDER)
    unit, path = one.units[UNIT], "/var/lib/tenants/acme/volumes/data.shared"
    assert "--bind=/run/bitbuilder/shares/data:/srv/data" in argv(one) and "--ephemeral" in argv(one)
    assert not [word for word in argv(one) if word.startswith("--extra-drive")]
    assert f"-{path}:/run/bitbuilder/shares/data" in settings(unit, "Service", "BindPaths")
    assert settings(unit, "Service", "BindReadOnlyPaths")[-2:] == [
        f"{VIRTIOFSD}:/run/bitbuilder/virtiofsd", f"/usr/lib/bitbuilder/virtiofsd:{VIRTIOFSD}"
    ]
    assert settings(unit, "Service", "ExecStartPre")[1:] == [
        "+/usr/lib/bitbuilder/machine share vm.acme /run/bitbuilder/shares/data"
    ]
    infra = one.units["tenant-infra@acme.service.d/10-bitbuilder.conf"]
    made = [line for line in settings(infra, "Service", "ExecStart") if path in line]
    assert made == [f"/usr/bin/mkdir -p -m 0700 -- {path}"]
    assert one.manifest.infra_settings["volume:data"] == "shared-directory"


def test_a_machine_that_shares_nothing_has_the_narrower_sandbox() -> None:
    drive = compiled(ours="Volume=data\n", data=DRIVE)
    for key in ("SystemCallFilter", "SystemCallErrorNumber", "ProcSubset", "LimitNOFILE"):
        assert settings(drive.units[UNIT], "Service", key) == [], key
        assert settings(compiled(ours="Volume=data:/d\n", data=FOLDER).units[UNIT], "Service", key), key


def test_a_machine_in_a_network_is_told_the_names_there_and_no_other_is() -> None:
    one, alone = compiled("[Network]\nBridge=lan\n", network=True), compiled()
    word = "--load-credential=network.hosts:network.hosts"
    assert word in argv(one) and word not in argv(alone)
    assert settings(one.units[UNIT], "Service", "LoadCredential") == [
        "network.hosts:/run/bitbuilder/networks/acme/hosts"
    ]
    assert settings(alone.units[UNIT], "Service", "LoadCredential") == []
    (extra,) = settings(one.units[UNIT], "Service", "Environment")[:1]
    assert ",host_mtu=1400" in extra and "10.77.0." in one.networks["hosts"]


def test_a_drive_that_becomes_a_folder_begins_empty_and_another_path_restarts() -> None:
    old = compiled(ours="Volume=data\n", data=DRIVE)
    new = compiled(ours="Volume=data:/srv\n", data=FOLDER)
    steps = plan(old.manifest, new.manifest, old_units=old.units, new_units=new.units).steps
    (lost,) = [step for step in steps if step.loses_data]
    assert lost.name == "data"
    assert "it was a drive and becomes a shared-directory, which begins empty" in lost.reasons[0]
    other = compiled(ours="Volume=data:/data\n", data=FOLDER)
    steps = plan(new.manifest, other.manifest, old_units=new.units, new_units=other.units).steps
    assert [step.action.value for step in steps if step.name == "vm"] == ["restart"]


@pytest.mark.parametrize(("facts", "lines"), [
    (HOST, []), (replace(HOST, virtiofsd=""), [4]), (replace(HOST, vmspawn="", virtiofsd=""), [0]),
])  # fmt: skip
def test_a_host_without_virtiofsd_says_which_folder_it_cannot_share(facts: HostFacts, lines: list[int]) -> None:
    found = list(hostmachines.findings(tenant(ours="Volume=data:/srv/data\n", data=FOLDER), facts))
    assert [(one.code, one.place.line) for one in found] == [("BB211", line) for line in lines]
    assert list(hostmachines.findings(tenant(ours="Volume=data\n", data=DRIVE), replace(HOST, virtiofsd=""))) == []


def test_another_kernel_or_another_way_to_run_restarts_and_another_disk_recreates() -> None:
    old = compiled(DIRECT)

    def action(new: Generation) -> str:
        steps = plan(old.manifest, new.manifest, old_units=old.units, new_units=new.units).steps
        return next(step.action.value for step in steps if step.name == "vm")

    def changed(name: str) -> Generation:
        return compiled(DIRECT, facts=replace(HOST, offered={**OFFERED, name: replace(OFFERED[name], identity="2")}))

    assert action(compiled(DIRECT)) == "none"
    assert [action(changed(name)) for name in OFFERED] == ["recreate", "restart", "restart", "restart"]
    assert action(compiled(DIRECT, grants=replace(GRANTS, emulation=True))) == "restart"
    assert action(compiled(DIRECT, facts=replace(HOST, cids={"vm.acme": 70001}))) == "restart"
    assert action(compiled(DIRECT + "RAM=1G\n")) == "restart"
    assert action(compiled(DIRECT, ours="CPUQuota=50%\n")) == "live"


@pytest.mark.parametrize(("facts", "said"), [
    (HOST, []),
    (replace(HOST, vmspawn="", vsock=False), ["Machine vm does not run here: this host has no systemd-vmspawn."]),
    (replace(HOST, vmspawn_switches=SWITCHES - {"--ephemeral"}),
     ["Machine vm does not run here: systemd-vmspawn of this host has no --ephemeral."]),
    (replace(HOST, vsock=False, cids={}),
     ["Health=unit needs vsock, over which a machine says that it is up, and this host has none."]),
])  # fmt: skip
def test_a_host_says_what_it_lacks(facts: HostFacts, said: list[str]) -> None:
    found = tuple(hostmachines.findings(tenant(), facts))
    assert [one.message for one in found] == said
    assert [one.severity for one in found] == ["error" if facts.vmspawn and not facts.vsock else "warning"] * len(found)
    assert "tenant-machine@" not in str(list(compiled(facts=facts).units)) or not vmcommand.lacking(
        facts.vmspawn, facts.vmspawn_switches
    )


def test_a_check_of_its_own_does_without_vsock() -> None:
    alone = replace(HOST, vsock=False, cids={})
    assert list(hostmachines.findings(tenant(ours="Health=console:up\n"), alone)) == []


@pytest.mark.parametrize(("line", "seen"), [
    ("guest: is up\r\n", "guest: is up"), ("\x1b[0;1mbold\x1b[0m", "bold"), ("\x1bc\x1b[?7l\x1b[2Jclear", "clear"),
    ("a\tb\x00\x07c", "a\tbc"), ("\x1b", ""), ("\x1b[", ""), ("\x1b[31", ""),
])  # fmt: skip
def test_a_line_of_a_console_is_read_without_what_only_moves_the_cursor(line: str, seen: str) -> None:
    assert plain(line) == seen
