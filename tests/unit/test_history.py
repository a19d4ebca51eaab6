"""History: what is new since a commit that was accepted, on any graph, also when dates are wrong."""

import random
from collections.abc import Callable

import pytest

from bbhv.errors import RefusedError
from bbhv.formats.gitobject import Commit
from bbhv.model import history
from bbhv.model.history import since

Graph = dict[str, tuple[int, tuple[str, ...]]]


def reader(graph: Graph) -> Callable[[str], Commit | None]:
    def read(oid: str) -> Commit | None:
        if oid not in graph:
            return None
        when, parents = graph[oid]
        return Commit(
            tree="", parents=parents, author="", committer="", authored_usec=when, committed_usec=when, message="",
            signature=None, signed_payload=b"",
        )  # fmt: skip

    return read


def behind(graph: Graph, oid: str) -> set[str]:
    found, todo = set(), [oid]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += graph[one][1]
    return found


def made(rng: random.Random, *, clocks: bool) -> Graph:
    graph: Graph = {}
    for number in range(rng.randint(2, 25)):
        parents = rng.sample(sorted(graph), min(len(graph), rng.choice((0, 1, 1, 1, 2, 3))))
        graph[f"c{number:02}"] = number if clocks else rng.randint(0, 9), tuple(parents)
    return graph


def test_descent_is_exact_on_any_graph_and_the_news_are_exact_where_clocks_are_right() -> None:
    rng = random.Random(7)
    for _ in range(1500):
        clocks = rng.random() < 0.5
        graph = made(rng, clocks=clocks)
        tip, accepted = rng.choice(sorted(graph)), rng.choice(sorted(graph))
        found, true = since(tip, accepted, reader(graph)), behind(graph, tip) - behind(graph, accepted)
        assert found.descends == (accepted in behind(graph, tip))
        assert set(found.commits) >= true, "nothing that is new is left out"
        assert not clocks or set(found.commits) == true


def test_an_accepted_commit_that_is_gone_only_cannot_be_met() -> None:
    graph: Graph = {"a": (1, ()), "b": (2, ("a",))}
    assert since("b", "gone", reader(graph)) == history.News(False, ("b", "a"))
    with pytest.raises(RefusedError, match="Commit c is missing"):
        since("d", "a", reader({**graph, "d": (4, ("c",))}))


def test_the_work_is_what_is_new_not_what_is_old() -> None:
    graph: Graph = {f"{number:06}": (number, (f"{number - 1:06}",) if number else ()) for number in range(50_000)}
    seen: list[str] = []

    def read(oid: str) -> Commit | None:
        seen.append(oid)
        return reader(graph)(oid)

    assert since("049999", "049990", read).commits == tuple(f"{number:06}" for number in range(49_999, 49_990, -1))
    assert len(seen) < 15
    assert not since("010000", "010005", read).descends and len(seen) < 30


def test_the_walk_is_bounded() -> None:
    graph: Graph = {f"{number:06}": (number, (f"{number - 1:06}",) if number else ()) for number in range(30_000)}
    with pytest.raises(RefusedError, match="More than 20000 commits"):
        since("029999", "gone", reader(graph))
