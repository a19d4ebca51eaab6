"""How a tenant wants its changes to be made: the part of metadata.json that a generation remembers."""

from typing import Literal

from ..records import dataclass

OnFailure = Literal["rollback"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """How a change is watched: times in seconds; `keep_generations` counts what stays for a rollback."""

    health_timeout_sec: int = 60
    on_failure: OnFailure = "rollback"
    keep_generations: int = 5
    confirm_within_sec: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a commit may take away because it says so: every workload, and the data of these objects."""

    allow_empty: bool = False
    allow_data_loss: tuple[str, ...] = ()
