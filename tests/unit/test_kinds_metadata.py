"""metadata.json: whose repository it is, and the defaults of the lifecycle."""

import json

import pytest

from bbhv.kinds.metadata import Lifecycle, Metadata, read_metadata
from bbhv.kinds.source import Source

from .model import METADATA_SCHEMA, told


def read(text: str) -> tuple[Metadata | None, list[str]]:
    source = Source(
        tenant="acme", name="metadata", file="metadata.json", data=text.encode(), metadata_schema=METADATA_SCHEMA
    )
    metadata, findings = read_metadata(source)
    return metadata, told(findings)


def document(**more: object) -> str:
    return json.dumps({"apiVersion": "bitbuilder.io/v1", "tenant": "acme", **more}, indent=0)


def test_the_least_metadata_has_every_default() -> None:
    metadata, findings = read(document())
    assert findings == []
    assert metadata is not None
    assert metadata == Metadata(file="metadata.json", tenant="acme")
    life = Lifecycle(health_timeout_sec=60, on_failure="rollback", keep_generations=5, confirm_within_sec=0)
    assert metadata.lifecycle == life


def test_everything_that_is_said_is_kept() -> None:
    metadata, findings = read(
        document(
            displayName="Acme Ltd",
            owner={"name": "Ops", "email": "ops@acme.example"},
            labels={"b": "2", "a": "1"},
            lifecycle={"healthTimeoutSec": 90, "keepGenerations": 3},
        )
    )
    assert findings == []
    assert metadata is not None
    assert (metadata.display_name, metadata.owner_name, metadata.owner_email) == ("Acme Ltd", "Ops", "ops@acme.example")
    assert list(metadata.labels) == ["a", "b"]
    assert metadata.lifecycle == Lifecycle(health_timeout_sec=90, keep_generations=3)


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("{", ["metadata.json:1 BB103"]),
        ("[]", ["metadata.json:1 BB104"]),
        (document(tenant="other"), ["metadata.json:3 BB303"]),
        (document(lifecycle={"confirmWithinSec": -1}), ["metadata.json:5 BB104"]),
        (document(nonsense=1), ["metadata.json:4 BB104"]),
        ('{"apiVersion": "bitbuilder.io/v1"}', ["metadata.json:1 BB104"]),
        ("[" * 100 + "]" * 100, ["metadata.json:1 BB105"]),
        (" " * (65 << 10), ["metadata.json:0 BB105"]),
    ],
)
def test_what_is_wrong_is_found_at_its_line(text: str, findings: list[str]) -> None:
    assert read(text) == (None, findings)
