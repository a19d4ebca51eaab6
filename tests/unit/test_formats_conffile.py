"""Configuration files: which count and in which order (UAPI.6)."""

from bbhv.formats.conffile import order

ROOTS = ("/etc/foo", "/run/foo", "/usr/lib/foo")


def files(*paths: str, masked: tuple[str, ...] = (), empty: tuple[str, ...] = ()) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = dict.fromkeys(paths, b"x")
    return found | dict.fromkeys(masked, None) | dict.fromkeys(empty, b"")


def test_the_example_of_the_specification() -> None:
    found = files(
        "/usr/lib/foo/bar.conf", "/etc/foo/bar.conf", "/usr/lib/foo/bar.conf.d/a.conf", "/etc/foo/bar.conf.d/a.conf",
        "/usr/lib/foo/bar.conf.d/b.conf",
    )
    assert order("bar", found, ROOTS) == (
        "/etc/foo/bar.conf", "/etc/foo/bar.conf.d/a.conf", "/usr/lib/foo/bar.conf.d/b.conf"
    )
    assert order("bar.conf", found, ROOTS) == order("bar", found, ROOTS)


def test_nothing_is_an_answer() -> None:
    assert order("bar", {}, ROOTS) == ()
    assert order("bar", files("/opt/bar.conf", "/etc/foo/other.conf"), ROOTS) == ()


def test_run_stands_between_etc_and_usr() -> None:
    found = files("/run/foo/bar.conf", "/usr/lib/foo/bar.conf", "/run/foo/bar.conf.d/a.conf",
        "/usr/lib/foo/bar.conf.d/a.conf")
    assert order("bar", found, ROOTS) == ("/run/foo/bar.conf", "/run/foo/bar.conf.d/a.conf")


def test_an_empty_file_and_a_link_to_dev_null_mask() -> None:
    usr = ("/usr/lib/foo/bar.conf", "/usr/lib/foo/bar.conf.d/a.conf", "/usr/lib/foo/bar.conf.d/b.conf")
    found = files(*usr, empty=("/etc/foo/bar.conf",), masked=("/run/foo/bar.conf.d/a.conf",))
    assert order("bar", found, ROOTS) == ("/usr/lib/foo/bar.conf.d/b.conf",)
    found = files(*usr, masked=("/etc/foo/bar.conf",), empty=("/etc/foo/bar.conf.d/b.conf",))
    assert order("bar", found, ROOTS) == ("/usr/lib/foo/bar.conf.d/a.conf",)


def test_a_mask_in_usr_hides_nothing_in_etc() -> None:
    found = files("/etc/foo/bar.conf", masked=("/usr/lib/foo/bar.conf",))
    assert order("bar", found, ROOTS) == ("/etc/foo/bar.conf",)


def test_drop_ins_are_sorted_by_name_across_directories() -> None:
    names = ("/usr/lib/foo/bar.conf.d/10-a.conf", "/etc/foo/bar.conf.d/20-b.conf", "/run/foo/bar.conf.d/15-c.conf",
             "/etc/foo/bar.conf.d/9-z.conf", "/usr/lib/foo/bar.conf.d/Z.conf", "/usr/lib/foo/bar.conf.d/é.conf")
    assert [path.rpartition("/")[2] for path in order("bar", files(*names), ROOTS)] == [
        "10-a.conf", "15-c.conf", "20-b.conf", "9-z.conf", "Z.conf", "é.conf"
    ]


def test_what_is_no_drop_in_is_left_out() -> None:
    found = files(
        "/etc/foo/bar.conf.d/a.conf.d/b.conf", "/etc/foo/bar.conf.d/README", "/etc/foo/bar.conf.d/.a.conf",
        "/etc/foo/bar.conf.d/a.conf~", "/etc/foo/bar.conf.d/a.conf.ignore", "/etc/foo/barbar.conf.d/a.conf",
    )
    assert order("bar", found, ROOTS) == ()
