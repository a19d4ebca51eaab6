"""Fragments of nftables: one transaction that takes the old away and puts the new there, and text that is read back."""

import pytest

from bbhv.formats import nft
from bbhv.formats.nft import Fragment

OLD = Fragment({("inet", "from-acme"): ("accept",), ("bridge", "bb-1"): ("drop",)},
               {("inet", "within"): {'"a" . "a"': "accept"}, ("bridge", "from"): {'"bb-1"': "jump bb-1"}})  # fmt: skip
NEW = Fragment({("inet", "from-acme"): ("ct state established accept", "drop")},
               {("inet", "within"): {'"b" . "b"': "accept"}})  # fmt: skip


def test_what_leads_into_a_chain_goes_before_it_and_comes_after_it() -> None:
    assert nft.replaced("t", OLD, NEW).splitlines() == [
        'destroy element bridge t from { "bb-1" }',
        'destroy element inet t within { "a" . "a" }',
        "add chain bridge t bb-1",
        "add chain inet t from-acme",
        "flush chain bridge t bb-1",
        "flush chain inet t from-acme",
        "delete chain bridge t bb-1",
        "add chain inet t from-acme",
        "add rule inet t from-acme ct state established accept",
        "add rule inet t from-acme drop",
        'add element inet t within { "b" . "b" : accept }',
    ]


def test_all_of_it_begins_with_nothing() -> None:
    lines = nft.whole("t", "table inet t {\n}\n", {"acme": NEW}).splitlines()
    assert lines[:6] == ["table inet t", "delete table inet t", "table bridge t", "delete table bridge t",
                         "table inet t {", "}"]  # fmt: skip
    assert lines[-1] == 'add element inet t within { "b" . "b" : accept }'


@pytest.mark.parametrize("fragment", [Fragment(), OLD, NEW, OLD.joined(NEW)])
def test_a_fragment_is_read_back(fragment: Fragment) -> None:
    assert nft.from_json(nft.to_json(fragment)) == fragment


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"chains": {}}', '{"chains": {"ip x": []}, "elements": {}}',
             '{"chains": {"inet x; flush": []}, "elements": {}}', '{"chains": {"inet x": ["a\\nb"]}, "elements": {}}',
             '{"chains": {"inet x": "drop"}, "elements": {}}', '{"chains": {}, "elements": {"inet x": {"a;": "drop"}}}',
             '{"chains": {}, "elements": {"inet x": {"a": 1}}}', "[" * 100_000]
)  # fmt: skip
def test_no_other_text_is_a_fragment(text: str) -> None:
    with pytest.raises(ValueError):
        nft.from_json(text)


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a\nb", "{", 'a"'])
def test_nothing_but_a_name_is_a_chain(name: str) -> None:
    with pytest.raises(ValueError):
        nft.replaced("t", Fragment(), Fragment({("inet", name): ("drop",)}))
