"""What a person or a program sees of plans, whoever has made them, and the status that they mean."""

from collections.abc import Sequence

from ..errors import EXIT_FAILED, EXIT_FINDINGS, EXIT_OK, EXIT_REFUSED
from ..findings import errors
from ..model import planview
from ..model.planview import View
from .output import Output


def show(views: Sequence[View], form: str, output: Output) -> None:
    """Prints the plans as text, json or markdown."""
    if form == "json":
        output.json = "short" if output.json == "off" else output.json
        output.value({"plans": [planview.as_json(view) for view in views]})
    elif form == "markdown":
        output.line(planview.markdown(views).rstrip("\n"))
    else:
        for view in views:
            if not output.quiet or status(view):
                output.line(planview.text(view).rstrip("\n"))
                output.findings(view.findings, "  ")


def status(view: View) -> int:
    """What a sync would end with."""
    if view.outcome == "refused":
        return EXIT_FINDINGS if errors(view.findings) else EXIT_REFUSED
    return EXIT_FAILED if view.outcome == "quarantined" else EXIT_OK
