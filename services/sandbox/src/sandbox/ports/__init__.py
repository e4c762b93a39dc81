"""What the application needs from the world, and every error each part may raise.

Belongs here: protocols, named by need. Does not belong here: who fulfils them.
"""

from sandbox.ports.commands import (
    Adopter,
    Command,
    Fetched,
    Heir,
    Isolation,
    OnOutput,
    Process,
    Runtime,
    RuntimeFailed,
    Unreachable,
)
from sandbox.ports.folders import BadFolder, Folder, Folders, FolderState
from sandbox.ports.people import Browser, LogSink, Look
from sandbox.ports.projects import Owner, Owners, Pictures, ProjectFiles, ProjectGone
from sandbox.ports.templates import BadTemplate, Recipe, Templates

__all__ = [
    "Adopter",
    "BadFolder",
    "BadTemplate",
    "Browser",
    "Command",
    "Fetched",
    "Folder",
    "FolderState",
    "Folders",
    "Heir",
    "Isolation",
    "LogSink",
    "Look",
    "OnOutput",
    "Owner",
    "Owners",
    "Pictures",
    "Process",
    "ProjectFiles",
    "ProjectGone",
    "Recipe",
    "Runtime",
    "RuntimeFailed",
    "Templates",
    "Unreachable",
]
