"""The formats of JSON Schema that can be asserted: name to (test of a string, what it must be). One row each.

Promises: a test never raises, and its work is linear in the text. What a rare format needs is loaded when it is used.
"""

import re
from functools import cache
from typing import Callable

from .hosts import is_email, is_hostname, is_idn_email, is_idn_hostname, is_ipv4, is_ipv6

_DATE = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_TIME = r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:[zZ]|([+-])([0-9]{2}):([0-9]{2}))"
_CLOCK = "(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
_DAYS = "(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"
_DURATION = f"P(?:[0-9]+W|{_DAYS}(?:T{_CLOCK})?|T{_CLOCK})"
_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_POINTER = "(?:/(?:[^~/]|~[01])*)*"
_RELATIVE = f"(?:0|[1-9][0-9]*)(?:[+-][1-9][0-9]*)?(?:#|{_POINTER})"
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@cache
def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _formed(pattern: str) -> Callable[[str], bool]:
    return lambda text: _form(pattern).fullmatch(text) is not None


def is_date(text: str) -> bool:
    """RFC 3339's full-date: a day that the calendar has."""
    match = _form(_DATE).fullmatch(text)
    if not match:
        return False
    year, month, day = map(int, match.groups())
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= _MONTHS[month - 1] + leap


def is_time(text: str) -> bool:
    """RFC 3339's full-time; a leap second is at the end of a day of UTC."""
    match = _form(_TIME).fullmatch(text)
    if not match:
        return False
    hour, minute, second = map(int, match.groups()[:3])
    ahead, behind = int(match[5] or 0), int(match[6] or 0)
    if hour > 23 or minute > 59 or second > 60 or ahead > 23 or behind > 59:
        return False
    shift = (ahead * 60 + behind) * (-1 if match[4] == "-" else 1)
    return second < 60 or (hour * 60 + minute - shift) % 1440 == 1439


def is_date_time(text: str) -> bool:
    """RFC 3339's date-time."""
    return text[10:11] in ("T", "t") and is_date(text[:10]) and is_time(text[11:])


def is_regex(text: str) -> bool:
    """An expression of ECMA-262 that `pattern` can read."""
    from .pattern import translate

    try:
        re.compile(translate(text), re.ASCII)
    except (ValueError, re.error, OverflowError, RecursionError):
        return False
    return True


def _uri(text: str) -> bool:
    from ..characters.uris import is_uri

    return is_uri(text)


def _iri(text: str) -> bool:
    from ..characters.uris import is_uri

    return is_uri(text, True)


def _uri_reference(text: str) -> bool:
    from ..characters.uris import is_reference

    return is_reference(text)


def _iri_reference(text: str) -> bool:
    from ..characters.uris import is_reference

    return is_reference(text, True)


def _uri_template(text: str) -> bool:
    from ..characters.uris import is_template

    return is_template(text)


FORMATS: dict[str, tuple[Callable[[str], bool], str]] = {
    "date-time": (is_date_time, "a date and time like 2026-01-31T13:05:00Z"),
    "date": (is_date, "a date like 2026-01-31"),
    "time": (is_time, "a time of day with its zone, like 13:05:00Z"),
    "duration": (_formed(_DURATION), "a duration like P1DT12H"),
    "email": (is_email, "an e-mail address"),
    "idn-email": (is_idn_email, "an e-mail address"),
    "hostname": (is_hostname, "a host name"),
    "idn-hostname": (is_idn_hostname, "a host name"),
    "ipv4": (is_ipv4, "an IPv4 address like 192.0.2.1"),
    "ipv6": (is_ipv6, "an IPv6 address like 2001:db8::1"),
    "uri": (_uri, "a URI like https://example.com/path"),
    "uri-reference": (_uri_reference, "a URI, or a path relative to one"),
    "iri": (_iri, "a URI like https://example.com/path"),
    "iri-reference": (_iri_reference, "a URI, or a path relative to one"),
    "uri-template": (_uri_template, "a URI template like https://example.com/{name}"),
    "uuid": (_formed(_UUID), "a UUID like 6f1b8b1e-3f0e-4c59-9d3a-5a3b1c0e2d4f"),
    "json-pointer": (_formed(_POINTER), "a JSON pointer like /grants/ports/0"),
    "relative-json-pointer": (_formed(_RELATIVE), "a relative JSON pointer like 1/name"),
    "regex": (is_regex, "a regular expression of ECMA-262"),
}
