"""Fixtures of the tests that boot, crash and reboot hosts. They run on the build machine, as root."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.host.harness.host import Host


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--release", required=True, help="which host to boot")
    parser.addoption("--sysext", required=True, type=Path, help="the extension image to install")


@pytest.fixture
def sysext(request: pytest.FixtureRequest) -> Path:
    """The extension image of the product, for the Python of the host."""
    path = request.config.getoption("--sysext")
    assert isinstance(path, Path)
    return path


@pytest.fixture
def make_host(request: pytest.FixtureRequest, sysext: Path) -> Iterator[Callable[..., Host]]:
    """Makes hosts that have the product installed and are not booted yet. They end with the test."""
    release = str(request.config.getoption("--release"))
    with ExitStack() as stack:
        def make(*, writable_usr: bool = False, packages: tuple[str, ...] = ()) -> Host:
            host = stack.enter_context(Host(release, writable_usr=writable_usr, packages=packages))
            host.install(sysext)
            return host

        yield make


@pytest.fixture
def host(make_host: Callable[..., Host]) -> Host:
    """A host of its own for the test, with the product, booted."""
    host = make_host()
    host.boot()
    return host
