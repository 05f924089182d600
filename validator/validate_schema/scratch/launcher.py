"""The process beside a scratch server: it shuts the server in, waits for it, and ends whatever it leaves.

A program of its own, ``python -I -S launcher.py FOLDER``, that reads what to do, marshalled, from standard
input: so nothing of the caller is forked, whatever threads he has. Every start of a server waits for it, so
it imports little, and nothing of the package. As ``launcher.py CHANNEL COMMAND`` it becomes the command, with
its connections asked for at the socket CHANNEL (`fence`).
"""

import ctypes
import errno
import marshal
import os
import resource
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypedDict

    class Spec(TypedDict):
        """What to do: run `command` as `user`, unless None, in `environ`; nothing that it starts may become
        another program, unless `programs`. `data` is its folder; `read` and `write` are what it may;
        `stale` goes before, `note` gets the number of the process that waits, and `lock` is its own."""

        command: list[str]
        programs: bool
        user: int | None
        environ: dict[str, str]
        data: str
        read: list[str]
        write: list[str]
        stale: str
        note: str
        lock: int


GIB = 1 << 30
# For each process of the server. A file of PostgreSQL's has at most 1 GiB (its segment size).
LIMITS = {
    "RLIMIT_CORE": 0,
    "RLIMIT_FSIZE": 2 * GIB,
    "RLIMIT_AS": 8 * GIB,
    "RLIMIT_CPU": 3600,
}
_LAST_PROCESS = 1 << 22  # PID_MAX_LIMIT
PROCESSES = 512  # of a user that is this server's alone

_SIGINT, _SIGQUIT, _SIGKILL, _SIGPIPE, _SIGXFSZ = 2, 3, 9, 13, 25  # the same on Linux and macOS
# prctl(2)
_PDEATHSIG, _SECCOMP, _SUBREAPER, _NO_NEW_PRIVS = 1, 22, 36, 38
# Landlock: https://docs.kernel.org/userspace-api/landlock.html; the numbers are the same everywhere.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_OF_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # execute, write, read, truncate, ioctl
_DEVICES_MADE = 1 << 6 | 1 << 11  # char and block devices
_DEVICE_CONTROL = 1 << 15
# How many rights on files each version of the interface knows.
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_ALL_RIGHTS = 16
_TCP = 3  # bind and connect
_SCOPED = 3  # abstract sockets and signals to processes outside
# What a database server and its libraries read; whatever of it is not there is left out. No user database, no
# programs, and not all of /usr: images keep the source of applications there, settings beside it.
SYSTEM = (
    "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/local/lib", "/usr/local/lib64",
    "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store",
    "/usr/share/zoneinfo", "/usr/share/locale", "/usr/share/i18n", "/usr/share/icu", "/usr/share/postgresql",
    "/usr/share/postgresql-common", "/usr/share/pgsql", "/usr/share/proj", "/usr/share/gdal",
    "/usr/share/perl", "/usr/share/perl5", "/usr/share/tcltk", "/usr/share/hunspell", "/usr/share/myspell",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime",
    "/etc/timezone", "/etc/locale.alias", "/etc/ssl/openssl.cnf", "/dev/zero", "/dev/random", "/dev/urandom",
)  # fmt: skip
PROGRAMS = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")  # for a server that may start some
_WRITTEN = ("/dev/null",)

# Linux system calls by machine: that of seccomp's check; those whose arguments count; those that a database
# server never makes; and changes of a file's mode, which succeed and change nothing. Landlock lets whoever
# has the right user change modes, times and attributes of any file by its name.
_CALLS = {
    "x86_64": (
        0xC000003E,
        {"socket": 41, "connect": 42, "socketpair": 53, "clone": 56, "clone3": 435, "execve": 59,
         "execveat": 322, "seccomp": 317, "prlimit64": 302, "shmget": 29, "shmctl": 31},
        (
            101, 155, 161, 165, 166, 167, 169, 175, 176, 246, 248, 249, 250, 272, 298, 304, 308, 310, 311,
            312, 313, 321, 323, 424, 425, 428, 429, 430, 438,
            92, 93, 94, 260, 132, 235, 261, 280, 469,  # chown, utime, file_setattr
            188, 189, 190, 197, 198, 199, 463, 466,  # setxattr, removexattr
            141, 142, 144, 203, 251, 314,  # priority, scheduler, processor of any process of the user
            64, 68, 240, 241, 253, 294, 300,  # semaphores, queues, watching files
        ),
        (90, 91, 268, 452),
    ),
    "aarch64": (
        0xC00000B7,
        {"socket": 198, "connect": 203, "socketpair": 199, "clone": 220, "clone3": 435, "execve": 221,
         "execveat": 281, "seccomp": 277, "prlimit64": 261, "shmget": 194, "shmctl": 195},
        (
            39, 40, 41, 51, 97, 104, 105, 106, 117, 142, 217, 218, 219, 224, 241, 265, 268, 270, 271, 272,
            273, 280, 282, 424, 425, 428, 429, 430, 438,
            54, 55, 88, 469,
            5, 6, 7, 14, 15, 16, 463, 466,
            30, 118, 119, 122, 140, 274,
            26, 180, 181, 186, 190, 262,
        ),
        (52, 53, 452),
    ),
}  # fmt: skip
_NEW_NAMESPACES = 0x7E020000  # the CLONE_NEW* flags of clone(2)
_NEW_IPC = 0x08000000  # CLONE_NEWIPC
_UNIX, _STREAM, _TYPE = 1, 1, 0xF  # AF_UNIX, SOCK_STREAM, and what of a type is no flag
# The shared memory of System V that PostgreSQL makes, of 56 bytes, to know that a server runs: its key is the
# number of the data folder's inode, or one of those after it that is free. IPC_CREAT | IPC_EXCL | 0600.
_SEGMENT, _KEYS, _SEGMENT_FLAGS = 4096, 64, 0o3600
_REMOVE, _LOOK = 0, 2  # IPC_RMID, IPC_STAT
# Steps of a filter: load a word, take off, mask, compare; and end.
_LOAD, _SUBTRACT, _AND, _EQUAL, _ABOVE, _END = 0x20, 0x14, 0x54, 0x15, 0x35, 0x06
_ALL = 0xFFFFFFFF
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
_ASK, _NEW_LISTENER = 0x7FC00000, 8  # SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER
_IO_URING = 425  # io_uring_setup


def landlock_version() -> int:
    """Return the version of the kernel's Landlock interface, 0 where it has none."""
    version: int = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    return max(0, version)


def has_seccomp() -> bool:
    """Tell whether system calls can be filtered here."""
    if os.uname().machine not in _CALLS or sys.maxsize < 1 << 32:
        return False
    try:
        with open("/proc/self/status") as status:
            return any(line.startswith("Seccomp:") for line in status)
    except OSError:
        return False


def forbid_new_rights() -> None:
    """Give this process and all that it starts no more rights than it has: setuid programs give none."""
    if sys.platform == "linux":
        _prctl(_NO_NEW_PRIVS, 1)


def restrict_files(read: list[str], write: list[str]) -> None:
    """Leave this process and all that it starts only these files and folders, no TCP, no signals to others.

    Where the kernel has no Landlock nothing happens. Raises OSError where it has and refuses.
    """
    version = landlock_version()
    if not version:
        return
    rights = (1 << _RIGHTS.get(version, _ALL_RIGHTS)) - 1
    attributes = struct.pack("QQQ", rights, _TCP if version >= 4 else 0, _SCOPED if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _checked(_libc().syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint(0)))
    reading = (_EXECUTE | _READ_FILE | _READ_DIR) & rights
    writing = rights & ~_DEVICES_MADE & ~_DEVICE_CONTROL
    for paths, allowed in (((*SYSTEM, *read), reading), ((*_WRITTEN, *write), writing)):
        for path in paths:
            _allow(ruleset, path, allowed)
    _checked(_libc().syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0)))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no rule
    try:
        if not _is_folder(place):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, place)
        _checked(_libc().syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint(0)))
    finally:
        os.close(place)


def _is_folder(place: int) -> bool:
    return os.fstat(place).st_mode & 0o170000 == 0o040000


def restrict_calls(program: int = 0, inode: int = 0) -> None:
    """Refuse system calls that a database server never makes: network, other processes' memory, limits and
    priorities, owners and attributes of files, queues, namespaces, mounts, kernel modules, io_uring. With
    `program`, the address of a path, no other program can be started: once that one runs, its path is no
    longer there. `inode` is the data folder's, for the keys of shared memory. Raises OSError where the kernel
    refuses."""
    if not has_seccomp():
        return
    code = b"".join(_filter(os.uname().machine, program, inode))
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    _prctl(_SECCOMP, 2, filter_)


def _filter(machine: str, program: int, inode: int) -> list[bytes]:
    """Return the filter in classic BPF (https://docs.kernel.org/userspace-api/seccomp_filter.html)."""
    checked, calls, never, pretended = _CALLS[machine]
    refused = {calls["connect"]: errno.EACCES, calls["clone3"]: errno.ENOSYS}
    if program:
        refused[calls["execveat"]] = errno.EACCES
    found = _numbers_of(checked)
    refused |= dict.fromkeys(never, errno.EPERM) | dict.fromkeys(pretended, 0)
    for number, error in refused.items():
        found += [_step(_EQUAL, number, 0, 1), _step(_END, _ERROR | error)]
    stream = (_word(0, _UNIX), _word(2, _STREAM, mask=_TYPE))
    found += _only(calls["socket"], errno.EAFNOSUPPORT, *stream)
    found += _only(calls["socketpair"], errno.EAFNOSUPPORT, *stream)  # its ends send to any address, too
    found += _only(calls["clone"], errno.EPERM, _word(0, 0, mask=_NEW_NAMESPACES))
    found += _only(calls["prlimit64"], errno.EPERM, _word(0, 0))  # of this process alone
    key = _word(0, 0, mask=_ALL ^ (_KEYS - 1), less=inode & _ALL)
    size = (_word(2, 0, mask=_ALL ^ (_SEGMENT - 1)), _word(3, 0))
    found += _only(calls["shmget"], errno.EACCES, key, *size, _word(4, _SEGMENT_FLAGS))
    found += _only(calls["shmctl"], 0, _word(2, _LOOK))  # what it removes is removed by who waits for it
    if program:
        path = (_word(0, program & _ALL), _word(1, program >> 32))
        found += _only(calls["execve"], errno.EACCES, *path)
    return [*found, _step(_END, _ALLOW)]


def _word(number: int, value: int, *, mask: int = _ALL, less: int = 0) -> tuple[int, int, int, int]:
    """Return a condition: what half an argument has to be, with `less` taken off, where `mask` has bits."""
    return number, value, mask, less


def _only(number: int, error: int, *conditions: tuple[int, int, int, int]) -> list[bytes]:
    """Return the steps that let one call through where all conditions on its arguments hold."""
    steps = [_step(_END, _ALLOW), _step(_END, _ERROR | error)]
    for word, value, mask, less in reversed(conditions):
        got = [_step(_LOAD, 16 + 4 * word), _step(_SUBTRACT, less), _step(_AND, mask)]
        steps = [*got, _step(_EQUAL, value, 0, len(steps) - 1), *steps]
    return [_step(_EQUAL, number, 0, len(steps)), *steps]


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


def _numbers_of(machine: int) -> list[bytes]:
    """Return the steps that load the number of the call, and refuse calls with other machines' numbers."""
    nr, machine_at = 0, 4
    return [
        _step(_LOAD, machine_at), _step(_EQUAL, machine, 1, 0), _step(_END, _ERROR | errno.EPERM),
        _step(_LOAD, nr), _step(_ABOVE, 1 << 30, 0, 1), _step(_END, _ERROR | errno.EPERM),  # x32
    ]  # fmt: skip


def _ask_for_connections() -> int:
    """Have each connect(2) of this process and all that it starts asked for; return where the questions are
    to be read, negative where the kernel refuses."""
    machine, calls, *_ = _CALLS[os.uname().machine]
    steps = [
        *_numbers_of(machine),
        _step(_EQUAL, calls["connect"], 0, 1), _step(_END, _ASK),
        _step(_EQUAL, _IO_URING, 0, 1), _step(_END, _ERROR | errno.ENOSYS),  # it connects unasked
        _step(_END, _ALLOW),
    ]  # fmt: skip
    code = b"".join(steps)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(buffer))
    listener: int = _libc().syscall(calls["seccomp"], 1, ctypes.c_ulong(_NEW_LISTENER), filter_)
    return listener


def _become_command(channel: int, command: str) -> None:
    """Run a command of the shell in place of this process, its connections asked for if the kernel can. Never
    returns."""
    import socket

    for number in (_SIGPIPE, _SIGXFSZ):  # Python ignores them
        _libc().signal(number, ctypes.c_void_p(0))
    forbid_new_rights()
    with socket.socket(fileno=channel) as to:
        listener = _ask_for_connections()
        socket.send_fds(to, [b"."], [listener] if listener >= 0 else [])
    if listener >= 0:
        os.close(listener)
    os.execv("/bin/sh", ["sh", "-c", command])


def _prctl(option: int, *arguments: "int | bytes") -> None:
    filled = [a if isinstance(a, bytes) else ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    _checked(_libc().prctl(option, *filled))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _limit(own_user: bool) -> None:
    wanted = LIMITS | ({"RLIMIT_NPROC": PROCESSES} if own_user else {})
    for name, most in wanted.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (limit, limit))
        except (OSError, ValueError):
            continue  # a system that does not know this limit


def _become_user(user: int) -> None:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def remove_segments(data: str) -> None:
    """Remove the shared memory that servers of this data folder left, if this is their user."""
    try:
        first = os.stat(data).st_ino
        with open("/proc/sysvipc/shm") as table:
            next(table)
            found = [[int(word) for word in line.split()[:10]] for line in table]
    except (OSError, ValueError, StopIteration):
        return  # a system without
    for key, number, *_, attached, _, _, maker in found:
        if (key - first) & _ALL < _KEYS and maker == os.getuid() and not attached:
            _libc().shmctl(ctypes.c_int(number), _REMOVE, None)


def _become_server(spec: "Spec", parent: int) -> None:
    """Shut this process in and run the server in its place. Never returns."""
    user = spec["user"]
    for number in (_SIGPIPE, _SIGXFSZ):  # Python ignores them
        _libc().signal(number, ctypes.c_void_p(0))
    os.umask(0o077)
    _limit(own_user=user is not None)
    if user is not None:
        if sys.platform == "linux":
            _libc().unshare(_NEW_IPC)  # where this process may: what others share is not to be seen then
        _become_user(user)
    if sys.platform == "linux":
        _prctl(_PDEATHSIG, _SIGQUIT)
        if os.getppid() != parent:
            os._exit(1)
    try:
        os.unlink(spec["stale"])  # as the server's user: whatever it leads to is not ours
    except FileNotFoundError:
        pass
    forbid_new_rights()
    if sys.platform == "linux":
        path = ctypes.create_string_buffer(os.fsencode(spec["command"][0]))
        remove_segments(spec["data"])
        restrict_calls(0 if spec["programs"] else ctypes.addressof(path), os.stat(spec["data"]).st_ino)
        restrict_files([*spec["read"], *(PROGRAMS if spec["programs"] else ())], spec["write"])
        variables = [f"{name}={value}" for name, value in spec["environ"].items()]
        _checked(_libc().execve(path, _strings(spec["command"]), _strings(variables)))
    os.execve(spec["command"][0], spec["command"], spec["environ"])


def _strings(texts: list[str]) -> "ctypes.Array[ctypes.c_char_p]":
    return (ctypes.c_char_p * (len(texts) + 1))(*map(os.fsencode, texts), None)


def _children() -> list[int]:
    """Return this process's children, if need be without a descriptor: its limit may be taken away."""
    if sys.platform != "linux":
        return []
    try:
        numbers: Iterable[int] = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        numbers = range(1, _LAST_PROCESS)
    return [number for number in numbers if _is_child(number)]


def _is_child(number: int) -> bool:
    try:
        os.waitid(os.P_PID, number, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except OSError:
        return False
    return True


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _end_orphans() -> None:
    """End what the server started and left: it has become this process's, wherever it was in the tree."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        for pid in _children():
            _kill(pid, _SIGKILL)
        os.waitpid(-1, 0)


def _as_user(user: int | None, work: "Callable[[], None]") -> None:
    """Do `work` in a process of the server's user: root without all of his rights is no owner."""
    try:
        child = os.fork()
    except OSError:
        return
    if not child:
        try:
            if user is not None:
                _become_user(user)
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _pass_on(server: int) -> None:
    """Tell the server what this process is told."""
    import signal

    def tell(number: int, _: object) -> None:
        _kill(server, _SIGQUIT if number == signal.SIGQUIT else _SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, tell)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def main() -> None:
    """Start the server as a child of a process that is nobody's child, and stay until all of it has ended."""
    spec: Spec = marshal.loads(sys.stdin.buffer.read())
    if os.fork():
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    if sys.platform == "linux":  # elsewhere the server itself has to hold the lock
        _prctl(_SUBREAPER, 1)
        os.set_inheritable(spec["lock"], False)
    parent = os.getpid()
    server = os.fork()
    if not server:
        try:
            _become_server(spec, parent)
        except BaseException as error:  # noqa: BLE001 - the log is all there is to tell it to
            os.write(2, f"FATAL: the server cannot be shut in: {error}\n".encode())
            os._exit(1)
    _pass_on(server)
    with open(spec["note"], "w") as file:
        file.write(str(parent))
    while os.waitpid(-1, 0)[0] != server:
        pass
    _end_orphans()
    _as_user(spec["user"], lambda: remove_segments(spec["data"]))
    try:
        os.unlink(spec["note"])
    except FileNotFoundError:
        pass


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _become_command(int(sys.argv[1]), sys.argv[2])
    main()
