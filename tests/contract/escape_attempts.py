"""Ways out of a sandbox, tried from inside: this file is copied there and run.

So it imports nothing but the standard library. Each attempt is a function that returns
whether it got through; an error means that it did not. Each one runs in a process of
its own with a time limit. The first line of its docstring is what the table shows.
"""

import ctypes
import errno
import json
import os
import resource
import select
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Attempt = Callable[[], bool]
ATTEMPTS: dict[str, Attempt] = {}
FACTS: dict[str, str] = {}
"""What a neighbour of the sandbox knows, and a good guesser too."""

_TIME_S = 8.0
_SHUT = (errno.EPERM, errno.EACCES, errno.ENOSYS)
_MIB = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)


def attempt(function: Attempt) -> Attempt:
    """Add *function* to those that are tried."""
    ATTEMPTS[function.__name__.replace("_", " ")] = function
    return function


def call(number: int, *arguments: object) -> bool:
    """Tell whether the kernel has taken a system call into consideration."""
    ctypes.set_errno(0)
    done = _libc.syscall(ctypes.c_long(number), *arguments)
    return bool(done >= 0) or ctypes.get_errno() not in _SHUT


def kernel(name: str, number: int, *arguments: object) -> None:
    """Add a system call that only attacks the kernel, or the walls."""
    ATTEMPTS[f"call {name}"] = lambda: call(number, *arguments)


def reads(path: str, wanted: str = "") -> bool:
    """Tell whether *path* can be read, and holds what it should."""
    with Path(path).open("rb") as file:
        return wanted.encode() in file.read(65536)


def opens_for_writing(path: str) -> bool:
    """Tell whether *path* could be changed; it is left as it is."""
    os.close(os.open(path, os.O_WRONLY))
    return True


def takes(path: str, content: bytes) -> bool:
    """Tell whether *path*, of our own limits, takes *content*."""
    try:
        handle = os.open(path, os.O_WRONLY)
    except OSError:
        return False
    try:
        return os.write(handle, content) > 0
    except OSError:
        return False
    finally:
        os.close(handle)


def creates(path: str) -> bool:
    """Tell whether a file can be made at *path*."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return True


def connects(host: str, port: int) -> bool:
    """Tell whether somebody accepts a connection there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(2)
        client.connect((host, port))
    return True


def sends(host: str, port: int) -> bool:
    """Tell whether a packet to there leaves at all."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.connect((host, port))
        return client.send(b"x") == 1


def egress(request: str) -> bool:
    """Tell whether the way out for installs leads there."""
    address = os.environ["HTTPS_PROXY"].rpartition(":")[2].strip("/")
    with socket.create_connection(("127.0.0.1", int(address)), 3) as client:
        client.sendall(f"{request}\r\nHost: x\r\n\r\n".encode())
        return b" 200 " in client.recv(100).partition(b"\r\n")[0] + b" "


# --- files ----------------------------------------------------------------------------


@attempt
def read_the_passwords_of_the_machine() -> bool:
    return reads("/etc/shadow")


@attempt
def see_who_has_accounts_on_the_machine() -> bool:
    lines = Path("/etc/passwd").read_text(encoding="utf-8").splitlines()
    return any(line.startswith(FACTS["user"] + ":") for line in lines)


@attempt
def read_a_file_outside() -> bool:
    return reads(FACTS["secret_file"], FACTS["secret"])


@attempt
def write_a_file_outside() -> bool:
    return creates(FACTS["outside"] + "/made")


@attempt
def read_a_file_outside_over_a_link() -> bool:
    Path("link").symlink_to(FACTS["secret_file"])
    return reads("link", FACTS["secret"])


@attempt
def read_a_file_outside_over_dots() -> bool:
    return reads("../" * 20 + FACTS["secret_file"], FACTS["secret"])


@attempt
def write_a_file_outside_over_a_link_to_a_folder() -> bool:
    Path("folder").symlink_to(FACTS["outside"])
    return creates("folder/made-too")


@attempt
def give_a_file_outside_a_second_name() -> bool:
    os.link(FACTS["secret_file"], "second")
    return True


@attempt
def read_a_file_of_another_project() -> bool:
    return reads(FACTS["other"] + "/secret.txt", FACTS["secret"])


@attempt
def write_into_another_project() -> bool:
    return creates(FACTS["other"] + "/made")


@attempt
def list_the_folders_of_all_projects() -> bool:
    return len(os.listdir(FACTS["boxes"])) > 0  # noqa: PTH208 - as an intruder would


@attempt
def read_the_state_that_the_service_keeps_of_the_project() -> bool:
    return creates(FACTS["own"] + "/state.json")


@attempt
def read_files_over_the_root_of_the_first_process() -> bool:
    return reads("/proc/1/root" + FACTS["secret_file"], FACTS["secret"])


@attempt
def read_files_over_the_root_of_the_service() -> bool:
    return reads(
        f"/proc/{FACTS['service']}/root{FACTS['secret_file']}", FACTS["secret"]
    )


@attempt
def change_a_program_of_the_system() -> bool:
    return creates("/usr/bin/made-by-an-app")


@attempt
def add_an_account() -> bool:
    return opens_for_writing("/etc/passwd")


@attempt
def change_the_keeper() -> bool:
    found = [
        word
        for word in Path(f"/proc/{os.environ['KEEPER']}/cmdline")
        .read_text()
        .split("\0")
        if word.endswith("keeper.py")
    ]
    os.close(os.open(found[0], os.O_RDWR))
    return True


@attempt
def make_a_program_that_runs_as_root() -> bool:
    Path("root").write_bytes(b"x")
    os.chown("root", 0, 0)
    Path("root").chmod(0o4755)
    return stat.S_ISUID & Path("root").stat().st_mode != 0


@attempt
def gain_rights_by_running_a_program() -> bool:
    return bool(_libc.prctl(39, 0, 0, 0, 0) == 0)  # PR_GET_NO_NEW_PRIVS


@attempt
def open_a_disk_of_the_machine() -> bool:
    devices = Path("/proc/partitions").read_text(encoding="ascii").split("\n")[2:]
    names = [line.split() for line in devices if line]
    os.mknod("disk", 0o600 | stat.S_IFBLK, os.makedev(int(names[0][0]), 0))
    return True


@attempt
def open_the_memory_of_the_machine() -> bool:
    return any(_opens(name) for name in ("/dev/mem", "/dev/kmem", "/dev/port"))


@attempt
def read_the_memory_of_the_kernel() -> bool:
    return reads("/proc/kcore")


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return False
    return True


@attempt
def find_the_socket_of_an_engine() -> bool:
    names = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd")
    return any(Path(name).exists() for name in (*names, FACTS["engine"]))


@attempt
def speak_to_the_service_in_place_of_the_keeper() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("/run/atelier/service")
    return True


@attempt
def put_something_where_the_keeper_finds_the_service() -> bool:
    return creates("/run/atelier/made")


# --- kernel files ---------------------------------------------------------------------


@attempt
def choose_a_program_for_crashes() -> bool:
    return opens_for_writing("/proc/sys/kernel/core_pattern")


@attempt
def crash_the_machine() -> bool:
    return opens_for_writing("/proc/sysrq-trigger")


@attempt
def choose_a_program_for_devices() -> bool:
    return opens_for_writing("/sys/kernel/uevent_helper")


@attempt
def change_a_setting_of_the_kernel() -> bool:
    return opens_for_writing("/proc/sys/vm/overcommit_memory")


@attempt
def choose_a_program_for_empty_control_groups() -> bool:
    found = Path("/sys/fs/cgroup").rglob("release_agent")
    return opens_for_writing(str(next(found)))


@attempt
def raise_the_own_memory_limit() -> bool:
    names = ("memory/memory.limit_in_bytes", "memory.max")
    return any(takes(f"/sys/fs/cgroup/{name}", b"-1") for name in names)


@attempt
def raise_the_own_limit_of_processes() -> bool:
    return any(
        takes(f"/sys/fs/cgroup/{name}", b"max")
        for name in ("pids/pids.max", "pids.max")
    )


@attempt
def leave_the_own_control_group() -> bool:
    found = Path("/sys/fs/cgroup").rglob("cgroup.procs")
    return any(takes(str(path), str(os.getpid()).encode()) for path in found)


@attempt
def be_spared_when_memory_runs_out() -> bool:
    return takes("/proc/self/oom_score_adj", b"-1000")


@attempt
def go_before_everybody_else() -> bool:
    before = os.nice(0)
    return os.nice(-1) < before


@attempt
def raise_the_own_limits() -> bool:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1))
    return True


# --- processes ------------------------------------------------------------------------


@attempt
def signal_the_service() -> bool:
    os.kill(int(FACTS["service"]), 0)
    return True


@attempt
def signal_the_app_of_another_project() -> bool:
    os.kill(int(FACTS["other_pid"]), 0)
    return True


@attempt
def see_the_processes_of_the_machine() -> bool:
    return Path(f"/proc/{FACTS['other_pid']}").exists()


@attempt
def read_the_environment_of_the_service() -> bool:
    return reads(f"/proc/{FACTS['service']}/environ", FACTS["secret"])


@attempt
def read_the_environment_of_the_first_process() -> bool:
    return reads("/proc/1/environ", FACTS["secret"])


@attempt
def find_a_secret_in_the_own_environment() -> bool:
    return FACTS["secret"] in "".join(os.environ.values())


@attempt
def trace_the_keeper() -> bool:
    return call(101, 16, int(os.environ["KEEPER"]), 0, 0)


@attempt
def read_the_memory_of_the_keeper() -> bool:
    os.close(os.open(f"/proc/{os.environ['KEEPER']}/mem", os.O_RDONLY))
    return True


@attempt
def take_a_handle_from_the_keeper() -> bool:
    handle = os.pidfd_open(int(os.environ["KEEPER"]))
    return call(438, handle, 3, 0)


@attempt
def give_the_keeper_another_word_to_say() -> bool:
    mine = {os.readlink(f"/proc/self/fd/{number}") for number in (0, 1, 2)}  # noqa: PTH115 - what a link of a handle says
    folder = Path(f"/proc/{os.environ['KEEPER']}/fd")
    return any(
        "pipe" in str(path.readlink()) and str(path.readlink()) not in mine
        for path in folder.iterdir()
        if _opens(str(path))
    )


# --- network --------------------------------------------------------------------------


@attempt
def connect_to_the_loopback_of_the_machine() -> bool:
    return connects("127.0.0.1", int(FACTS["port"]))


@attempt
def connect_to_the_loopback_of_the_machine_over_ipv6() -> bool:
    return connects("::1", int(FACTS["port6"]))


@attempt
def connect_to_an_address_of_the_machine() -> bool:
    return connects(FACTS["address"], int(FACTS["open_port"]))


@attempt
def connect_to_a_socket_of_the_machine() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(FACTS["socket"])
    return True


@attempt
def connect_to_a_socket_without_a_file() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + FACTS["abstract"])
    return True


@attempt
def ask_for_the_metadata_of_a_cloud() -> bool:
    return sends("169.254.169.254", 80)


@attempt
def send_a_packet_to_the_world() -> bool:
    return sends("192.0.2.1", 9)


@attempt
def send_a_packet_to_the_world_over_ipv6() -> bool:
    return sends("2001:db8::1", 9)


@attempt
def ask_a_name_server() -> bool:
    return sends("8.8.8.8", 53)


@attempt
def reach_private_networks() -> bool:
    return any(
        _through(sends, host) for host in ("10.0.0.1", "172.17.0.1", "192.168.0.1")
    )


def _through(way: Callable[[str, int], bool], host: str) -> bool:
    with suppress(OSError):
        return way(host, 80)
    return False


@attempt
def connect_to_the_app_of_another_project() -> bool:
    return connects("127.0.0.1", int(FACTS["other_port"]))


@attempt
def listen_to_packets() -> bool:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    return True


@attempt
def make_packets() -> bool:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).close()
    return True


@attempt
def make_a_network_device() -> bool:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        link = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
        kind = struct.pack("=HH", 9, 1) + b"dummy\0\0\0"
        info = struct.pack("=HH", 4 + len(kind) - 3 + 3, 18) + kind
        body = link + info
        netlink.send(struct.pack("=IHHII", 16 + len(body), 16, 0x605, 1, 0) + body)
        answer = netlink.recv(4096)
        (code,) = struct.unpack_from("=i", answer, 16)
        return -code not in _SHUT


@attempt
def speak_to_the_hypervisor() -> bool:
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        client.connect((2, 9))
    return True


# --- the way out for installs ---------------------------------------------------------


@attempt
def install_from_another_host() -> bool:
    return egress("CONNECT example.com:443 HTTP/1.1")


@attempt
def tunnel_to_the_loopback_of_the_machine() -> bool:
    return egress(f"CONNECT 127.0.0.1:{FACTS['port']} HTTP/1.1")


@attempt
def tunnel_to_the_metadata_of_a_cloud() -> bool:
    return egress("CONNECT 169.254.169.254:80 HTTP/1.1")


@attempt
def tunnel_to_another_port_of_a_registry() -> bool:
    return egress("CONNECT registry.npmjs.org:22 HTTP/1.1")


@attempt
def fetch_from_the_loopback_of_the_machine() -> bool:
    return egress(f"GET http://127.0.0.1:{FACTS['port']}/ HTTP/1.1")


@attempt
def fetch_a_file_of_the_machine() -> bool:
    return egress(f"GET file://{FACTS['secret_file']} HTTP/1.1")


# --- the kernel -----------------------------------------------------------------------

_NEW_USER, _NEW_FILES = 0x1000_0000, 0x0002_0000
_HERE = os.open("/", os.O_RDONLY)


@attempt
def enter_the_network_of_the_first_process() -> bool:
    return call(308, os.open("/proc/1/ns/net", os.O_RDONLY), 0)


@attempt
def become_root() -> bool:
    os.setuid(0)
    return True


@attempt
def join_the_group_of_root() -> bool:
    os.setgroups([0])
    return True


@attempt
def have_any_capability() -> bool:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    sets = [line for line in status.splitlines() if line.startswith(("CapEff", "CapP"))]
    return any(int(line.split()[1], 16) for line in sets)


@attempt
def regain_a_capability() -> bool:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (bound,) = (line for line in status.splitlines() if line.startswith("CapBnd"))
    return int(bound.split()[1], 16) != 0 and gain_rights_by_running_a_program()


@attempt
def use_the_calls_of_another_abi() -> bool:
    return call(0x4000_0000 | 39)


kernel("unshare for a user namespace", 272, _NEW_USER)
kernel("unshare for mounts", 272, _NEW_FILES)
kernel("clone3", 435, 0, 0)
kernel("setns", 308, _HERE, 0)
kernel("mount", 165, b"x", b"/app", b"tmpfs", 0, 0)
kernel("mount to make the system writable", 165, 0, b"/", 0, 0x20, 0)
kernel("umount", 166, b"/proc", 0)
kernel("pivot_root", 155, b"/app", b"/app")
kernel("chroot", 161, b"/")
kernel("fsopen", 430, b"tmpfs", 0)
kernel("open_tree", 428, -100, b"/", 1)
kernel("move_mount", 429, -1, b"", -1, b"", 0)
kernel("mount_setattr", 442, -1, b"", 0, 0, 0)
kernel("mknod of a device", 133, b"device", 0o20600, os.makedev(1, 1))
kernel("bpf", 321, 0, 0, 0)
kernel("perf_event_open", 298, 0, 0, -1, -1, 0)
kernel("userfaultfd", 323, 0)
kernel("keyctl", 250, 0, -3, 1)
kernel("add_key", 248, b"user", b"x", b"x", 1, -3)
kernel("request_key", 249, b"user", b"x", 0, 0)
kernel("io_uring_setup", 425, 8, 0)
kernel("init_module", 175, 0, 0, b"")
kernel("finit_module", 313, -1, b"", 0)
kernel("kexec_load", 246, 0, 0, 0, 0)
kernel("reboot", 169, 0xFEE1_DEAD, 672_274_793, 0x1234, 0)
kernel("settimeofday", 164, 0, 0)
kernel("sethostname", 170, b"x", -1)
kernel("swapon", 167, b"x", 0)
kernel("syslog", 103, 10, 0, 0)
kernel("process_vm_readv", 310, os.getppid(), 0, 0, 0, 0, 0)
kernel("kcmp", 312, os.getpid(), os.getpid(), 0, 0, 0)
kernel("personality", 135, 0x0040000)
kernel("iopl", 172, 3)
kernel("modify_ldt", 154, 0, 0, 0)
kernel("open_by_handle_at", 304, -1, 0, 0)
kernel("name_to_handle_at", 303, -100, b"/", 0, 0, 0)
kernel("fanotify_init", 300, 0, 0)
kernel("acct", 163, 0)
kernel("quotactl", 179, 0, 0, 0, 0)


# --- bombs that end by themselves -----------------------------------------------------


@attempt
def write_a_file_of_a_gigabyte() -> bool:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Path("big").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 1024 * _MIB)
    Path("big").unlink()
    return True


def fill(folder: str) -> bool:
    """Put more into *folder* than a sandbox may have in memory."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    made = [Path(folder, f"fill-{number}") for number in range(2)]
    try:
        for path in made:
            with path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, 100 * _MIB)
    finally:
        for path in made:
            with suppress(OSError):
                path.unlink()
    return True


@attempt
def fill_the_temporary_folder() -> bool:
    return fill("/tmp")  # noqa: S108 - the sandbox's


@attempt
def fill_the_shared_memory() -> bool:
    return fill("/dev/shm")  # noqa: S108 - the sandbox's


@attempt
def fill_the_folder_of_devices() -> bool:
    return fill("/dev")


@attempt
def fill_the_root_of_all_folders() -> bool:
    return fill("/")


@attempt
def open_ten_thousand_files() -> bool:
    handles = [os.dup(0) for _ in range(10_000)]
    return len(handles) > 0


@attempt
def flood_the_log() -> bool:
    os.set_blocking(2, False)
    written, until = 0, time.monotonic() + 2
    while time.monotonic() < until:
        if select.select([], [2], [], 0.1)[1]:
            with suppress(BlockingIOError):
                written += os.write(2, b"x" * 65535 + b"\n")
    return written > 6 * _MIB


# --- the frame ------------------------------------------------------------------------


def _in_a_process(function: Attempt) -> bool:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        with suppress(BaseException):
            signal.alarm(int(_TIME_S))
            os.write(writing, b"+" if function() else b"-")
        os._exit(0)
    os.close(writing)
    outcome = os.read(reading, 1)
    os.close(reading)
    os.waitpid(pid, 0)
    return outcome == b"+"


def main() -> None:
    """Try everything, and print what got through."""
    FACTS.update(json.loads(Path("facts.json").read_text(encoding="utf-8")))
    os.environ["KEEPER"] = str(os.getppid())
    got = [name for name, function in ATTEMPTS.items() if _in_a_process(function)]
    sys.stdout.write(json.dumps({"tried": len(ATTEMPTS), "through": got}) + "\n")


if __name__ == "__main__":
    main()
