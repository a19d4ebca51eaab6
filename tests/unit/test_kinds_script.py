"""Scripts of a tenant: text with an interpreter that the kernel finds."""

import pytest

from bbhv.formats.schema.compiler import compile_schema
from bbhv.kinds.script import MAX_INTERPRETER, MAX_SCRIPT, SCRIPTS, Script, read_script
from bbhv.kinds.source import Source


def read(data: bytes) -> tuple[Script | None, list[tuple[str, int, str, str]]]:
    source = Source(
        tenant="acme", name="pre-start", file="scripts/pre-start", data=data, metadata_schema=compile_schema(True)
    )
    script, findings = read_script(source)
    assert all(one.place.file == "scripts/pre-start" and one.message.endswith(".") for one in findings)
    return script, [(one.code, one.place.line, one.message, one.hint) for one in findings]


def test_the_six_scripts_are_described() -> None:
    assert list(SCRIPTS) == ["provision", "pre-start", "post-start", "health", "pre-stop", "post-stop"]
    assert all(text.endswith(".") for text in SCRIPTS.values())


@pytest.mark.parametrize(
    ("first", "interpreter"),
    [
        ("#!/bin/sh", ("/bin/sh",)),
        ("#! /bin/sh -eu", ("/bin/sh", "-eu")),
        ("#!/usr/bin/env python3", ("/usr/bin/env", "python3")),
        ("#!/usr/bin/env -S python3 -I", ("/usr/bin/env", "-S python3 -I")),
        ("#!\t/bin/sh\t-e", ("/bin/sh", "-e")),
    ],
)
def test_a_script_names_its_interpreter(first: str, interpreter: tuple[str, ...]) -> None:
    script, findings = read(f"{first}\necho grüß Gott\n".encode())
    assert findings == [] and script is not None
    assert script.interpreter == interpreter
    assert script.text.startswith(first)


@pytest.mark.parametrize(
    ("data", "code", "line", "message", "hint"),
    [
        (b"", "BB205", 0, "The script is empty.", "remove the file"),
        (b"\n \n", "BB205", 0, "The script is empty.", "remove the file"),
        (b"echo x\n", "BB205", 1, "names no interpreter", "#!/bin/sh"),
        (b"\n#!/bin/sh\n", "BB205", 1, "names no interpreter", "#!/bin/sh"),
        (b" #!/bin/sh\n", "BB205", 1, "names no interpreter", "#!/bin/sh"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "BB205", 1, "byte order mark", "without"),
        (b"#!\n", "BB205", 1, "'' is not an absolute path", "#!/bin/sh"),
        (b"#!sh\n", "BB205", 1, "'sh' is not an absolute path", "Write #!/usr/bin/env sh."),
        (b"#!../bin/sh\n", "BB205", 1, "is not an absolute path", "#!/bin/sh"),
        (b"#!/usr/../bin/sh\n", "BB205", 1, "is not clean", "#!/bin/sh"),
        (b"#!/bin/\x1b[2Jsh\n", "BB205", 1, "is not clean", "#!/bin/sh"),
        (b"#!/" + b"x" * MAX_INTERPRETER + b"\n", "BB205", 1, "more than 127 bytes", "shorter"),
        (b"#!/usr/bin/env\n", "BB205", 1, "env is to start no program", "env python3"),
        (b"#!/usr/bin/env -i\n", "BB205", 1, "env is to start no program", "env python3"),
        (b"#!/usr/bin/env python3 -I\n", "BB205", 1, "'python3 -I'", "Write #!/usr/bin/env -S python3 -I."),
        (b"#!/bin/sh\r\nexit 0\r\n", "BB205", 1, "carriage return", "Unix"),
        (b"#!/bin/sh\nexit 0\r\n", "BB205", 2, "carriage return", "Unix"),
        (b"#!/bin/sh\n\nx\0\n", "BB101", 3, "NUL", "image"),
        (b"#!/bin/sh\n# caf\xe9\n", "BB101", 2, "not UTF-8", "UTF-8"),
        (b"\x7fELF\x02\x01\x01\xff", "BB101", 1, "not UTF-8", "UTF-8"),
        (b"#!/bin/sh\n" + b"x" * MAX_SCRIPT, "BB105", 0, "more than 256 KiB", "image"),
    ],
)
def test_what_the_kernel_or_the_interpreter_would_stumble_over_is_found(
    data: bytes, code: str, line: int, message: str, hint: str
) -> None:
    script, [(found, where, said, advice)] = read(data)
    assert script is None
    assert (found, where) == (code, line)
    assert message in said and hint in advice
