"""`dataclass`, `field`, `fields`, `replace` and `KW_ONLY` of the standard library, for a tenth of what they cost.

dataclasses(3) compiles source text for each class and imports inspect(3) to do so: a third of what a short command took
went there. Here nothing is compiled. A class gets what it would get there, as far as this program uses it: always
slots, and equality, hash, and representation by its fields. Type checkers see the original; tests compare the two.
"""

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Callable, Iterable, TypeVar

T = TypeVar("T")
_FIELDS = "__record_fields__"
_MISSING: Any = object()


class _KeywordOnly:
    """Marks that the fields behind it are given by name (dataclasses.KW_ONLY)."""


class _Field:
    """What a field is when it is not given, and what it counts for."""

    __slots__ = ("name", "default", "factory", "init", "repr", "compare", "kw_only")

    def __init__(self, default: Any, factory: Any, init: bool, repr: bool, compare: bool) -> None:
        self.name, self.kw_only = "", False
        self.default, self.factory = default, factory
        self.init, self.repr, self.compare = init, repr, compare


def _field(
    *, default: Any = _MISSING, default_factory: Any = _MISSING, init: bool = True, repr: bool = True,
    compare: bool = True,
) -> Any:  # fmt: skip
    return _Field(default, default_factory, init, repr, compare)


def _dataclass(*, slots: bool, frozen: bool = False, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    if not slots:
        raise TypeError("A record has slots.")
    return lambda cls: _made(cls, frozen, kw_only)


def _made(cls: type[T], frozen: bool, kw_only: bool) -> type[T]:
    """The class once more, now that its fields are known: slots cannot be added to one that exists."""
    body = dict(cls.__dict__)
    inherited = {one.name: one for base in reversed(cls.__mro__[1:]) for one in base.__dict__.get(_FIELDS, ())}
    own = _declared(body, cls.__annotations__, kw_only)
    every = tuple({**inherited, **own}.values())
    for name in ("__dict__", "__weakref__", *own):
        body.pop(name, None)
    compared = _names(one for one in every if one.compare)
    methods: dict[str, Any] = {
        "__slots__": tuple(name for name in own if name not in inherited),
        "__match_args__": _names(one for one in every if one.init and not one.kw_only),
        "__repr__": _shows(_names(one for one in every if one.repr)),
        "__eq__": _equals(compared),
        _FIELDS: every,
    }
    methods.update(body)
    methods["__hash__"] = body.get("__hash__") or (_hashes(compared) if frozen else None)
    if frozen:
        methods["__setattr__"], methods["__delattr__"] = _refuse_set, _refuse_delete
    again: Any = type(cls)
    made: type[T] = again(cls.__name__, cls.__bases__, methods)
    made.__qualname__ = cls.__qualname__
    setattr(made, "__init__", _initialises(made, every))
    return made


def _declared(body: dict[str, Any], annotations: dict[str, Any], kw_only: bool) -> dict[str, _Field]:
    """The fields that a class body declares, by name."""
    found = {}
    for name, kind in annotations.items():
        if kind is _KeywordOnly:
            kw_only = True
            continue
        one = body.get(name, _MISSING)
        if not isinstance(one, _Field):
            one = _Field(one, _MISSING, True, True, True)
        one.name, one.kw_only = name, kw_only
        found[name] = one
    return found


def _names(found: Iterable[_Field]) -> tuple[str, ...]:
    return tuple(one.name for one in found)


def _initialises(cls: Any, every: tuple[_Field, ...]) -> Callable[..., None]:
    """`__init__`: positional fields first, then those that are given by name."""
    ordered = sorted((one for one in every if one.init), key=lambda one: one.kw_only)
    rows = tuple((one.name, getattr(cls, one.name).__set__, one.default, one.factory) for one in ordered)
    puts = tuple(put for _, put, _, _ in rows[: len(cls.__match_args__)])
    others = tuple((getattr(cls, one.name).__set__, one.default, one.factory) for one in every
                   if not one.init and (one.default, one.factory) != (_MISSING, _MISSING))  # fmt: skip
    after = getattr(cls, "__post_init__", None)

    def __init__(self: Any, /, *args: Any, **given: Any) -> None:
        if len(args) > len(puts):
            raise TypeError(f"{cls.__name__} takes {len(puts)} positional values, not {len(args)}")
        for put, value in zip(puts, args):
            put(self, value)
        for name, put, default, factory in rows[len(args) :] if args else rows:
            if name in given:
                put(self, given.pop(name))
            elif default is not _MISSING:
                put(self, default)
            elif factory is not _MISSING:
                put(self, factory())
            else:
                raise TypeError(f"{cls.__name__} lacks {name}")
        if given:
            raise TypeError(f"{cls.__name__} does not take {', '.join(given)}")
        for put, default, factory in others:
            put(self, default if factory is _MISSING else factory())
        if after is not None:
            after(self)

    return __init__


def _shows(names: tuple[str, ...]) -> Callable[[Any], str]:
    def __repr__(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _values(names: tuple[str, ...]) -> Callable[[Any], Any]:
    """What takes the values of some fields; also of none or one, for which there is no attrgetter of tuples."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple([getattr(self, name) for name in names])


def _equals(names: tuple[str, ...]) -> Callable[[Any, object], bool]:
    values = _values(names)

    def __eq__(self: Any, other: object) -> bool:
        return bool(values(self) == values(other)) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hashes(names: tuple[str, ...]) -> Callable[[Any], int]:
    values = _values(names)

    def __hash__(self: Any) -> int:
        return hash(values(self))

    return __hash__


def _refuse_set(self: object, name: str, value: object) -> None:
    raise AttributeError(f"cannot assign to field {name!r}")


def _refuse_delete(self: object, name: str) -> None:
    raise AttributeError(f"cannot delete field {name!r}")


def _fields(one: Any) -> tuple[_Field, ...]:
    found: tuple[_Field, ...] = getattr(one, _FIELDS)
    return found


def _replace(one: T, /, **changes: Any) -> T:
    for known in _fields(one):
        if known.init and known.name not in changes:
            changes[known.name] = getattr(one, known.name)
    return type(one)(**changes)


if TYPE_CHECKING:
    from dataclasses import KW_ONLY as KW_ONLY
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import fields as fields
    from dataclasses import replace as replace
else:
    KW_ONLY, dataclass, field, fields, replace = _KeywordOnly, _dataclass, _field, _fields, _replace
