"""The demonstration runs to its end on every release; each of its claims is checked by itself."""

from pathlib import Path

import pytest

from tests.host.harness import demo
from tests.host.harness.host import Host
from tests.host.harness.shell import Progress


def test_the_demonstration_shows_what_it_claims(
    request: pytest.FixtureRequest, sysext: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Host(str(request.config.getoption("--release"))) as host:
        demo.run(host, sysext, Progress())
    told = capsys.readouterr().out
    assert told.count("✓") >= 12 and "✗" not in told
    for shown in ("── 9. ", "web.acme container", "restart  web", "web.nspawn:3:1: error[", "acme: rolled-back",
                  "acme: quarantined", "current good"):
        assert shown in told
    assert max(map(len, told.splitlines())) < 200
