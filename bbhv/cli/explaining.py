"""The verbs that tell: explain, about a code of findings, and help, about a verb or a page of the manual."""

import os
import sys

from ..errors import EXIT_OK, NotFoundError
from ..findings import CODES, did_you_mean
from ..formats.jsontext import Json
from .main import Call
from .output import Output

NARROW, WIDE = 40, 100


def explain(call: Call, output: Output) -> int:
    """bbhv explain: the entries of codes, or the list of all. Raises NotFoundError for a code that there is not."""
    codes = [_code(word) for word in dict.fromkeys(call.arguments)]
    if output.json != "off":
        output.value({"codes": [_reply(code) for code in codes or CODES]})
    elif not codes:
        output.table(("CODE", "MEANING"), [[(code, "bold"), (text, "")] for code, text in CODES.items()])
        output.total(len(CODES), "code", "listed")
    else:
        output.line("\n\n".join(_entry(code, output) for code in codes))
    return EXIT_OK


def _code(word: str) -> str:
    """The code that is meant: BB202, bb202, 202, or as it is printed, error[BB202]."""
    code = word.upper().rpartition("[")[2].rstrip("]:")
    code = code if code.startswith("BB") else f"BB{code}"
    if code not in CODES:
        hint = did_you_mean(code, CODES) or "bbhv explain lists all codes."
        raise NotFoundError(f"There is no code {ascii(word[:40])}.", hint=hint)
    return code


def _entry(code: str, output: Output) -> str:
    from ..advice.table import ADVICE, title
    from ..formats.pages import plaintext
    from .pages.findings import entry

    body = plaintext.lines(tuple(entry(ADVICE[code])), _width())
    return "\n".join([output.paint(title(code), "bold"), *body])


def _reply(code: str) -> dict[str, Json]:
    from ..advice.table import ADVICE
    from ..formats.pages.plaintext import unmarked

    advice = ADVICE[code]
    return {
        "code": code, "title": CODES[code], "text": unmarked(advice.text), "fix": unmarked(advice.fix),
        "file": advice.file or None, "wrong": advice.wrong, "right": advice.right,
    }  # fmt: skip


def help_about(call: Call, output: Output) -> int:
    """bbhv help: the program's help, a verb's, or a page of the manual. Raises NotFoundError when there is neither."""
    from .help import help_text
    from .verbs import shown

    word = "".join(call.arguments)
    verb = next((one for one in shown() if one.name == word), None)
    sys.stdout.write(help_text(verb, output.heading) if verb or not word else _page(word, output))
    return EXIT_OK


def _page(word: str, output: Output) -> str:
    from . import manual
    from .verbs import shown

    page = manual.find(word)
    if page is None:
        known = [*(verb.name for verb in shown()), *(page.name for page in manual.pages())]
        hint = did_you_mean(word, known) or f"Pages: {', '.join(page.name for page in manual.pages())}."
        raise NotFoundError(f"There is no verb and no page {ascii(word[:40])}.", hint=hint)
    return manual.text(page, _width(), output.heading)


def _width() -> int:
    """The columns of the terminal, within reason; 80 where there is none."""
    try:
        return min(WIDE, max(NARROW, os.get_terminal_size(sys.stdout.fileno()).columns))
    except (OSError, ValueError):
        return 80
