"""nsswitch.conf without a source: nothing else of it differs."""

import pytest

from bbhv.formats.nsswitch import without


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("hosts: files dns\n", "hosts: files dns\n"),
        ("hosts:          mymachines resolve [!UNAVAIL=return] files myhostname dns\n",
         "hosts: resolve [!UNAVAIL=return] files myhostname dns\n"),
        ("hosts: files mymachines [SUCCESS=return] dns # as it was\n", "hosts: files dns\n"),
        ("hosts: files mymachines [ SUCCESS=return ] dns\n", "hosts: files dns\n"),
        ("passwd: files mymachines systemd\n", "passwd: files mymachines systemd\n"),
        ("# hosts: mymachines\n", "# hosts: mymachines\n"),
        ("hosts mymachines\n", "hosts mymachines\n"),
        ("hosts: mymachines\n", "hosts: \n"),
        ("", ""),
    ],
)  # fmt: skip
def test_only_the_source_goes(line: str, left: str) -> None:
    assert without(f"# x\n{line}passwd: files\n", "hosts", "mymachines") == f"# x\n{left}passwd: files\n"
