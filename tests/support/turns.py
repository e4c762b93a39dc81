"""Which worker runs which module when: long ones first, beside what it has started.

Modules of a room share what takes seconds to start, so a worker stays in a room as long
as there is something left, and only so many go in.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from typing_extensions import override
from xdist.scheduler.loadscope import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

ROOMS = {
    "installation": (
        "tests/e2e/",
        "tests/contract/test_websocket.py",
        "tests/integration/api/test_services_outside.py",
        "tests/integration/api/test_integrate_page.py",
        "tests/integration/gateway_ws/test_streaming.py",
        "tests/integration/standalone/test_cli.py",
    ),
    "gateways": ("tests/integration/gateway_ws/",),
    "backend": ("tests/contract/rest/", "tests/better_auth/"),
}
PLACES = {"installation": 2, "gateways": 1, "backend": 1}
LONG = (
    "tests/integration/sandbox/test_life.py",
    "tests/e2e/test_backup.py",
    "tests/integration/sandbox/test_templates.py",
    "tests/integration/sandbox/test_pool.py",
    "tests/e2e/web/test_house.py",
    "tests/contract/rest/test_access.py",
    "tests/integration/sandbox/test_python_apps.py",
    "tests/integration/agent/test_crashes.py",
    "tests/integration/sandbox/test_problems.py",
    "tests/contract/test_runtime.py",
    "tests/integration/standalone/test_run.py",
    "tests/e2e/web/test_craft.py",
    "tests/e2e/web/test_dialogs.py",
    "tests/integration/sandbox/test_previews.py",
    "tests/integration/sandbox/test_kubernetes.py",
    "tests/integration/sandbox/test_leftover_pods.py",
    "tests/e2e/test_upgrade.py",
    "tests/integration/agent/test_bus.py",
    "tests/unit/scof/trials/test_mutants.py",
    "tests/e2e/web/test_import.py",
    "tests/e2e/test_repair.py",
    "tests/e2e/web/test_editing.py",
    "tests/contract/test_escapes.py",
    "tests/e2e/test_run.py",
    "tests/contract/test_runtime_isolation.py",
    "tests/e2e/web/test_workspace.py",
    "tests/integration/sandbox/test_controllers.py",
    "tests/integration/gateway_ws/test_hostile.py",
    "tests/e2e/web/test_keyboard.py",
    "tests/integration/agent/test_conversation.py",
    "tests/e2e/web/test_ways_on.py",
    "tests/e2e/test_rolling.py",
    "tests/integration/agent/test_runs.py",
    "tests/integration/standalone/test_cli.py",
    "tests/unit/scof/trials/test_growth.py",
    "tests/integration/standalone/test_demo_model_apps.py",
    "tests/integration/agent/test_misbehaviour.py",
    "tests/integration/sandbox/test_real_packages.py",
    "tests/integration/sandbox/test_docker.py",
)
"""Those of half a minute and more, the longest first."""


class Turns(LoadScopeScheduling):  # type: ignore[misc] # xdist tells nobody its types
    """Gives out whole modules."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]

    @override
    def _assign_work_unit(self, node: "WorkerController") -> None:
        taken = {one: list(modules) for one, modules in self.assigned_work.items()}
        mine = taken.pop(node)
        chosen = next_module(list(self.workqueue), mine, list(taken.values()))
        self.workqueue.move_to_end(chosen, last=False)
        super()._assign_work_unit(node)


def next_module(
    waiting: Iterable[str], mine: list[str], others: Iterable[list[str]]
) -> str:
    """Return what a worker runs after *mine*, while *others* run what they have."""
    order = sorted(waiting, key=_place_in_line)
    here = room_of(mine[-1]) if mine else None
    known = set(map(room_of, mine))
    theirs = [set(map(room_of, modules)) for modules in others]

    def is_open(module: str) -> bool:
        room = room_of(module)
        if room is None or room in known:
            return True
        return sum(room in rooms for rooms in theirs) < PLACES[room]

    stay = (one for one in order if here is not None and room_of(one) == here)
    go = filter(is_open, order)
    return next(stay, None) or next(go, None) or order[0]


def room_of(module: str) -> str | None:
    """Return the room of a module, if it has one."""
    for room, beginnings in ROOMS.items():
        if module.startswith(beginnings):
            return room
    return None


def _place_in_line(module: str) -> int:
    return LONG.index(module) if module in LONG else len(LONG)
