"""A whole tenant repository: everything that is wrong is reported at once, and what is right becomes a Tenant."""

from bbhv.model.tenant import read_tenant

from .model import FILES, METADATA_SCHEMA, WEB, read


def test_a_right_repository_becomes_a_tenant() -> None:
    tenant, findings = read(FILES)
    assert findings == []
    assert tenant is not None
    assert (tenant.id, sorted(tenant.containers), sorted(tenant.images), sorted(tenant.volumes)) == (
        "acme",
        ["db", "web"],
        ["own"],
        ["data"],
    )
    assert tenant.limits is not None
    assert tenant.containers["web"].after == ("db",)


def test_files_for_people_change_nothing() -> None:
    more = {**FILES, "README.md": b"\xff", "docs/x.nspawn": b"", ".github/a": b"", "LICENSE": b""}
    assert read(more)[1] == []


def test_a_misplaced_file_is_a_warning_only() -> None:
    tenant, findings = read({**FILES, "containrs/web.nspawn": b""})
    assert findings == ["containrs/web.nspawn:0 BB108"]
    assert tenant is not None


def test_an_empty_repository_misses_its_metadata() -> None:
    assert read({}) == (None, ["metadata.json:0 BB109"])


def test_metadata_of_another_tenant_is_found() -> None:
    assert read(FILES, "other") == (None, ["metadata.json:1 BB303"])


def test_problems_of_all_files_come_back_together() -> None:
    files = {
        **FILES,
        "metadata.json": b'{"apiVersion": "bitbuilder.io/v1", "tenant": "acme", "x": 1}',
        "infrastructure/data.volume": b"[Volume]\nFormat=ext4\n",
        "infrastructure/own.image": b"[Image]\nSource=/srv\n",
        "infrastructure/tenant.slice": b"[Slice]\nSlice=x.slice\n",
        "containers/db.nspawn": b"[Exec]\nBoot=yes\nCapability=all\n",
        "machines/vm.vmspawn": b"",
    }
    assert read(files) == (
        None,
        [
            "containers/db.nspawn:0 BB208",
            "containers/db.nspawn:3 BB204",
            "infrastructure/data.volume:2 BB209",
            "infrastructure/own.image:1 BB208",
            "infrastructure/own.image:1 BB208",
            "infrastructure/own.image:2 BB205",
            "infrastructure/tenant.slice:2 BB203",
            "machines/vm.vmspawn:0 BB208",
            "metadata.json:1 BB104",
        ],
    )


def test_a_file_with_errors_still_counts_as_declared() -> None:
    files = {**FILES, "infrastructure/data.volume": b"[Volume]\nSize=x\n", "containers/db.nspawn": b"broken"}
    assert all(line.startswith(("infrastructure/data.volume", "containers/db.nspawn")) for line in read(files)[1])


def test_names_that_nothing_declares_are_found_where_they_stand() -> None:
    files = {**FILES, "containers/web.nspawn": WEB.replace(b"data:/", b"dat:/").replace(b"After=db", b"After=dbb")}
    assert read(files) == (None, ["containers/web.nspawn:6 BB301", "containers/web.nspawn:7 BB301"])


def test_an_image_that_is_not_declared_may_be_offered() -> None:
    assert "containers/web.nspawn" not in str(read(FILES)[1])


def container(*after: str) -> bytes:
    lines = "".join(f"After={name}\n" for name in after)
    return f"[Exec]\nBoot=yes\n[X-Bitbuilder]\nImage=x\n{lines}".encode()


def containers(**after: tuple[str, ...]) -> dict[str, bytes]:
    made = {f"containers/{name}.nspawn": container(*names) for name, names in after.items()}
    return {"metadata.json": FILES["metadata.json"], **made}


def test_each_circle_is_found_once() -> None:
    files = containers(a=("b",), b=("c",), c=("a",), d=("e",), e=("d",), f=("a",), g=("g",))
    assert read(files)[1] == [
        "containers/a.nspawn:5 BB302",
        "containers/d.nspawn:5 BB302",
        "containers/g.nspawn:5 BB302",
    ]


def test_two_ways_to_the_same_workload_are_no_circle() -> None:
    assert read(containers(a=("b", "c"), b=("d",), c=("d",), d=()))[1] == []


def test_a_long_chain_is_checked_quickly() -> None:
    files = containers(**{f"c{n}": (f"c{n + 1}",) for n in range(300)}, c300=())
    assert read(files)[1] == []


def test_the_same_files_in_another_order_give_the_same_findings() -> None:
    files = {**FILES, "containers/web.nspawn": b"[Exec]\nBot=yes\n", "zzz": b"", "a": b""}
    backwards = dict(reversed(files.items()))
    assert read(files) == read(backwards)


def machine(*lines: str) -> bytes:
    return "\n".join(("[X-Bitbuilder]", "Image=disk", *lines, "")).encode()


def with_machine(*lines: str, **more: bytes) -> list[str]:
    """The findings of a tenant with the machine db, but for the one that it does not run yet."""
    files = {"metadata.json": FILES["metadata.json"], "machines/db.vmspawn": machine(*lines)}
    files.update({path.replace("__", "/").replace("_", "."): data for path, data in more.items()})
    return [line for line in read(files)[1] if not line.endswith("BB211")]


def test_containers_and_machines_may_wait_for_each_other_but_not_in_a_circle() -> None:
    assert with_machine("After=web", containers__web_nspawn=container()) == []
    assert with_machine("After=web", containers__web_nspawn=container("db")) == ["machines/db.vmspawn:3 BB302"]


def test_a_container_and_a_machine_cannot_have_the_same_name() -> None:
    assert with_machine(containers__db_nspawn=container()) == ["machines/db.vmspawn:0 BB304"]


def test_a_volume_is_for_containers_or_for_machines() -> None:
    drive, folder = b"[Volume]\nUse=machine\nSize=1G\n", b"[Volume]\nSize=1G\n"
    assert with_machine("Volume=data", infrastructure__data_volume=drive) == []
    assert with_machine("Volume=data", infrastructure__data_volume=folder) == ["machines/db.vmspawn:3 BB209"]
    shared = b"[Volume]\nUse=machine\nFormat=directory\n"
    assert with_machine("Volume=data:/srv", infrastructure__data_volume=shared) == []
    assert with_machine("Volume=data", infrastructure__data_volume=shared) == ["machines/db.vmspawn:3 BB209"]
    assert with_machine("Volume=data:/srv", infrastructure__data_volume=drive) == ["machines/db.vmspawn:3 BB209"]
    two = with_machine("Volume=data:/srv", "Volume=logs:/srv", infrastructure__data_volume=shared,
                       infrastructure__logs_volume=shared)  # fmt: skip
    assert two == ["machines/db.vmspawn:4 BB304"]
    web = container() + b"Volume=data:/srv\n"
    both = with_machine("Volume=data", infrastructure__data_volume=drive, containers__web_nspawn=web)
    assert both == ["containers/web.nspawn:5 BB209"]
    both = with_machine("Volume=data:/srv", infrastructure__data_volume=shared, containers__web_nspawn=web)
    assert both == ["containers/web.nspawn:5 BB209"]


def test_a_machine_starts_from_a_file_that_is_taken_as_it_is() -> None:
    image = FILES["infrastructure/own.image"]
    assert with_machine(infrastructure__disk_image=image) == ["machines/db.vmspawn:2 BB209"]
    raw = image.replace(b"Format=tar", b"Format=raw").replace(b"own.tar", b"own.raw")
    assert with_machine(infrastructure__disk_image=raw) == []


def test_a_check_that_is_a_script_names_one_of_the_repository() -> None:
    assert with_machine("Health=script:health") == ["machines/db.vmspawn:3 BB301"]
    assert with_machine("Health=script:health", **{"scripts/health": b"#!/bin/sh\nexit 0\n"}) == []


def test_a_name_that_is_missing_is_told_where_it_belongs() -> None:
    files = {**FILES, "machines/vm.vmspawn": machine("Health=script:health", "Credential=key", "After=ghost")}
    hints = {one.message.split("=")[0]: one.hint for one in read_tenant(files, "acme", METADATA_SCHEMA)[1] if one.hint}
    assert hints["Health"] == "Add scripts/health, or correct the name."
    assert hints["Credential"] == "Add infrastructure/credentials/key.cred, or correct the name."
    assert hints["After"] == "Add containers/ghost.nspawn, or correct the name."


def test_a_portable_service_cannot_have_the_name_of_a_workload() -> None:
    files = {**FILES, "services/web.portable": b"[Portable]\nImage=agent\n"}
    found = [one for one in read_tenant(files, "acme", METADATA_SCHEMA)[1] if one.code == "BB304"]
    assert [(one.place.file, one.message) for one in found] == [(
        "services/web.portable",
        "containers/web.nspawn declares web already, and a container and a portable service share their names.",
    )]  # fmt: skip
    assert "BB304" not in str(read({**FILES, "services/agent.portable": b"[Portable]\nImage=agent\n"})[1])


def test_what_is_not_run_yet_is_called_as_people_call_it() -> None:
    files = {
        **FILES, "extensions/sysext/tools.image": b"[Image]\n", "scripts/pre-stop": b"#!/bin/sh\n",
        "services/agent.portable": b"[Portable]\nImage=agent\n",
    }  # fmt: skip
    found = [one for one in read_tenant(files, "acme", METADATA_SCHEMA)[1] if one.code == "BB211"]
    assert [(one.message, one.hint) for one in found] == [
        (f"A {noun} is checked, but this version does not run it yet.", "Everything else of the repository runs.")
        for noun in ("system extension", "portable service")
    ]


def test_what_is_not_run_yet_is_said_once_per_kind() -> None:
    services = {f"services/n{number}.portable": b"[Portable]\nImage=x\n" for number in range(3000)}
    found = [one for one in read_tenant({**FILES, **services}, "acme", METADATA_SCHEMA)[1] if one.code == "BB211"]
    (said,) = [one.message for one in found]
    assert said == "3000 portable services are checked, but this version does not run them yet."


def test_what_was_not_reached_is_not_called_missing() -> None:
    volume = {f"infrastructure/x{number}.volume": b"[Volume]\nSize=1M\n" for number in range(5000)}
    files = {**FILES, "infrastructure/data.volume": b"", **volume}
    wanted = WEB + b"Volume=x4999:/srv/x\n"
    assert read({**files, "containers/web.nspawn": wanted})[1] == ["infrastructure/x4680.volume:0 BB110"]
    assert read({**FILES, "containers/web.nspawn": wanted})[1] == ["containers/web.nspawn:9 BB301"]
    few = {"containers/web.nspawn": wanted}
    _, found = read_tenant(few, "acme", METADATA_SCHEMA, complete=False)
    assert found == ()
    assert {one.code for one in read_tenant(few, "acme", METADATA_SCHEMA)[1]} == {"BB109", "BB301"}
