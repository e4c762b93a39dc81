"""A seccomp filter: system calls that only attack the kernel are refused.

Assembled by hand, because libseccomp is not everywhere: classic BPF over
`struct seccomp_data` (seccomp(2)). Only for x86-64, where it was tried; `isolation`
says so where there is none.
"""

import errno
import platform
import struct

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_GREATER_EQUAL = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_JUMP_SET = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in seccomp_data

_ALLOW = 0x7FFF_0000
_KILL = 0x8000_0000
_ERRNO = 0x0005_0000
_X86_64 = 0xC000_003E
_X32 = 0x4000_0000
_NEW_USER = 0x1000_0000  # CLONE_NEWUSER

_CLONE = 56
_CLONE3 = 435

# Refused with EPERM: mounts, other processes' memory, keys, kernel modules, tracing.
_DENIED = {
    "ptrace": 101,
    "syslog": 103,
    "uselib": 134,
    "personality": 135,
    "ustat": 136,
    "sysfs": 139,
    "modify_ldt": 154,
    "pivot_root": 155,
    "_sysctl": 156,
    "adjtimex": 159,
    "chroot": 161,
    "acct": 163,
    "settimeofday": 164,
    "mount": 165,
    "umount2": 166,
    "swapon": 167,
    "swapoff": 168,
    "reboot": 169,
    "sethostname": 170,
    "setdomainname": 171,
    "iopl": 172,
    "ioperm": 173,
    "create_module": 174,
    "init_module": 175,
    "delete_module": 176,
    "get_kernel_syms": 177,
    "query_module": 178,
    "quotactl": 179,
    "nfsservctl": 180,
    "lookup_dcookie": 212,
    "clock_settime": 227,
    "mbind": 237,
    "kexec_load": 246,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "move_pages": 279,
    "perf_event_open": 298,
    "fanotify_init": 300,
    "name_to_handle_at": 303,
    "open_by_handle_at": 304,
    "clock_adjtime": 305,
    "setns": 308,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "kcmp": 312,
    "finit_module": 313,
    "kexec_file_load": 320,
    "bpf": 321,
    "unshare": 272,
    "userfaultfd": 323,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "quotactl_fd": 443,
}
# "There is no such call": whoever meets that falls back to an older way.
_MISSING = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427}


def program() -> bytes | None:
    """Return the filter for this machine, None where we have none."""
    if platform.machine() != "x86_64":
        return None
    refuse = _ERRNO | errno.EPERM
    missing = _ERRNO | errno.ENOSYS
    lines = [
        _line(_LOAD, _ARCHITECTURE),
        _line(_JUMP_EQUAL, _X86_64, then=1),
        _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER),
        _line(_JUMP_GREATER_EQUAL, _X32, otherwise=1),
        _line(_RETURN, missing),
        # Its flags are in memory, where no filter can see them; libc falls back.
        _line(_JUMP_EQUAL, _CLONE3, otherwise=1),
        _line(_RETURN, missing),
    ]
    for number in _MISSING.values():
        lines += [_line(_JUMP_EQUAL, number, otherwise=1), _line(_RETURN, missing)]
    for number in _DENIED.values():
        lines += [_line(_JUMP_EQUAL, number, otherwise=1), _line(_RETURN, refuse)]
    lines += [
        _line(_JUMP_EQUAL, _CLONE, then=1),
        _line(_RETURN, _ALLOW),
        _line(_LOAD, _FIRST_ARGUMENT),
        _line(_JUMP_SET, _NEW_USER, otherwise=1),
        _line(_RETURN, refuse),
        _line(_RETURN, _ALLOW),
    ]
    return b"".join(lines)


def _line(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Return one instruction; *then* and *otherwise* count the lines to skip."""
    return struct.pack("<HBBI", code, then, otherwise, value)
