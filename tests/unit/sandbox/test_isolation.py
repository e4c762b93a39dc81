"""What is said of a runtime, in one sentence that leaves nothing out."""

import pytest

from sandbox.ports import Isolation


def isolation(*, disk: bool) -> Isolation:
    walls = dict.fromkeys(("files", "processes", "network"), True)
    return Isolation(
        name="bubblewrap",
        **walls,
        own_user=False,
        system_calls=True,
        memory=True,
        disk=disk,
    )


@pytest.mark.parametrize(
    ("disk", "said"),
    [
        (True, "disk: bounded by the kernel"),
        (False, "disk: watched, not bounded by the kernel"),
    ],
)
def test_a_bound_of_the_disk_is_claimed_only_where_there_is_one(
    *, disk: bool, said: str
) -> None:
    assert isolation(disk=disk).summary == (
        "bubblewrap; isolated: files, processes, network, system calls, memory; "
        f"shared with this machine: user; {said}"
    )
