"""How much containers weigh beside everything else on this machine.

An engine keeps them in one control group, which competes for a processor as if it were
one task: where many are busy, all apps together get what one of them gets. So ours are
in a group beside it, which weighs one task for each processor, as for processes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chassis import logs
from sandbox.adapters.processes.groups import ROOT, weigh

_log = logs.get(__name__)

_THEIRS = "docker"
"""Where an engine has its containers that nobody has told another place."""
_OURS = "atelier-containers"


def group_of_ours(engine: Mapping[str, Any], root: Path = ROOT) -> str:
    """Return in which group containers are made; empty: where the engine has them.

    *engine* is what it says of itself. Groups that somebody else looks after, or has
    bounded for all containers, are left alone.
    """
    above = root / "cpu" if (root / "cpu").is_dir() else root
    if engine.get("CgroupDriver") != "cgroupfs" or not (above / _THEIRS).is_dir():
        return ""
    try:
        (above / _OURS).mkdir(exist_ok=True)
        weigh(above / _OURS)
    except OSError as exc:
        _log.info("containers weigh as little as one task", reason=str(exc))
        return ""
    return f"/{_OURS}"
