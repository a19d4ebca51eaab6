"""Certified: the package varlink's client passes with a service of our library, and our client with the package's."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbhv.formats.jsontext import Json
from bbhv.formats.varlink import Call, Reply
from bbhv.formats.varlink_idl import parse

from .varlink_certification import CERTIFICATION, GIVES, TAKES, Certified, certify, description
from .varlink_client import PATIENCE, Client

PACKAGE = [sys.executable, "-W", "ignore", "-u", "-m", "varlink.tests.test_certification"]
IDENTITY_ERROR = f"{CERTIFICATION}.ClientIdError"
CERTIFICATION_ERROR = f"{CERTIFICATION}.CertificationError"
INVALID_PARAMETER = "org.varlink.service.InvalidParameter"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with Certified(tmp_path / "s") as service:
        yield service.address


def test_the_interface_is_all_that_the_two_sides_know() -> None:
    assert list(parse(description()).methods) == list(GIVES) == list(TAKES)


def test_our_client_passes_with_our_service(address: str) -> None:
    with Client(address) as client:
        for _ in range(3):
            certify(client)


def test_the_client_of_the_package_passes_with_our_service(address: str) -> None:
    done = subprocess.run([*PACKAGE, "--client", f"--varlink=unix:{address}"], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("End: {'all_ok': True}\nCertification passed\n")


def test_our_client_passes_with_the_service_of_the_package(tmp_path: Path) -> None:
    argv = [*PACKAGE, f"--varlink=unix:{tmp_path / 's'}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout and service.stdout.readline().startswith("Listening on")
            with Client(str(tmp_path / "s")) as client:
                certify(client)
        finally:
            service.kill()


def begun(client: Client, until: str) -> dict[str, Json]:
    """A client that has done everything right so far."""
    identity = client.call(f"{CERTIFICATION}.Start").parameters
    for name in list(GIVES)[1 : list(GIVES).index(until)]:
        client.send(Call(f"{CERTIFICATION}.{name}", {**identity, **TAKES[name]}, more=name == "Test10"))
        while client.receive().continues:
            pass
    return identity


def ask(client: Client, name: str, parameters: dict[str, Json], more: bool = False) -> Reply:
    client.send(Call(f"{CERTIFICATION}.{name}", parameters, more=more))
    return client.receive()


def test_who_has_no_id_or_another_is_told_so(address: str) -> None:
    with Client(address) as client:
        begun(client, "Test01")
        assert ask(client, "Test01", {"client_id": "x"}) == Reply({}, IDENTITY_ERROR)
        assert ask(client, "Test01", {}).error == INVALID_PARAMETER


def test_who_leaves_a_method_out_is_told_which(address: str) -> None:
    with Client(address) as client:
        identity = begun(client, "Test02")
        failed = ask(client, "Test03", {**identity, "int": 1})
        assert failed.error == CERTIFICATION_ERROR
        assert failed.parameters["got"] == {**identity, "int": 1}


@pytest.mark.parametrize(
    ("name", "given", "error"),
    [
        ("Test02", {"bool": False}, CERTIFICATION_ERROR),
        ("Test02", {"bool": 1}, INVALID_PARAMETER),
        ("Test03", {"int": 2}, CERTIFICATION_ERROR),
        ("Test03", {"int": 1.0}, INVALID_PARAMETER),
        ("Test03", {"int": True}, INVALID_PARAMETER),
        ("Test04", {"float": "1.0"}, INVALID_PARAMETER),
        ("Test05", {"string": "pong"}, CERTIFICATION_ERROR),
        ("Test08", {"map": {"foo": "Foo"}}, CERTIFICATION_ERROR),
        ("Test08", {"map": {"foo": 1}}, INVALID_PARAMETER),
        ("Test09", {"set": ["one", "two", "three"]}, INVALID_PARAMETER),
        ("Test09", {"set": {"one": {}, "two": {}, "three": {"x": 1}}}, INVALID_PARAMETER),
        ("Test10", {"mytype": {}}, INVALID_PARAMETER),
    ],
)
def test_who_hands_on_something_else_fails(address: str, name: str, given: dict[str, Json], error: str) -> None:
    with Client(address) as client:
        identity = begun(client, name)
        assert ask(client, name, {**identity, **given}, more=name == "Test10").error == error


def test_who_wants_one_reply_where_there_are_ten_is_told_so(address: str) -> None:
    with Client(address) as client:
        identity = begun(client, "Test10")
        assert ask(client, "Test10", {**identity, **TAKES["Test10"]}).error == "org.varlink.service.ExpectedMore"
