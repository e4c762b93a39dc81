"""What is not told to the model again, so that nothing it refuses wedges a project."""

from typing import Literal

from agent.domain.run_state import Run
from agent.domain.state import Project
from contracts.project import RunFailed

Suspect = Literal["pictures", "anything"]
"""What of a request may be why a provider refuses it: pictures alone, or anything."""


def refused(
    project: Project, run: Run, message: str, suspect: Suspect, *, certain: bool = False
) -> RunFailed:
    """Return the end of a run whose request was refused, and what is forgotten.

    Pictures are suspected first. What people said is told once more, unless it is
    *certain* to be the reason, because it may be a setting that is wrong.
    """
    forgets: Literal["pictures", "conversation"] | None = None
    if run.images or any(said.images for said in run.messages):
        forgets = "pictures"
        message += " Pictures that were sent are left out from now on."
    elif suspect == "anything" and (certain or project.refusals):
        forgets = "conversation"
        message += (
            " What was said so far is left out from now on: say again what you want."
        )
    return RunFailed(run.id, message, refused=True, forgets=forgets)
