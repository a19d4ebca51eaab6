"""Images on their way: how many bytes are taken, and what is said about more."""

from pathlib import Path

import pytest

from bbhv.engine.storage.customer import MAX_IMAGE, Customer, bound_of, too_large
from bbhv.engine.tenant import supply
from bbhv.model.manifest import ImageRef

SOURCE = "https://images.example.com/web.tar"
IMAGE = ImageRef(name="web", format="tar", path="/i", identity="", source=SOURCE, sha256="0" * 64)


@pytest.mark.parametrize(("most", "unpacked", "room", "taken", "advice"), [
    (64 << 20, 64 << 20, 1 << 40, "64M", "ask the operator for more storage"),
    (64 << 20, 64 << 20, 64 << 20, "64M", "ask the operator for more storage"),
    (1 << 20, 64 << 20, 1 << 40, "1M", "Correct Size= in infrastructure/web.image"),
    (64 << 20, 64 << 20, 32 << 20, "32M", "make room there"),
    (1 << 20, 64 << 20, 512 << 10, "512K", "make room there"),
    (64 << 20, 64 << 20, -5, "0", "make room there"),
    (MAX_IMAGE, MAX_IMAGE, 1 << 40, "16G", "No host takes a larger one"),
])  # fmt: skip
def test_what_is_too_large_says_for_what(most: int, unpacked: int, room: int, taken: str, advice: str) -> None:
    customer = Customer(tenant="acme", most=most, unpacked=unpacked, until=0.0, seconds=1)
    error = too_large(IMAGE, bound_of(IMAGE, customer, most, room), 1 << 50)
    assert error.message.endswith(f"has {1 << 50} bytes, more than the {taken} that it may take.")
    assert advice in error.hint


def test_a_start_has_time_left_when_its_images_took_all_of_theirs() -> None:
    text = (Path(__file__).parents[2] / "units/tenant@.service").read_text()
    minutes = int(text.partition("\nTimeoutStartSec=")[2].partition("min\n")[0])
    assert supply.START_SECONDS + 300 <= minutes * 60
