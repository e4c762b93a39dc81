"""A service process from its start to its exit code."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from standalone.ports import free_port
from tests.support.loopback import answers
from tests.support.polling import wait_until

SERVICE = """
import asyncio, sys
from chassis.health import health_app
from chassis.process import run, serve
from chassis.settings import SettingsError

async def main(stopping):
    {before}
    async with asyncio.TaskGroup() as tasks:
        app = health_app(dict(), stopping=stopping)
        tasks.create_task(serve(app, port={port}, stopping=stopping))
        {beside}
    {after}

sys.exit(run("example", main))
"""


@contextmanager
def service(
    port: int, *, before: str = "pass", beside: str = "pass", after: str = "pass"
) -> Iterator[subprocess.Popen[bytes]]:
    source = SERVICE.format(port=port, before=before, beside=beside, after=after)
    process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    with process:
        try:
            yield process
        finally:
            process.kill()


def is_alive(port: int) -> bool:
    return answers(f"http://127.0.0.1:{port}/health")


def test_a_service_answers_and_ends_with_0_at_sigterm() -> None:
    port = free_port()
    with service(port) as process:
        wait_until(lambda: is_alive(port), "the service answers")
        process.terminate()
        assert process.wait(60) == 0


def test_work_in_progress_is_finished_before_the_end() -> None:
    port = free_port()
    after = "await asyncio.sleep(0.2); print('finished')"
    with service(port, after=after) as process:
        wait_until(lambda: is_alive(port), "the service answers")
        process.terminate()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"finished" in out


def test_a_second_signal_ends_it_at_once() -> None:
    port = free_port()
    after = "print('draining', flush=True); await asyncio.sleep(60)"
    with service(port, after=after) as process:
        assert process.stdout is not None
        wait_until(lambda: is_alive(port), "the service answers")
        process.send_signal(signal.SIGINT)
        while b"draining" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(50) == 1


def test_a_crash_is_told_and_ends_with_1() -> None:
    beside = "raise RuntimeError('broken')"
    with service(free_port(), beside=beside) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"RuntimeError: broken" in out


def test_a_bad_setting_is_one_sentence() -> None:
    before = "raise SettingsError('PORT must be a number.')"
    with service(free_port(), before=before) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"PORT must be a number." in out
    assert b"Traceback" not in out


def test_a_port_in_use_is_one_sentence() -> None:
    port = free_port()
    with service(port) as first:
        wait_until(lambda: is_alive(port), "the service answers")
        with service(port) as second:
            out, _ = second.communicate(timeout=60)
        first.terminate()
    assert second.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}".encode() in out
    assert b"Traceback" not in out


def test_work_that_does_not_end_is_cut_off_after_the_time_to_drain() -> None:
    port = free_port()
    before = "import chassis.process; chassis.process.DRAIN_S = 1.1"
    with service(port, before=before, after="await asyncio.sleep(60)") as process:
        wait_until(lambda: is_alive(port), "the service answers")
        process.terminate()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"still busy" in out
