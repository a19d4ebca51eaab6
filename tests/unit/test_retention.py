"""Retention: an image stays as long as any generation that is kept may need it, and no longer."""

from bbhv.model.compile import compile_tenant
from bbhv.model.manifest import ImageRef, Manifest
from bbhv.model.retention import Kept, Surplus, reason, surplus
from bbhv.model.tenant import read_tenant
from bbhv.records import replace

from .model import COMMIT, FACTS, FILES, METADATA_SCHEMA, registration

STORE = "/var/lib/bitbuilder/images"
A, B, C = "a" * 64, "b" * 64, "c" * 64


def manifest(*digests: str) -> Manifest:
    """A generation that needs these images."""
    tenant, findings = read_tenant(FILES, "acme", METADATA_SCHEMA)
    assert tenant is not None, findings
    images = tuple(
        ImageRef(name="x", format="tar", source="file:///x", sha256=one, identity=one, path=f"{STORE}/{one}.tree")
        for one in digests
    )
    return replace(compile_tenant(tenant, registration(), FACTS, COMMIT, "1").manifest, images=images)


def path(digest: str) -> str:
    return f"{STORE}/{digest}.tree"


NAMES = [f"{one}.tree" for one in (A, B, C)]


def test_an_image_of_any_kept_generation_of_anybody_stays() -> None:
    tenants = {"acme": Kept(generations={1: manifest(A), 2: manifest()}), "beta": Kept(generations={7: manifest(B)})}
    assert surplus(STORE, NAMES, tenants) == Surplus(images=(path(C),))
    assert reason(path(A), tenants) == "acme (1)" and reason(path(C), tenants) == ""
    tenants["acme"] = Kept(generations={2: manifest(B), 3: manifest(B, A)})
    assert reason(path(B), tenants) == "acme (2, 3), beta (7)"


def test_with_no_tenant_nothing_is_needed() -> None:
    assert surplus(STORE, NAMES, {}).images == (path(A), path(B), path(C))
    assert surplus(STORE, [], {}) == Surplus()


def test_a_generation_that_cannot_be_read_may_need_everything() -> None:
    tenants = {"acme": Kept(generations={1: None, 2: manifest(A)}, fetched=(C,)), "beta": Kept()}
    assert surplus(STORE, NAMES, tenants) == Surplus()


def test_what_systemd_may_run_stays() -> None:
    texts = ["[Service]\n", f"ExecStart=systemd-nspawn --directory={path(B)}\n"]
    assert surplus(STORE, NAMES, {}, texts).images == (path(A), path(C))


def test_who_needs_an_image_no_more_fetches_it_again_also_when_another_one_keeps_it() -> None:
    acme, beta = Kept(generations={1: manifest(A)}, fetched=(A, B, C)), Kept(generations={1: manifest(B)})
    tenants = {"acme": acme, "beta": beta}
    found = surplus(STORE, NAMES, tenants)
    assert found.images == (path(C),) and found.forgotten == {"acme": (B, C)}
