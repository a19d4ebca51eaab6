"""URIs, IRIs and URI templates (RFC 3986, 3987, 6570), for the formats of JSON Schema.

Promises: the whole text must follow the grammar; each expression reads a text once, from left to right.
"""

import re
from functools import cache

from ..schema.hosts import is_ipv6

_PERCENT = "%[0-9A-Fa-f]{2}"
_PLAIN = r"A-Za-z0-9._~\-"
_DELIMS = r"!$&'()*+,;="
_UCS = (
    "\xa0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef"
    + "".join(f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 14))
    + "\U000e1000-\U000efffd"
)
_PRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"


@cache
def _grammar(relative: bool, international: bool) -> re.Pattern[str]:
    """The expression for a URI or an IRI, or for a reference to one; its group is what stands in brackets."""
    plain = _PLAIN + (_UCS if international else "")

    def some(more: str) -> str:
        return f"(?:[{plain}{_DELIMS}{more}]|{_PERCENT})"

    authority = rf"//(?:{some(':')}*@)?(?:\[([^\]@/?#]*)\]|{some('')}*)(?::[0-9]*)?(?:/{some(':@')}*)*"
    absolute = f"/(?:{some(':@')}+(?:/{some(':@')}*)*)?"
    rest = rf"(?:/{some(':@')}*)*"
    query = rf"(?:\?{some(':@/?' + (_PRIVATE if international else ''))}*)?(?:#{some(':@/?')}*)?"
    if relative:
        return re.compile(rf"(?:{authority}|{absolute}|{some('@')}+{rest})?{query}")
    return re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*:(?:{authority}|{absolute}|{some(':@')}+{rest})?{query}")


def is_uri(text: str, international: bool = False) -> bool:
    """RFC 3986's URI, or RFC 3987's IRI."""
    return _matches(text, False, international)


def is_reference(text: str, international: bool = False) -> bool:
    """RFC 3986's URI-reference, or RFC 3987's IRI-reference."""
    return _matches(text, False, international) or _matches(text, True, international)


_FUTURE = re.compile(rf"v[0-9A-Fa-f]+\.[{_PLAIN}{_DELIMS}:]+")


def _matches(text: str, relative: bool, international: bool) -> bool:
    match = _grammar(relative, international).fullmatch(text)
    if not match or match[1] is None:
        return bool(match)
    return is_ipv6(match[1]) or bool(_FUTURE.fullmatch(match[1]))


@cache
def _template() -> re.Pattern[str]:
    name = rf"(?:[A-Za-z0-9_]|{_PERCENT})(?:\.?(?:[A-Za-z0-9_]|{_PERCENT}))*"
    variable = rf"{name}(?::[1-9][0-9]{{0,3}}|\*)?"
    literal = rf"[!#$&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~{_UCS}{_PRIVATE}]|{_PERCENT}"
    return re.compile(rf"(?:{literal}|\{{[+#./;?&=,!@|]?{variable}(?:,{variable})*\}})*")


def is_template(text: str) -> bool:
    """RFC 6570's URI-Template; an apostrophe may stand in it, as its erratum 6937 says."""
    return bool(_template().fullmatch(text))
