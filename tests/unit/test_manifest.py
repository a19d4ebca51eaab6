"""Manifests: what is written reads back, and nothing else is taken for a manifest."""

import json

import pytest

from bbhv.model.compile import compile_tenant
from bbhv.model.manifest import Manifest, from_json, image_path, to_json
from bbhv.model.tenant import read_tenant

from .model import COMMIT, DIGEST, FACTS, FILES, METADATA_SCHEMA, registration


def manifest() -> Manifest:
    tenant, _ = read_tenant(FILES, "acme", METADATA_SCHEMA)
    assert tenant is not None
    return compile_tenant(tenant, registration(), FACTS, COMMIT, "1").manifest


def test_a_manifest_reads_back() -> None:
    one = manifest()
    assert from_json(to_json(one)) == one
    least = Manifest(tenant="acme", commit=COMMIT, inputs="", version="")
    assert from_json(to_json(least)) == least


def test_an_image_that_is_to_be_signed_says_so_and_any_other_says_nothing() -> None:
    text = FILES["infrastructure/own.image"] + b"Signature=https://images.example.com/own.sig\n"
    tenant, _ = read_tenant({**FILES, "infrastructure/own.image": text}, "acme", METADATA_SCHEMA)
    assert tenant is not None and '"signature"' not in to_json(manifest())
    signed = compile_tenant(tenant, registration(), FACTS, COMMIT, "1").manifest
    assert from_json(to_json(signed)) == signed
    assert {one.name: one.signature for one in signed.images}["own"] == "https://images.example.com/own.sig"


def test_the_text_is_canonical() -> None:
    assert to_json(from_json(to_json(manifest()))) == to_json(manifest())


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", "{}", "[" * 100_000, '{"apiVersion": "other/v2"}'])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_json(text)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))
    return found


def test_a_value_of_another_type_is_refused_wherever_it_is() -> None:
    text = to_json(manifest())
    for path in places(json.loads(text)):
        if not path:
            continue
        document = json.loads(text)
        at = document
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = {"unexpected": ["thing"]} if path[-1] not in ("settings", "slice", "infra") else 1
        with pytest.raises(ValueError):
            from_json(json.dumps(document))


def test_a_key_that_is_missing_or_left_over_is_refused() -> None:
    for change in ("drop", "add"):
        document = json.loads(to_json(manifest()))
        for part in (document, document["workloads"][0], document["workloads"][0]["image"], document["lifecycle"]):
            key = sorted(part)[0]
            kept = part.pop(key) if change == "drop" else part.setdefault("more", 1)
            with pytest.raises(ValueError):
                from_json(json.dumps(document))
            part.update({key: kept}) if change == "drop" else part.pop("more")
        assert from_json(json.dumps(document)) == manifest()


def test_images_have_their_place_in_the_store() -> None:
    assert image_path("/store", DIGEST, "tar") == f"/store/{DIGEST}.tree"
    assert image_path("/store", DIGEST, "raw") == f"/store/{DIGEST}.raw"
