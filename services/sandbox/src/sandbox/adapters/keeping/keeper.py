"""The program that stands between the service and a command in a sandbox.

It is run as a file by a bare Python (`python -I -S keeper.py SOCKET`), inside the
sandbox where there are namespaces, so it imports the standard library alone, and little
of it. SOCKET is a handle that leads to the service, or the path of a socket where the
service listens for this one keeper. Over it comes one JSON text (`Spec`), then one byte
for each wish:

    c   connect me to the app: `+` and a socket of the sandbox's own network, or `-`;
        a socket that comes with this is joined to the app instead
    t   end the app: SIGTERM, a grace, SIGKILL

Where the sandbox has a kernel of its own, as gVisor is, sockets come in and none gets
out: the answer is `<` then, which asks for one to be sent in.

The end of the socket means that the service is gone: everything ends at once. However
the app ends, the keeper ends what is left of its tree and then exits with its code.
"""

import errno
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from _thread import LockType, allocate_lock, start_new_thread
from contextlib import suppress
from typing import Any, NamedTuple, NotRequired, TypedDict

LENGTH = struct.Struct("!I")
CONNECT = b"c"
TERMINATE = b"t"
YES = b"+"
NO = b"-"
BRING = b"<"

_LOOPBACK = (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6))
_LISTEN = "0A"
_CONNECT_S = 1.0
_CHUNK = 65_536
_GRACE_S = 2.0  # for one direction of a connection after the end of the other one
_GIVE_UP_S = 30.0
_ROUND_S = 0.005
_NICENESS = 5
_OOM_SCORE = "500"
_CANNOT_EXECUTE = 127
_SIGNALLED = 128
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_INSTRUCTION_BYTES = 8
_LOOK_S = 1.0
# Of version 1 and version 2 of control groups, as they are seen from inside.
_MEMORY_EVENTS = (
    "/sys/fs/cgroup/memory/memory.oom_control",
    "/sys/fs/cgroup/memory.events",
)


class Spec(TypedDict):
    """What to run and how to keep it."""

    argv: list[str]
    env: dict[str, str]
    cwd: str
    uid: int | None
    """Whom the command runs as; None: as whom the keeper runs."""
    drop: bool
    """The keeper becomes that user as well: it is inside the sandbox."""
    port: int
    """Where the app listens; 0: nowhere."""
    egress: int
    """Port for the way out, whose listening socket the service gets; 0: none."""
    limits: list[tuple[int, int]]
    """Numbers of `setrlimit` and their values."""
    tree: bool
    """There is no process namespace: find what the app has started, and end it."""
    grace_s: float
    filter: NotRequired[str]
    """A program for `seccomp` in hexadecimal, which the app runs under."""
    cgroup: NotRequired[bool]
    """We are alone in a cgroup: look whether the kernel had to end somebody in it."""
    others: NotRequired[list[int]]
    """Where other commands of ours listen, in a network that nobody else has."""


class Handles(NamedTuple):
    """What a service that did not start us sends along with the `Spec`."""

    stdout: int
    stderr: int
    last: int
    """Takes our last word: the exit code, and how often memory ran out. We alone have
    it, so that its end is ours."""


def main() -> None:
    """Keep one command until it ends; never returns."""
    control = _to_service(sys.argv[1])
    length, handles = _receive_length(control)
    spec: Spec = json.loads(_receive(control, length))
    if handles is not None:
        os.dup2(handles.stdout, 1)
        os.dup2(handles.stderr, 2)
        os.close(handles.stdout)
        os.close(handles.stderr)
    _stand_back()
    if spec["tree"]:
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
    if spec["uid"] is not None and spec["drop"]:
        _become(spec["uid"])
    if "others" in spec or not (spec["tree"] or spec["drop"]):
        # The app is the same user: it shall not look at our memory and handles.
        prctl(_PR_SET_DUMPABLE, 0)
    wakeup, pen = os.pipe()
    os.set_blocking(pen, False)
    for sign in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(sign, lambda *_: None)
    signal.set_wakeup_fd(pen, warn_on_full_buffer=False)
    relayed = _send_egress(control, spec["egress"]) if spec["egress"] else None
    app = _start(spec)
    if relayed is not None:
        start_new_thread(_let_out, relayed)
    code = _attend(control, wakeup, app, spec)
    if spec["tree"]:
        _end_tree()
    if handles is not None:
        os.write(handles.last, f"{code} {out_of_memory()}".encode())
    os._exit(code)


def _to_service(name: str) -> socket.socket:
    if name.isdigit():
        control = socket.socket(fileno=int(name))
        control.set_inheritable(False)
        return control
    control = socket.socket(socket.AF_UNIX)
    control.connect(name)
    return control


def _receive_length(control: socket.socket) -> tuple[int, Handles | None]:
    count = len(Handles._fields)
    data, received, _, _ = socket.recv_fds(
        control, LENGTH.size, count, socket.MSG_CMSG_CLOEXEC
    )
    handles = Handles(*received) if len(received) == count else None
    (length,) = LENGTH.unpack(data + _receive(control, LENGTH.size - len(data)))
    return length, handles


def _receive(control: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = control.recv(size - len(data))
        if not piece:
            os._exit(1)
        data += piece
    return data


def prctl(option: int, value: int) -> None:
    """Ask the kernel where it is Linux; elsewhere these wishes cannot be had."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - costs 10 ms, which few commands need to pay

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _send_egress(
    control: socket.socket, port: int
) -> tuple[socket.socket, socket.socket] | None:
    """Hand out a listening socket: it belongs to the network that it was made in.

    Where that cannot be, return it, and whom to ask for a way on for each connection.
    """
    listener = socket.socket()
    listener.bind((_LOOPBACK[0][0], port))
    listener.listen()
    if _hand_out(control, listener):
        listener.close()
        return None
    return listener, _next_wish(control)[1][0]


def _hand_out(control: socket.socket, handle: socket.socket) -> bool:
    """Answer with *handle*, or that one has to be sent in; tell which it was."""
    try:
        socket.send_fds(control, [YES], [handle.fileno()])
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        control.sendall(BRING)
        return False
    return True


def _let_out(listener: socket.socket, asked: socket.socket) -> None:
    """Join everybody who connects to *listener* to a socket that is *asked* for."""
    with suppress(OSError, ValueError):
        while True:
            client, _ = listener.accept()
            asked.sendall(CONNECT)
            _, (way, *_) = _next_wish(asked)
            _join(client, way)


def _join(one: socket.socket, other: socket.socket) -> None:
    """Begin to pass bytes both ways, until soon after one direction has ended."""
    there, back = allocate_lock(), allocate_lock()
    there.acquire()
    back.acquire()
    with suppress(RuntimeError):  # there may be no more threads
        start_new_thread(_pass_on, (one, other, there, back))
        start_new_thread(_pass_on, (other, one, back, there))


def _pass_on(
    source: socket.socket, target: socket.socket, mine: LockType, theirs: LockType
) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    mine.release()
    if not theirs.acquire(timeout=_GRACE_S):
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _start(spec: Spec) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        # Not the keeper, whom every visitor waits for.
        os.nice(_NICENESS)
        for number in (signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        for limit, value in spec["limits"]:
            _lower(limit, value)
        if spec["uid"] is not None and not spec["drop"]:
            _become(spec["uid"])
        if spec["tree"]:
            prctl(_PR_SET_NO_NEW_PRIVS, 1)
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(_CANNOT_EXECUTE)
        if "filter" in spec:
            _filter(bytes.fromhex(spec["filter"]))
        os.chdir(spec["cwd"])
        os.execve(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606 - our task
    except OSError as exc:
        os.write(2, f"{spec['argv'][0]}: {exc.strerror}\n".encode())
    finally:
        os._exit(_CANNOT_EXECUTE)


def _filter(program: bytes) -> None:
    """Give up system calls for good (seccomp(2)); whoever cannot, does not go on."""
    import ctypes  # noqa: PLC0415 - see `prctl`

    instructions = ctypes.create_string_buffer(program, len(program))
    count = len(program) // _INSTRUCTION_BYTES
    wish = struct.pack("@HP", count, ctypes.addressof(instructions))
    if ctypes.CDLL(None).prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, wish, 0, 0):
        raise OSError(0, "system calls cannot be filtered")


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(limit, (value, value))


def _stand_back() -> None:
    """Let the rest of the machine live longer when memory runs out.

    What starts later inherits this and cannot take it back.
    """
    with (
        suppress(OSError),
        open("/proc/self/oom_score_adj", "w", encoding="ascii") as file,  # noqa: PTH123 - pathlib is slow
    ):
        file.write(_OOM_SCORE)


def _attend(control: socket.socket, wakeup: int, app: int, spec: Spec) -> int:
    """Do what the service asks until the app has ended; return the app's code."""
    deadline: float | None = None
    ending = False
    before = out_of_memory()
    sources: list[Any] = [control, wakeup]
    while True:
        code = _reap(app)
        if code is not None:
            return code
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if left == 0.0:
            _signal_group(app, signal.SIGKILL)
            deadline = left = None
        if spec.get("cgroup"):
            left = _LOOK_S if left is None else min(left, _LOOK_S)
        ready, _, _ = select.select(sources, [], [], left)
        asked = wakeup in ready and bytes([signal.SIGTERM]) in os.read(wakeup, 4096)
        brought: list[socket.socket] = []
        if control in ready:
            wish, brought = _next_wish(control)
        elif not ending and (
            asked or (spec.get("cgroup") and out_of_memory() > before)
        ):
            wish = TERMINATE
        else:
            continue
        if wish == CONNECT:
            _connect(control, spec, brought)
        elif wish == TERMINATE:
            _signal_group(app, signal.SIGTERM)
            ending = True
            deadline = time.monotonic() + spec["grace_s"]
        elif not wish:
            sources.remove(control)
            _signal_group(app, signal.SIGKILL)


def out_of_memory() -> int:
    """Return how many processes of our cgroup the kernel had to end."""
    for name in _MEMORY_EVENTS:
        with (
            suppress(OSError),
            open(name, encoding="ascii") as file,  # noqa: PTH123 - pathlib is slow
        ):
            for key, _, count in (line.partition(" ") for line in file):
                if key == "oom_kill":
                    return int(count)
    return 0


def _next_wish(control: socket.socket) -> tuple[bytes, list[socket.socket]]:
    try:
        wish, handles, _, _ = socket.recv_fds(control, 1, 1, socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return b"", []
    return wish, [socket.socket(fileno=one) for one in handles]


def _reap(app: int) -> int | None:
    """Take note of every child that has ended; return the code of *app* if it has."""
    code = None
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == app:
                code = os.waitstatus_to_exitcode(status)
    if code is None:
        return None
    return code if code >= 0 else _SIGNALLED - code


def _signal_group(app: int, sign: signal.Signals) -> None:
    try:
        os.killpg(app, sign)
    except OSError:  # it has not got as far as to make a group of its own
        _send_all({app}, sign)


def _connect(control: socket.socket, spec: Spec, brought: list[socket.socket]) -> None:
    """Send a connection to the app, or join it to what was *brought*."""
    app = _reached(spec)
    with suppress(OSError):
        if app is not None and not brought:
            _hand_out(control, app)
            return
        control.sendall(NO if app is None else YES)
        if app is not None:
            _join(brought[0], app)


def _reached(spec: Spec) -> socket.socket | None:
    """Return a connection to the app, None where nobody listens.

    In a network of its own every listener is the app's: one that does not listen where
    it was told to is found all the same.
    """
    others = spec.get("others", None if spec["tree"] else [])
    found = _connected(spec["port"])
    if found is None and others is not None:
        for port in _listening(but={spec["port"], spec["egress"], *others}):
            found = found or _connected(port)
    return found


def _connected(port: int) -> socket.socket | None:
    for host, family in _LOOPBACK:
        client = socket.socket(family)
        client.settimeout(_CONNECT_S)
        if not client.connect_ex((host, port)):
            client.settimeout(None)
            return client
        client.close()
    return None


def _listening(but: set[int]) -> list[int]:
    """Return the TCP ports on which somebody listens in this network (proc(5))."""
    found = set()
    for name in ("tcp", "tcp6"):
        with (
            suppress(OSError),
            open(f"/proc/self/net/{name}", encoding="ascii") as table,  # noqa: PTH123 - pathlib is slow
        ):
            for columns in (line.split() for line in table):
                if columns[3] == _LISTEN:
                    found.add(int(columns[1].rpartition(":")[2], 16))
    return sorted(found - but)


def _end_tree() -> None:
    """End all that descends from us.

    They are stopped first, so that none forks while the others are being counted. A
    look at all processes is not a moment: one whose parent dies meanwhile may be
    missed. But we are their subreaper, so that as long as anybody is left we have a
    child, and the kernel's word on that is what ends this.
    """
    deadline = time.monotonic() + _GIVE_UP_S
    while _has_child() and time.monotonic() < deadline:
        stopped: set[int] = set()
        while fresh := descendants(os.getpid()) - stopped:
            stopped |= fresh
            _send_all(fresh, signal.SIGSTOP)
        _send_all(stopped, signal.SIGKILL)
        time.sleep(_ROUND_S)


def _has_child() -> bool:
    """Tell whether a child is left, after taking note of those that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    return False


def _send_all(pids: set[int], sign: int) -> None:
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, sign)


def descendants(ancestor: int) -> set[int]:
    """Return the living processes that descend from *ancestor*, without itself."""
    children: dict[int, list[int]] = {}
    with suppress(FileNotFoundError), os.scandir("/proc") as entries:
        for entry in entries:
            parent = parent_of(entry.name) if entry.name.isdigit() else None
            if parent is not None:
                children.setdefault(parent, []).append(int(entry.name))
    found: set[int] = set()
    waiting = [ancestor]
    while waiting:
        fresh = set(children.get(waiting.pop(), ())) - found
        found |= fresh
        waiting += fresh
    return found


def parent_of(name: str) -> int | None:
    """Return the parent of a process, None where it is dead already."""
    try:
        with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow
            # The name in parentheses may hold anything, so count from its end.
            state, parent = file.read().rpartition(b")")[2].split()[:2]
    except (OSError, ValueError):
        return None
    return None if state in b"ZX" else int(parent)


if __name__ == "__main__":
    main()
