"""Machines: what one key alone cannot say, the words that vmspawn gets, and that no switch of it is forgotten."""

from pathlib import Path

import pytest

from bbhv.kinds.settings import Cost, Verdict
from bbhv.kinds.source import Source
from bbhv.kinds.workloads import machine, vmspawn, workload
from bbhv.kinds.workloads.machine import Machine, read_machine
from bbhv.model.hostversion import OLDEST

from .model import METADATA_SCHEMA, told

OURS = "[X-Bitbuilder]\nImage=debian-13-vm\n"
FIXTURES = Path(__file__).parent / "fixtures" / "kinds"
EXAMPLE = """# machines/db.vmspawn
[VM]
CPUs=2
RAM=1G
SecureBoot=no
[Network]
Bridge=lan
[X-Bitbuilder]
Image=debian-13-vm
Volume=data
Credential=db-password
MemoryMax=1300M
Health=tcp:5432
After=web
"""


def read(text: str) -> tuple[Machine | None, list[str]]:
    source = Source(
        tenant="acme", name="db", file="machines/db.vmspawn", data=text.encode(), metadata_schema=METADATA_SCHEMA
    )
    one, findings = read_machine(source)
    return one, [line.removeprefix("machines/db.vmspawn:") for line in told(findings)]


def declared(text: str) -> Machine:
    one, findings = read(text)
    assert one is not None, findings
    return one


def test_the_example_of_the_manual_is_right() -> None:
    one = declared(EXAMPLE)
    assert read(EXAMPLE)[1] == []
    assert (one.after, [name for name, _ in one.images]) == (("web",), ["debian-13-vm"])
    assert [mount.volume for mount in one.values.all(machine.VOLUME)] == ["data"]


def test_a_machine_is_called_with_what_its_file_says() -> None:
    assert declared(EXAMPLE).values.argv() == (
        "--cpus=2",
        "--ram=1G",
        "--secure-boot=no",
        "--tpm=no",
    )


def test_what_the_file_does_not_say_does_not_depend_on_the_host() -> None:
    assert declared(OURS).values.argv() == ("--cpus=1", "--ram=2G", "--tpm=no")


def test_the_words_for_the_kernel_come_from_all_lines() -> None:
    one = declared(f"[VM]\nKernelCommandLine=console=ttyS0 quiet\nKernelCommandLine=-x\n{OURS}")
    assert one.kernel_words == ("console=ttyS0", "quiet", "-x")


def test_every_image_that_a_machine_needs_is_known_with_its_place() -> None:
    one = declared(f"[VM]\nLinux=kernel\nInitrd=base\nInitrd=modules\n{OURS}")
    assert [(name, place.line) for name, place in one.images] == [
        ("debian-13-vm", 6), ("kernel", 2), ("base", 3), ("modules", 4)
    ]


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (OURS, []),
        ("[VM]\nCPUs=2\n", ["0 BB208"]),
        (f"[VM]\nSecureBoot=yes\nFirmware=bios\n{OURS}", ["2 BB209"]),
        (f"[VM]\nSecureBoot=yes\nFirmware=uefi\n{OURS}", []),
        (f"[VM]\nSecureBoot=yes\nLinux=kernel\n{OURS}", ["2 BB209"]),
        (f"[VM]\nSecureBoot=yes\nFirmware=none\n{OURS}", ["2 BB209", "3 BB209"]),
        (f"[VM]\nSecureBoot=no\nFirmware=bios\n{OURS}", []),
        (f"[VM]\nInitrd=initrd\n{OURS}", ["2 BB209"]),
        (f"[VM]\nInitrd=initrd\nLinux=kernel\n{OURS}", []),
        (f"[VM]\nFirmware=none\n{OURS}", ["2 BB209"]),
        (f"[VM]\nFirmware=none\nLinux=kernel\n{OURS}", []),
        (f"[VM]\nKernelCommandLine=quiet\n{OURS}", []),
        (f"[VM]\nKernelCommandLine=quiet\nFirmware=bios\n{OURS}", ["2 BB209"]),
        (f"[VM]\nKernelCommandLine=quiet\nFirmware=bios\nLinux=kernel\n{OURS}", []),
        (f"[VM]\nRAM=1G\n{OURS}MemoryMax=1G\n", ["5 BB209"]),
        (f"[VM]\nRAM=1G\n{OURS}MemoryMax=1025M\n", []),
        (f"[VM]\nRAM=1G\n{OURS}MemoryMax=infinity\n", []),
        (f"{OURS}MemoryMax=1G\n", ["3 BB209"]),
        (f"{OURS}After=db\n", ["3 BB302"]),
        (f"{OURS}Volume=data\nVolume=logs\nVolume=data\n", ["5 BB304"]),
        (f"{OURS}Address=10.77.0.10\n", ["3 BB209"]),
        (f"{OURS}Health=tcp:22\n", ["3 BB209"]),
        (f"{OURS}Health=http:80/\n", ["3 BB209"]),
        (f"{OURS}Health=console:login:\n", []),
    ],
)
def test_keys_that_contradict_each_other_are_found(text: str, findings: list[str]) -> None:
    one, found = read(text)
    assert found == findings
    assert (one is None) == bool(findings)


def test_with_a_network_a_machine_has_addresses_and_checks_over_it() -> None:
    one, found = read(f"[Network]\nBridge=lan\n{OURS}Address=10.77.0.10\nHealth=tcp:22\n")
    assert one is not None and found == []


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (f"[VM]\nRAM=1GB\n{OURS}MemoryMax=1G\n", ["2 BB205"]),
        (f"[VM]\nLinux=/boot/vmlinuz\nInitrd=initrd\nFirmware=none\n{OURS}", ["2 BB205"]),
        (f"[Network]\nBridge=br0.1\n{OURS}Health=tcp:22\n", ["2 BB205"]),
        (f"[VM]\nNotifyReady=no\n{OURS}Health=tcp\n", ["5 BB205"]),
    ],
)
def test_a_value_that_cannot_be_read_contradicts_nothing(text: str, findings: list[str]) -> None:
    assert read(text)[1] == findings


def test_a_machine_of_which_nothing_says_that_it_is_up_is_pointed_out() -> None:
    one, findings = read(f"[VM]\nNotifyReady=no\n{OURS}")
    assert (one is not None, findings) == (True, ["2 BB209"])
    assert read(f"[VM]\nNotifyReady=no\n{OURS}Health=console:login:\n")[1] == []


def test_what_a_machine_is_made_of_costs_a_restart_and_its_image_a_new_one() -> None:
    costs = {row.key: row.cost for row in machine.TABLE if row.verdict is Verdict.ALLOWED}
    assert {costs[row.key] for row in machine.TABLE if row.section == "VM" and row.key in costs} == {Cost.RESTART}
    assert (costs["Image"], costs["Persistent"], costs["MemoryMax"]) == (Cost.RECREATE, Cost.RECREATE, Cost.LIVE)


def switches() -> dict[str, int]:
    """Every switch of systemd-vmspawn(1) and of its --help, with the version that its manual page says, or 0."""
    lines = (FIXTURES / "switches-of-vmspawn-262.txt").read_text(encoding="utf-8").splitlines()
    return {name: int(since) for name, _, since in (line.partition(" ") for line in lines)}


def test_every_switch_of_vmspawn_is_there_with_its_version() -> None:
    assert {one.name: one.since for one in vmspawn.SWITCHES} == switches()
    assert len(vmspawn.SWITCHES) == len(switches())


def test_every_switch_has_a_key_or_a_reason() -> None:
    rows = {row.name: row for row in machine.TABLE}
    for one in vmspawn.SWITCHES:
        if not one.key:
            assert one.reason.endswith(".") and one.verdict is Verdict.HOST
            continue
        assert one.verdict is rows[one.key].verdict
        section, _, key = one.key.partition(".")
        assert section != "VM" or key.lower() == one.name.removeprefix("--").replace("-", "")


def test_every_key_of_a_machine_is_a_switch_or_the_kernels_command_line() -> None:
    named = {one.key for one in vmspawn.SWITCHES}
    assert {row.name for row in machine.TABLE if row.section == "VM"} - named == {"VM.KernelCommandLine"}


def test_a_key_needs_the_version_that_its_switch_came_with() -> None:
    rows = {row.name: row for row in machine.TABLE}
    for one in vmspawn.SWITCHES:
        if one.key.startswith("VM.") and one.key != "VM.Firmware":  # its words came later than the switch
            assert rows[one.key].since == (one.since if one.since > OLDEST else 0), one.name
    assert rows["VM.Firmware"].since == 261


def test_every_word_of_a_machine_is_a_switch_that_it_may_set() -> None:
    text = f"[VM]\nFirmware=uefi\nSecureBoot=yes\nTPM=yes\nSMBIOS11=a=b\nGrowImage=1G\nNotifyReady=no\n{OURS}"
    words = declared(f"[Network]\nBridge=lan\n{text}Health=tcp:22\n").values.argv()
    allowed = {one.name for one in vmspawn.SWITCHES if one.verdict is Verdict.ALLOWED}
    # Paths of the host, and what depends on what the host has.
    by_the_host = {"--image", "--extra-drive", "--load-credential", "--linux", "--initrd", "--network-tap",
                   "--notify-ready", "--grow-image"}  # fmt: skip
    assert {word.partition("=")[0] for word in words} == allowed - by_the_host


def test_both_kinds_of_workload_share_the_rows_that_mean_the_same() -> None:
    values = declared(EXAMPLE).values
    assert [place.line for place in values.places(workload.AFTER)] == [14]
    assert str(values.need(workload.HEALTH)) == "tcp:5432"
    assert values.need(workload.MEMORY_MAX) == 1300 << 20
