"""No frame comes out of a container that is not its own, whatever its root sends: frames.py has them all."""

from . import frames
from .conftest import Make
from .nets import grants


def test_no_frame_comes_that_is_not_the_workloads_own(make: Make) -> None:
    heard = frames.heard(make("acme", grants=grants(77)))
    assert heard == {who: set(frames.HONEST) for who in ("a neighbour", "the host")}
