"""Servers of images: which addresses are asked, and where one may send us."""

import pytest

from bbhv.errors import BbhvError
from bbhv.model.sources import MAX_QUERY, elsewhere, forbidden

AWAY = ("https://images.example.com/",)
OWN = ("http://localhost:8000/images/",)
HOST, LINK, GROUP = "this host itself", "only for neighbours on the same link", "a group of hosts"
SECRETS = "where a provider tells this host its secrets"


@pytest.mark.parametrize(("address", "what"), [
    ("192.0.2.7", ""), ("10.0.0.1", ""), ("172.16.9.9", ""), ("2001:db8::1", ""), ("fd00::1", ""),
    ("126.255.255.255", ""), ("128.0.0.1", ""), ("::ffff:192.0.2.7", ""), ("169.253.255.255", ""),
    ("127.0.0.1", HOST), ("127.0.0.53", HOST), ("127.255.255.254", HOST), ("::1", HOST),
    ("0.0.0.0", HOST), ("::", HOST), ("::ffff:127.0.0.1", HOST), ("::ffff:0.0.0.0", HOST), ("::ffff:7f00:1", HOST),
    ("169.254.169.254", LINK), ("169.254.0.1", LINK), ("fe80::1", LINK), ("fe80::1%eth0", LINK), ("febf::1%2", LINK),
    ("::ffff:169.254.169.254", LINK),
    ("fd00:ec2::254", SECRETS), ("fd00:ec2::253", ""), ("fd20:ce::254", SECRETS), ("100.100.100.200", SECRETS),
    ("::ffff:100.100.100.200", SECRETS), ("168.63.129.16", SECRETS), ("192.0.0.192", SECRETS), ("100.100.100.201", ""),
    ("224.0.0.1", GROUP), ("239.255.255.255", GROUP), ("ff02::1", GROUP), ("ff02::1%eth0", GROUP), ("ff0e::1", GROUP),
])  # fmt: skip
def test_an_address_at_which_only_this_host_or_its_link_answers_is_not_asked(address: str, what: str) -> None:
    assert forbidden(address, "https://images.example.com/a.tar", AWAY) == what


@pytest.mark.parametrize("granted", [
    "http://localhost/images/", "http://images.localhost/images/", "http://127.0.0.1/images/", "http://127.9.9.9/i/",
])
def test_the_host_itself_is_asked_where_a_grant_names_it(granted: str) -> None:
    for address in ("127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"):
        assert forbidden(address, f"{granted}a.tar?x=1", (*AWAY, granted)) == ""
    for address in ("0.0.0.0", "::", "169.254.169.254", "fe80::1", "224.0.0.1"):
        assert forbidden(address, f"{granted}a.tar", (granted,)) != "", "nobody means these by that name"


@pytest.mark.parametrize(("url", "granted"), [
    ("https://images.example.com/a.tar", (*AWAY, *OWN)), ("http://localhost:8000/other/a.tar", OWN),
    ("http://localhost:8001/images/a.tar", OWN), ("http://localhost:8000/imagesx", OWN),
    ("http://localhost:8000/images/a.tar", ()), ("http://localhost.example.com/a", ("http://localhost.example.com/",)),
    ("http://notlocalhost/a", ("http://notlocalhost/",)), ("http://2130706433/a", ("http://2130706433/",)),
    ("http://127.1/a", ("http://127.1/",)), ("http://128.0.0.1/a", ("http://128.0.0.1/",)),
    ("http://x.example/?/http://localhost:8000/images/", ("http://x.example/", *OWN)),
])  # fmt: skip
def test_and_for_nothing_else(url: str, granted: tuple[str, ...]) -> None:
    assert forbidden("127.0.0.1", url, granted) == forbidden("::1", url, granted) == HOST


@pytest.mark.parametrize(("target", "words"), [
    ("https://images.example.com/b?k=v", ""), ("https://IMAGES.example.com:443/b", ""),
    ("https://other.example.com/b", "outside the sources"), ("http://images.example.com/b", "not a URL that is"),
    ("file:///etc/passwd", "not a URL that is allowed"), ("https://images.example.com/../b", "a . or .."),
    ("https://u@images.example.com/b", "names a user"), ("https://images.example.com/b?a b", "what is no URL"),
    ("https://images.example.com/b?a\n", "what is no URL"),
    ("https://images.example.com/b?" + "x" * (MAX_QUERY + 1), "what is no URL"),
])  # fmt: skip
def test_a_server_sends_us_to_what_is_granted_only(target: str, words: str) -> None:
    url = "https://images.example.com/a"
    if not words:
        assert elsewhere(url, target, AWAY).startswith("https://images.example.com/b")
        return
    with pytest.raises(BbhvError, match=words):
        elsewhere(url, target, AWAY)
