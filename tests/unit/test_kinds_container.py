"""Containers: what one key alone cannot say, and the command line that nspawn gets."""

from pathlib import Path

import pytest

from bbhv.kinds.settings import Cost, Verdict
from bbhv.kinds.source import MAX_FILE, Source
from bbhv.kinds.workloads import nspawn
from bbhv.kinds.workloads.container import CONTROL, TABLE, Container, read_container

from .model import METADATA_SCHEMA, told

OURS = "[X-Bitbuilder]\nImage=debian-13\n"
HELP = Path(__file__).parent / "fixtures" / "kinds"


def read(text: str, name: str = "web") -> tuple[Container | None, list[str]]:
    source = Source(
        tenant="acme", name=name, file="containers/web.nspawn", data=text.encode(), metadata_schema=METADATA_SCHEMA
    )
    container, findings = read_container(source)
    return container, [line.removeprefix("containers/web.nspawn:") for line in told(findings)]


def command(text: str, version: int = 257) -> tuple[str, ...]:
    container, findings = read(text)
    assert container is not None, findings
    return nspawn.command(
        container,
        "acme",
        nspawn="/usr/bin/systemd-nspawn",
        systemd_version=version,
        root="/run/r",
        uid_base=1_000_000_000,
        volumes="/var/lib/tenants/acme/volumes",
    )


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (f"[Exec]\nBoot=yes\n{OURS}", []),
        ("[Exec]\nBoot=yes\n", ["0 BB208"]),
        (OURS, ["0 BB209"]),
        (f"[Exec]\nBoot=no\n{OURS}", ["2 BB209"]),
        (f"[Exec]\nBoot=maybe\n{OURS}", ["2 BB205"]),
        (f"[Exec]\nParameters='x\n{OURS}", ["2 BB205"]),
        (f"[Exec]\nBoot=yes\nProcessTwo=yes\n{OURS}", ["3 BB209"]),
        (f"[Exec]\nBoot=yes\nProcessTwo=no\n{OURS}", []),
        (f"[Exec]\nParameters=x\nProcessTwo=yes\nNotifyReady=yes\n{OURS}", ["4 BB209"]),
        (f"[Exec]\nBoot=yes\nSuppressSync=yes\n{OURS}Volume=data:/srv\n", ["3 BB209"]),
        (f"[Exec]\nBoot=yes\nSuppressSync=yes\n{OURS}", []),
        (f"[Exec]\nBoot=yes\n{OURS}After=web\n", ["5 BB302"]),
        (f"[Exec]\nBoot=yes\n{OURS}Volume=a:/srv\nVolume=b:/srv\n", ["6 BB304"]),
        (f"[Exec]\nBoot=yes\n[Files]\nTemporaryFileSystem=/srv:size=1M\n{OURS}Volume=a:/srv\n", ["7 BB304"]),
    ],
)
def test_keys_that_contradict_each_other_are_found(text: str, findings: list[str]) -> None:
    container, found = read(text)
    assert found == findings
    assert (container is None) == bool(findings)


def test_a_file_that_is_too_large_is_not_read() -> None:
    container, findings = read("#" * (MAX_FILE + 1))
    assert container is None
    assert "0 BB105" in findings


def test_a_key_cannot_be_repeated_without_end() -> None:
    container, findings = read("[Exec]\nBoot=yes\n" + "Environment=A=1\n" * 300 + OURS)
    assert container is None
    assert findings[0].endswith("BB206") and len(findings) == 44


def test_a_booting_container_is_called_with_everything_on_the_command_line() -> None:
    assert command(f"[Exec]\nBoot=yes\nParameters=systemd.unit=rescue.target\n{OURS}Volume=data:/srv/data\n") == (
        "/usr/bin/systemd-nspawn",
        "--quiet",
        "--keep-unit",
        "--register=yes",
        "--settings=no",
        "--image-policy=~",
        "--machine=web.acme",
        "--uuid=70f5d611-f29c-44e7-aad8-839e9259923a",
        "--directory=/run/r",
        "--private-users=1000000000:65536",
        "--private-users-ownership=off",
        "--private-network",
        "--link-journal=no",
        "--console=read-only",
        "--notify-ready=yes",
        "--resolv-conf=off",
        "--timezone=off",
        "--bind=/var/lib/tenants/acme/volumes/data:/srv/data:idmap",
        "--boot",
        "--",
        "systemd.unit=rescue.target",
    )


@pytest.mark.parametrize(
    ("exec_lines", "tail"),
    [
        ("Parameters=/bin/x y", ("--as-pid2", "--kill-signal=SIGRTMIN+3", "--", "/bin/x", "y")),
        ("Parameters=/bin/x\nProcessTwo=no", ("--kill-signal=SIGTERM", "--", "/bin/x")),
        ("Parameters=/bin/x\nKillSignal=INT", ("--resolv-conf=off", "--timezone=off", "--", "/bin/x")),
        ("Parameters=/bin/x\nNotifyReady=yes", ("--timezone=off", "--kill-signal=SIGTERM", "--", "/bin/x")),
        ("Parameters=/bin/x\nProcessTwo=yes\nKillSignal=INT", ("--timezone=off", "--as-pid2", "--", "/bin/x")),
        ("Boot=yes\nKillSignal=SIGRTMIN+3", ("--boot", "--")),
    ],
)
def test_a_program_gets_an_init_and_a_signal_that_stops_it(exec_lines: str, tail: tuple[str, ...]) -> None:
    assert command(f"[Exec]\n{exec_lines}\n{OURS}")[-len(tail) :] == tail


def test_a_program_is_not_waited_for_unless_it_says_so() -> None:
    assert "--notify-ready=no" in command(f"[Exec]\nParameters=/bin/x\n{OURS}")
    assert "--notify-ready=yes" in command(f"[Exec]\nParameters=/bin/x\nNotifyReady=yes\n{OURS}")
    assert "--notify-ready=no" in command(f"[Exec]\nBoot=yes\nNotifyReady=no\n{OURS}")


def test_parameters_that_look_like_options_stay_parameters() -> None:
    words = command(f"[Exec]\nParameters=--bind=/ -D /\n{OURS}")
    assert words[words.index("--") :] == ("--", "--bind=/", "-D", "/")


@pytest.mark.parametrize("version", [257, 262])
def test_every_switch_is_known_to_that_nspawn(version: int) -> None:
    known = set((HELP / f"switches-of-nspawn-{version}.txt").read_text(encoding="utf-8").split())
    text = (
        "[Exec]\nParameters=/bin/x\nEnvironment=A=1\nUser=nobody\nWorkingDirectory=/\nDropCapability=all\n"
        "NoNewPrivileges=yes\nKillSignal=INT\nPersonality=x86\nSystemCallFilter=~@keyring\nHostname=h\nProcessTwo=yes\n"
        f"[Files]\nReadOnly=yes\nTemporaryFileSystem=/mnt:size=1M\nInaccessible=/opt\n{OURS}Volume=data:/srv\n"
    )
    quiet = "[Exec]\nBoot=yes\nSuppressSync=yes\n" + OURS
    words = {word.partition("=")[0] for line in (text, quiet) for word in command(line, version)}
    assert {word for word in words if word.startswith("-")} - {"--"} <= known


def test_address_families_are_restricted_where_nspawn_can() -> None:
    assert not [word for word in command(f"[Exec]\nBoot=yes\n{OURS}", 260) if "families" in word]
    assert [word for word in command(f"[Exec]\nBoot=yes\n{OURS}", 261) if "families" in word]


def test_a_machine_id_is_stable_and_its_own() -> None:
    assert nspawn.machine_id("web.acme") == nspawn.machine_id("web.acme")
    assert nspawn.machine_id("web.acme") != nspawn.machine_id("web.other")


def test_what_is_not_supported_yet_says_what_to_write_now() -> None:
    rows = [row for row in TABLE if row.verdict is Verdict.LATER]
    assert {row.key for row in rows} == {"Extension"}
    assert all(row.doc.endswith(".") and row.reason.startswith("Leave it out: ") for row in rows)


def bound(text: str) -> list[str]:
    """What is bound into a container that may reach the API in this way."""
    container, findings = read(f"[Exec]\nBoot=yes\n{OURS}{text}")
    assert container is not None, findings
    argv = nspawn.command(
        container, "acme", nspawn="/usr/bin/systemd-nspawn", systemd_version=257, root="/run/r",
        uid_base=1_000_000_000, volumes="/v", control="/run/bitbuilder/control/acme" if container.controls else "",
    )  # fmt: skip
    return [word for word in argv if word.startswith("--bind")]


def test_the_folder_of_the_api_is_bound_where_it_may_be_reached_and_cannot_be_written() -> None:
    assert bound("") == bound("Control=no\n") == []
    assert bound("Control=read\n") == bound("Control=full\n") == [
        "--bind-ro=/run/bitbuilder/control/acme:/run/bitbuilder"
    ]  # fmt: skip


def test_a_change_of_control_restarts_and_no_word_is_no() -> None:
    values = [read(f"[Exec]\nBoot=yes\n{OURS}{text}")[0] for text in ("", "Control=no\n", "Control=full\n")]
    texts = [one.values.texts()[CONTROL.name] for one in values if one is not None]
    assert texts == ["no", "no", "full"]
    assert TABLE.cost(CONTROL.name) is Cost.RESTART


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("[Files]\nTemporaryFileSystem=/run/bitbuilder:size=1M", True),
        ("[Files]\nTemporaryFileSystem=/run/bitbuilder/x:size=1M", True),
        ("[Files]\nInaccessible=/run/bitbuilder", True),
        ("[Files]\nInaccessible=/run", True),
        ("[X-Bitbuilder]\nVolume=data:/run/bitbuilder", True),
        ("[Files]\nTemporaryFileSystem=/run:size=1M", False),
        ("[Files]\nTemporaryFileSystem=/run/bitbuilder-2:size=1M", False),
        ("[Files]\nInaccessible=/run/other", False),
    ],
)
def test_nothing_is_mounted_where_the_api_is(line: str, found: bool) -> None:
    for control in ("no", "read", "full"):
        text = f"[Exec]\nBoot=yes\n{line}\n{OURS}Control={control}\n"
        assert read(text)[1] == (["4 BB304"] if found and control != "no" else [])
