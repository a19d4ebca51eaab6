"""The manifest: what a generation is made of, as plain data that is stored beside its units.

The plan is computed from two manifests alone, so everything that can make a workload restart is in here, in a
normalised form. The text is canonical JSON: the same manifest has the same bytes.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar, get_args

from ..formats.jsontext import Json, dump
from ..kinds.lifecycle import Lifecycle, OnFailure
from ..records import dataclass, field

API_VERSION = "bitbuilder.io/v1"
ImageFormat = Literal["tree", "tar", "raw", "offered"]
T = TypeVar("T")
# What the identity of an image ends in that is used without its compression.
EXPANDED = ":expanded"
# Of the infrastructure: the setting that says how large the storage is, and what a volume for machines is. What they
# share has another place than what containers use, so that nothing of one use is ever seen by the other.
STORAGE, DRIVE, SHARED = "storage", "drive", "shared-directory"
SHARED_ENDING = ".shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """An image that a workload starts from.

    `format` "offered" is an image that the operator put on the host: it is used where it lies and `source` is empty,
    except for an offered archive, whose `source` is a file:// URL. Every other image is fetched from `source`, has the
    digest `sha256`, and is present when `path` exists. `identity` differs whenever the content does. `signature` is
    where a signature over it is; empty where none is asked for.
    """

    name: str
    format: ImageFormat
    source: str
    sha256: str
    identity: str
    path: str
    signature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How to tell that a workload is healthy: the check as `Health=` has it, such as tcp:80; times in seconds."""

    check: str = "unit"
    stable_sec: float = 5.0
    grace_sec: float = 0.0
    interval_sec: float = 1.0
    timeout_sec: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One machine or container. `after` names units; `settings` maps "Section.Key" and pseudo keys to texts."""

    name: str
    kind: str
    unit: str
    after: tuple[str, ...]
    settings: Mapping[str, str]
    health: Health
    image: ImageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything a generation of one tenant consists of. `inputs` is the SHA-256 of all that compile saw.

    `scripts` maps the names of the scripts that it comes with to the SHA-256 of their texts, which lie beside it.
    """

    tenant: str
    commit: str
    inputs: str
    version: str
    workloads: tuple[Workload, ...] = ()
    slice_settings: Mapping[str, str] = field(default_factory=dict)
    infra_settings: Mapping[str, str] = field(default_factory=dict)
    network_settings: Mapping[str, str] = field(default_factory=dict)
    lifecycle: Lifecycle = Lifecycle()
    images: tuple[ImageRef, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)


def image_path(store: str, digest: str, format: ImageFormat) -> str:
    """Where the image store keeps an image: a directory for an unpacked archive, a file for a file-system image."""
    return f"{store}/{digest}.raw" if format == "raw" else f"{store}/{digest}.tree"


def kept_name(identity: str) -> str:
    """What a copy that is kept of an image is called. Going back to another image finds what was kept with that one."""
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def sizes(manifest: Manifest) -> dict[str, int]:
    """The sizes in bytes of what the infrastructure has on the host, by the names of their settings."""
    words = {name: text.rpartition(" ") for name, text in manifest.infra_settings.items()}
    return {
        name: int(size) for name, (what, _, size) in words.items()
        if size.isdecimal() and (what == DRIVE or name == STORAGE)
    }  # fmt: skip


def to_json(manifest: Manifest) -> str:
    """The manifest as canonical JSON text."""
    return dump(as_json(manifest))


def as_json(manifest: Manifest) -> Json:
    """The manifest as one JSON value."""
    life = manifest.lifecycle
    return (
        {
            "apiVersion": API_VERSION,
            "tenant": manifest.tenant,
            "commit": manifest.commit,
            "inputs": manifest.inputs,
            "version": manifest.version,
            "workloads": [_workload_to(workload) for workload in manifest.workloads],
            "slice": dict(manifest.slice_settings),
            "infra": dict(manifest.infra_settings),
            **({"network": dict(manifest.network_settings)} if manifest.network_settings else {}),
            "lifecycle": {
                "healthTimeoutSec": life.health_timeout_sec,
                "onFailure": life.on_failure,
                "keepGenerations": life.keep_generations,
                "confirmWithinSec": life.confirm_within_sec,
            },
            "images": [_image_to(image) for image in manifest.images],
            "scripts": dict(manifest.scripts),
        }
    )


def from_json(text: str) -> Manifest:
    """The manifest in a text that `to_json` made. Raises ValueError for anything else."""
    try:
        value: Json = json.loads(text)
    except RecursionError:
        raise ValueError("the manifest is nested too deeply") from None
    top = _Object(value, "the manifest")
    if (version := top.text("apiVersion")) != API_VERSION:
        raise ValueError(f"the manifest has apiVersion {version!r}, not {API_VERSION!r}")
    manifest = Manifest(
        tenant=top.text("tenant"),
        commit=top.text("commit"),
        inputs=top.text("inputs"),
        version=top.text("version"),
        workloads=top.items("workloads", _workload_from),
        slice_settings=top.texts_by_name("slice"),
        infra_settings=top.texts_by_name("infra"),
        network_settings=top.texts_by_name("network") if top.has("network") else {},
        lifecycle=_lifecycle_from(top.take("lifecycle")),
        images=top.items("images", _image_from),
        scripts=top.texts_by_name("scripts"),
    )
    top.finish()
    return manifest


def _workload_to(workload: Workload) -> Json:
    health = workload.health
    return {
        "name": workload.name,
        "kind": workload.kind,
        "unit": workload.unit,
        "after": list(workload.after),
        "settings": dict(workload.settings),
        "health": {
            "check": health.check,
            "stableSec": health.stable_sec,
            "graceSec": health.grace_sec,
            "intervalSec": health.interval_sec,
            "timeoutSec": health.timeout_sec,
        },
        "image": _image_to(workload.image),
    }


def _workload_from(value: Json) -> Workload:
    it = _Object(value, "a workload")
    workload = Workload(
        name=it.text("name"),
        kind=it.text("kind"),
        unit=it.text("unit"),
        after=it.items("after", _text),
        settings=it.texts_by_name("settings"),
        health=_health_from(it.take("health")),
        image=_image_from(it.take("image")),
    )
    it.finish()
    return workload


def _health_from(value: Json) -> Health:
    it = _Object(value, "a health check")
    health = Health(
        check=it.text("check"),
        stable_sec=it.number("stableSec"),
        grace_sec=it.number("graceSec"),
        interval_sec=it.number("intervalSec"),
        timeout_sec=it.number("timeoutSec"),
    )
    it.finish()
    return health


def _image_to(image: ImageRef) -> Json:
    return {
        "name": image.name,
        "format": image.format,
        "source": image.source,
        "sha256": image.sha256,
        "identity": image.identity,
        "path": image.path,
        **({"signature": image.signature} if image.signature else {}),
    }


def _image_from(value: Json) -> ImageRef:
    it = _Object(value, "an image")
    format = it.text("format")
    image = ImageRef(
        name=it.text("name"),
        format=_one_of(format, get_args(ImageFormat)),
        source=it.text("source"),
        sha256=it.text("sha256"),
        identity=it.text("identity"),
        path=it.text("path"),
        signature=it.text("signature") if it.has("signature") else "",
    )
    it.finish()
    return image


def _lifecycle_from(value: Json) -> Lifecycle:
    it = _Object(value, "the lifecycle")
    on_failure = it.text("onFailure")
    lifecycle = Lifecycle(
        health_timeout_sec=it.integer("healthTimeoutSec"),
        on_failure=_one_of(on_failure, get_args(OnFailure)),
        keep_generations=it.integer("keepGenerations"),
        confirm_within_sec=it.integer("confirmWithinSec"),
    )
    it.finish()
    return lifecycle


def _one_of(text: str, choices: tuple[T, ...]) -> T:
    for choice in choices:
        if choice == text:
            return choice
    raise ValueError(f"{text!r} is not one of {', '.join(str(choice) for choice in choices)}")


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text was expected, not {type(value).__name__}")
    return value


class _Object:
    """A JSON object whose every key is taken exactly once; anything missing, left over or of another type raises."""

    def __init__(self, value: Json, what: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{what} is not an object")
        self._left = dict(value)
        self._what = what

    def take(self, key: str) -> Json:
        if key not in self._left:
            raise ValueError(f"{self._what} has no {key!r}")
        return self._left.pop(key)

    def has(self, key: str) -> bool:
        return key in self._left

    def text(self, key: str) -> str:
        return _text(self.take(key))

    def number(self, key: str) -> float:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{self._what} has a {key!r} that is not a number")
        return float(value)

    def integer(self, key: str) -> int:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{self._what} has a {key!r} that is not an integer")
        return value

    def items(self, key: str, read: Callable[[Json], T]) -> tuple[T, ...]:
        value = self.take(key)
        if not isinstance(value, list):
            raise ValueError(f"{self._what} has a {key!r} that is not a list")
        return tuple(read(item) for item in value)

    def texts_by_name(self, key: str) -> dict[str, str]:
        value = self.take(key)
        if not isinstance(value, dict):
            raise ValueError(f"{self._what} has a {key!r} that is not an object")
        return {name: _text(item) for name, item in value.items()}

    def finish(self) -> None:
        if self._left:
            raise ValueError(f"{self._what} has an unknown {min(self._left)!r}")
