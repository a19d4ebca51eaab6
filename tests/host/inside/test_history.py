"""History: which generations there are, where each came from, and what is never thrown away."""

import json

from .conftest import Make
from .support import run
from .world import Tenant, container, never_healthy


def history(tenant: Tenant) -> dict[str, list[dict[str, object]]]:
    found = json.loads(run(["bbhv", "history", tenant.id, "--json=short"]).stdout)
    assert isinstance(found, dict)
    return found


def test_the_history_tells_of_each_generation_and_of_what_is_not_tried_again(make: Make) -> None:
    acme = make("acme")
    first = acme.repo.commit(acme.files(web=container("MemoryMax=60M")), "Begin \x1b[31m`here`\nmore")
    acme.sync()
    second = acme.commit(web=container("MemoryMax=61M"))
    acme.sync()
    bad = acme.commit(web=never_healthy())
    acme.sync(status=1)
    found = history(acme)
    told = ("generation", "commit", "verb", "good", "subject")
    rows = [tuple(row[key] for key in told) for row in found["generations"]]
    assert rows[0] == (2, second, "sync", True, "A change")
    assert rows[1] in [(1, first, verb, False, "Begin \x1b[31m`here`") for verb in ("sync", "start")]
    assert found["generations"][0]["author"] == "Ops <ops@acme.example>"
    (quarantined,) = found["quarantined"]
    assert quarantined["commit"] == bad and "web.acme" in str(quarantined["reason"])
    shown = run(["bbhv", "history", "acme"]).stdout
    assert "\x1b" not in shown and "Begin \\x1b[31m`here`" in shown and "Not tried again:" in shown
    assert bad[:12] in shown and "current good" in shown


def test_a_lost_clone_and_old_generations_without_an_origin_are_no_trouble(make: Make) -> None:
    acme = make("acme")
    acme.commit(web=container())
    acme.sync()
    (acme.folder / "generations/1/origin.json").unlink()
    run(["rm", "-rf", acme.folder / "config.git"])
    (row,) = history(acme)["generations"]
    assert (row["verb"], row["author"], row["subject"], row["generation"]) == (None, None, None, 1)


def test_so_many_generations_are_kept_as_the_tenant_says_and_the_held_one_besides(make: Make) -> None:
    acme = make("acme")
    acme.repo.commit({"metadata.json": json.dumps({
        "apiVersion": "bitbuilder.io/v1", "tenant": "acme", "lifecycle": {"keepGenerations": 2},
    })})  # fmt: skip
    for memory in range(60, 64):
        acme.commit(web=container(f"MemoryMax={memory}M"))
        acme.sync()
    assert [row["generation"] for row in history(acme)["generations"]] == [4, 3]
    run(["bbhv", "rollback", "acme"], timeout=120)
    rows = {row["generation"]: row for row in history(acme)["generations"]}
    assert rows[4]["held"] and rows[3]["current"] and rows[3]["good"] and not rows[4]["good"]
    assert "held" in run(["bbhv", "history", "acme"]).stdout
