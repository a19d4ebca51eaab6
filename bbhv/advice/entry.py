"""What is said about one code of findings: why it is one, what to do, and an example of wrong and of right."""

from ..records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One entry. `text` says what the code means and why it is so, `fix` what to do, both in the marks of formats/page.

    `file` is where the examples stand in a repository, which has all else that they need; a `wrong` or `right` of None
    is that there is no such file. Without a `file` the examples are not the text of one, and only for reading.
    """

    text: str
    fix: str
    file: str = ""
    wrong: str | None = None
    right: str | None = None
