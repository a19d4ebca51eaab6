"""OpenMetrics 1.0 as text: what Prometheus and whoever else collects numbers reads. Only written, never read.

Source: the OpenMetrics specification, version 1.0.0. A family is one metric with its description and all its series;
the writer puts the suffix of the type and the escapes in their places, and refuses what no reader would take.
"""

from collections.abc import Iterable
from enum import StrEnum
from math import isfinite

from ..records import dataclass

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_REST = _FIRST | frozenset("0123456789")
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Type(StrEnum):
    """The types of metrics that are written: a value now, a sum that only grows, one of several states, a constant."""

    GAUGE = "gauge"
    COUNTER = "counter"
    STATESET = "stateset"
    INFO = "info"


_SUFFIXES = {Type.COUNTER: "_total", Type.INFO: "_info"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One series: its value and its labels."""

    value: int | float
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric. `unit` is a word such as bytes, with which the name then ends."""

    name: str
    type: Type
    help: str
    unit: str = ""
    samples: tuple[Sample, ...] = ()


def render(families: Iterable[Family]) -> str:
    """The text of these families. One without a series is left out. Raises ValueError for what is no metric."""
    parts = [_family(one) for one in families if one.samples]
    return "".join([*parts, "# EOF\n"])


def _family(one: Family) -> str:
    _check(one)
    lines = [f"# TYPE {one.name} {one.type.value}"]
    lines += [f"# UNIT {one.name} {one.unit}"] if one.unit else []
    lines += [f"# HELP {one.name} {one.help.translate(_ESCAPES)}"]
    name = one.name + _SUFFIXES.get(one.type, "")
    lines += [f"{name}{_labels(sample)} {_number(sample.value)}" for sample in one.samples]
    return "".join(f"{line}\n" for line in lines)


def _check(one: Family) -> None:
    names = [one.name, *(name for sample in one.samples for name, _ in sample.labels)]
    if bad := [name for name in names if not name or name[0] not in _FIRST or not _REST.issuperset(name)]:
        raise ValueError(f"{bad[0]!r} is not the name of a metric or a label")
    if one.unit and not one.name.endswith(f"_{one.unit}"):
        raise ValueError(f"{one.name} does not end with its unit {one.unit}")
    if len({sample.labels for sample in one.samples}) != len(one.samples):
        raise ValueError(f"{one.name} has two series with the same labels")
    if one.type is Type.STATESET and any(sample.value not in (0, 1) for sample in one.samples):
        raise ValueError(f"a state of {one.name} is neither 0 nor 1")
    if one.type is Type.COUNTER and any(sample.value < 0 for sample in one.samples):
        raise ValueError(f"{one.name} has counted less than nothing")


def _labels(sample: Sample) -> str:
    inner = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in sample.labels)
    return f"{{{inner}}}" if inner else ""


def _number(value: int | float) -> str:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("a value is not a number that ends")
    return repr(value)
