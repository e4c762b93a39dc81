"""What docs/integrate.md tells services on NATS to do, done as it stands there."""

import asyncio
import os
import sys
import textwrap
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from tests.support.stack import ROOT, RUN_TIMEOUT_S, Person, Stack

PAGE = ROOT / "docs" / "integrate.md"
MAX_LINES = 10
COMMAND = """\
#!{python}
'''As much of the `nats` command line as the page uses.'''
import asyncio, nats, sys

async def main(server, prefix, verb, subject, body=""):
    nc = await nats.connect(server, inbox_prefix=prefix)
    if verb == "req":
        print((await nc.request(subject, body.encode(), timeout=30)).data.decode())
        return await nc.close()
    async for message in (await nc.subscribe(subject)).messages:
        print(message.subject, flush=True)

_, a, server, b, prefix, *rest = sys.argv
assert (a, b) == ("--server", "--inbox-prefix")
asyncio.run(main(server, prefix, *rest))
"""
UUIDGEN = "#!{python}\nimport uuid\nprint(uuid.uuid4())\n"
"""Not every machine has it."""


def block(before: str) -> str:
    """Return the lines of code that follow a line of the page."""
    _, _, after = PAGE.read_text().partition(before)
    return after.split("```")[1].partition("\n")[2]


async def granted(ada: Person) -> str:
    project = await ada.create_project("a pomodoro timer")
    answer = await ada.http.put(
        f"/api/projects/{project}/grants/integration", json={"access": "write"}
    )
    assert answer.status_code == 200, answer.text
    return project


async def test_the_python_of_the_page_drives_a_whole_run(
    stack: Stack, ada: Person
) -> None:
    code = block("In Python, a whole run:")
    assert len(code.splitlines()) <= MAX_LINES
    program = "import asyncio, json, nats, sys\nfrom uuid import uuid4\n"
    program += "async def main(url, project):\n" + textwrap.indent(code, "    ")
    program += "\nasyncio.run(main(*sys.argv[1:]))\n"
    url = (stack.data_dir / "integration.url").read_text().strip()
    words = ("-u", "-c", program, url, await granted(ada))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=PIPE, stderr=STDOUT
    )
    assert process.stdout is not None
    said = b""
    try:
        async with asyncio.timeout(RUN_TIMEOUT_S):
            async for line in process.stdout:
                said += line
                if b"run.completed" in line:
                    break
    finally:
        process.kill()
        await process.wait()
    assert b"run.completed" in said, said.decode()
    assert b"file.written" in said


async def test_the_command_line_of_the_page_says_what_is_accepted(
    stack: Stack, ada: Person, tmp_path: Path
) -> None:
    script = block("With the `nats` command line:")
    assert len(script.splitlines()) <= MAX_LINES
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("nats", COMMAND), ("uuidgen", UUIDGEN)):
        (commands / name).write_text(text.format(python=sys.executable))
        (commands / name).chmod(0o755)
    (tmp_path / ".data").symlink_to(stack.data_dir)
    project = await granted(ada)
    path = f"{commands}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-ec", f"{script}\nkill $(jobs -p)"),
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "ID": project},
        stdout=PIPE,
        stderr=STDOUT,
    )
    async with asyncio.timeout(RUN_TIMEOUT_S):
        output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
    assert '"type":"accepted"' in said
    assert '"type":"history"' in said
    assert f"svc.integration.evt.{project}" in said
    await ada.http.delete(f"/api/projects/{project}")
