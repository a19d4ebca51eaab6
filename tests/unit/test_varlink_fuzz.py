"""A server of varlink in a process of its own, among messages of all kinds and peers that are bad in every way.

A sample of what `build.py bench varlink` does for longer, with other seeds.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from bbhv.ipc.table import VARLINK
from tests.fuzz import conversation, peers
from tests.fuzz.served import Served, service

from .varlink_client import Client

SECONDS = 0.3  # that a peer may take for a message
INFO = f"{VARLINK}.GetInfo"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path / "s", SECONDS) as one:
        yield one


def test_four_thousand_messages_are_answered_as_its_parts_answer_them(server: Served) -> None:
    one = service()
    heard = conversation.converse(server.address, one, conversation.messages(one, 4000, seed=7))
    assert heard.wrong == 0
    assert heard.messages >= 4000
    assert min(heard.answered, heard.refused) > 1000 and heard.silent > 50
    assert server.alive and server.log() == ""


def test_no_caller_gets_anything_but_a_reply_of_its_declared_type() -> None:
    one = service()
    for number, message in enumerate(conversation.calls(one)):
        for caller in conversation.CALLERS:
            conversation.answer(one, caller, message)
    assert number > 30


def test_a_good_client_is_served_among_peers_of_every_bad_kind_and_nothing_of_them_stays(server: Served) -> None:
    rng = random.Random(11)
    with Client(server.address) as good:
        assert good.call(INFO).error == ""
        before, memory = server.descriptors(), server.memory()
        for _ in range(4):
            assert peers.run(server.address, [*peers.KINDS] * 4, rng) == []
            assert good.call(INFO).error == ""
        # Who has left with calls unanswered is noticed in its turn.
        assert any(server.descriptors() == before for _ in range(1000) if good.call(INFO).error == "")
        assert server.memory() < memory + 4096  # KiB
    assert server.alive and server.log() == ""
