"""Mutations of good input: random bytes rarely get past the door, what is nearly right goes deep.

Everything is seeded, so that a failure repeats.
"""

import random
from collections.abc import Iterator, Sequence

TOKENS = (
    b"\0", b"\n", b"\r", b"\r\n", b"\\", b'"', b"'", b"=", b"[", b"]", b"{", b"}", b",", b":", b"#", b";", b" ", b"\t",
    b"-", b"/", b"%", b"%%", b"..", b"~", b"+", b"@", b"0", b"9" * 30, b"1e999", b"infinity", b"\xff", b"\xff" * 8,
    b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\\u", b"\\ud800", b"null", b"NaN", b"\\\n", b"[" * 70,
    b"x" * 300, b"\0" * 64, b"tree ", b"100644 ", b"40000 ", b"@filter", b"\nparent ", b"gpgsig ", b" refs/heads/",
    b"EFI PART", b"\x7f\xff\xff\xff", b"[X-Bitbuilder]\n", b"::1/128", b"10.0.0.0/8",
)  # fmt: skip


def mutated(seeds: Sequence[bytes], rounds: int, seed: int = 2020) -> Iterator[bytes]:
    """Good inputs with a few random edits: tokens put in, pieces cut, doubled, exchanged with another input."""
    rng = random.Random(seed)
    for _ in range(rounds):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            _edit(data, seeds, rng)
        yield bytes(data)


def _edit(data: bytearray, seeds: Sequence[bytes], rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    end = min(len(data), at + rng.choice((1, 2, 8, 60)))
    match rng.randint(0, 6):
        case 0:
            data[at:at] = rng.choice(TOKENS)
        case 1:
            data[at:end] = rng.choice(TOKENS)
        case 2:
            del data[at:end]
        case 3:
            data[at:at] = data[at:end] * 2
        case 4:
            data[at:end] = rng.randbytes(end - at)
        case 5:
            token = rng.choice(TOKENS)
            data[at : at + len(token)] = token  # in place: what lies behind keeps its offset
        case _:
            other = rng.choice(seeds)
            data[at:] = other[rng.randint(0, len(other)) :]
