"""A client that does not read costs the others nothing, and itself nothing either."""

import asyncio
import contextlib
import socket

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.integration.gateway_ws.guests import Guest, Host, seqs
from tests.support.stack import Socket

FILES = 6


async def connect_without_reading(guest: Guest, host: Host) -> ClientConnection:
    """Connect with little room for what is not read."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)  # noqa: FBT003 - the standard library's own
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", host.port))
    return await connect(
        f"ws://127.0.0.1:{host.port}/ws/{guest.project}?after=0",
        sock=narrow,
        additional_headers={"Cookie": guest.cookie},
        max_size=None,
        max_queue=1,
        ping_interval=None,
    )


async def test_who_stops_reading_is_closed_and_comes_back_without_a_loss(
    ada: Guest, strict: Host
) -> None:
    before = strict.count("gateway_closed_total", "1013")
    asleep = Socket(await connect_without_reading(ada, strict))
    async with ada.socket(strict, after=0) as awake:
        for number in range(FILES):
            await ada.write(f"{number}.txt", "x" * 900_000)
        await awake.hear(lambda message: message.get("seq") == 1 + FILES)
        await strict.until_counted(before, "gateway_closed_total", "1013")
    with contextlib.suppress(ConnectionClosed):
        await asleep.hear(lambda _: False)
    heard = seqs(asleep.heard)
    async with ada.socket(strict, after=heard[-1]) as back:
        await back.hear(lambda message: message.get("seq") == 1 + FILES)
    assert heard + seqs(back.heard) == seqs(awake.heard) == list(range(1, 2 + FILES))


async def test_who_reads_slowly_hears_everything(ada: Guest, host: Host) -> None:
    slow = Socket(await connect_without_reading(ada, host))
    for number in range(FILES):
        await ada.write(f"{number}.txt", "x" * 300_000)
        await ada.rename(f"name {number}")
    async with asyncio.timeout(60):
        while seqs(slow.heard)[-1:] != [1 + 2 * FILES]:
            await slow.hear(lambda message: "seq" in message)
            await asyncio.sleep(0.05)  # as slow as it is
    await slow.connection.close()
    assert seqs(slow.heard) == list(range(1, 2 + 2 * FILES))
