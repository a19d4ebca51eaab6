"""Options that mean something only together, checked for whoever does the verb. All raise UsageError."""

from ..errors import UsageError
from .main import Call

OFFLINE = ("--repository", "--host-facts")  # for a plan away from the host


def check_tenants(call: Call) -> None:
    """That the system repository is meant alone, and an operator's word names a tenant."""
    tenants = call.tenants()
    if call.has("--system") and tenants:
        raise UsageError("--system concerns the system repository alone.", hint="Leave the tenants out.")
    if call.has("--allow-rewind") and not tenants:
        raise UsageError("--allow-rewind is for tenants that are named.", hint="bbhv sync --allow-rewind TENANT")


def bundle(call: Call) -> str:
    """The path of the bundle that was given, empty when there is none. It is about one repository."""
    if not call.has("--bundle"):
        return ""
    if not call.get("--bundle"):
        raise UsageError("--bundle= needs the path of a git bundle.")
    if len(call.tenants()) + call.has("--system") != 1:
        raise UsageError("A bundle is about one repository.", hint="Name one tenant, or give --system.")
    return call.get("--bundle")


def generation(call: Call) -> int | None:
    """The number of the generation that was given, None when there is none."""
    if not call.has("--to"):
        return None
    to = call.get("--to")
    if not (to.isascii() and to.isdigit() and len(to) < 10):
        raise UsageError("--to= needs the number of a generation.", hint=f"See: bbhv history {call.tenants()[0]}")
    return int(to)


def check_commit(call: Call) -> None:
    """That a commit is named of one tenant's repository, and not asked for at the same time."""
    if call.has("--commit") and len(call.tenants()) != 1:
        raise UsageError("--commit= is of one tenant's repository.", hint="Write: bbhv plan --commit=REV TENANT")
    if call.has("--commit") and call.has("--fetch"):
        raise UsageError("--fetch asks for the newest commit, and --commit= names one.", hint="Leave one of them out.")
