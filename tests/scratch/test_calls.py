"""What native code in a scratch server asks of the system, and does not get: nothing of the user's other files and
processes changes, and nothing of it stays."""

import ctypes
import errno
import os
import platform
import resource
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_server import MATRIX
from tests.fix_shut_in import alive, as_root, folder_of, native, run, superuser, user_of, with_seccomp
from validate_schema.scratch import cluster, launcher, open_server

pytestmark = [pytest.mark.usefixtures("prepared_home"), with_seccomp]
on_x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86-64 has calls of other kinds")


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PROGRAMS", True)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for a socket, open to all."""
    with tempfile.TemporaryDirectory(prefix="vs-t-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def given(path: Path, key: str) -> None:
    """Make a file one of the user's as whom the server runs: as it is where nobody is root."""
    if os.geteuid() == 0:
        os.chown(path, user_of(key), -1)


@pytest.fixture
def neighbour() -> Iterator[Any]:
    """Start other processes of the user as whom a server runs, by its key."""
    started = []

    def start(key: str) -> int:
        user = {"user": user_of(key)} if os.geteuid() == 0 else {}
        started.append(subprocess.Popen(["/bin/sleep", "600"], **user))
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()


CHANGES = """
path = {path!r}
here = os.open(os.path.dirname(path), os.O_PATH)
name, text = os.fsencode(os.path.basename(path)), os.fsencode(path)
tell("chmod", os.chmod, path, 0o777)
tell("fchmodat", lambda: os.chmod(name, 0o777, dir_fd=here))
tell("fchmodat2", libc.syscall, 452, here, name, 0o777, 0)
tell("chown", os.chown, path, os.getuid(), os.getgid())
tell("lchown", os.lchown, path, os.getuid(), os.getgid())
tell("fchownat", lambda: os.chown(name, os.getuid(), os.getgid(), dir_fd=here))
tell("utime", libc.utime, text, None)
tell("utimes", libc.utimes, text, None)
tell("futimesat", libc.futimesat, here, name, None)
tell("utimensat", os.utime, path, (1, 1))
tell("setxattr", os.setxattr, path, "user.x", b"y")
tell("lsetxattr", lambda: os.setxattr(path, "user.x", b"y", follow_symlinks=False))
tell("removexattr", os.removexattr, path, "user.kept")
tell("lremovexattr", lambda: os.removexattr(path, "user.kept", follow_symlinks=False))
tell("setxattrat", libc.syscall, 463, here, name, 0, b"user.z", struct_of(b"y"), 16)
tell("removexattrat", libc.syscall, 466, here, name, 0, b"user.kept")
tell("file_setattr", libc.syscall, 469, here, name, bytes(24), 24, 0)
"""
STRUCT_OF = """
import struct
kept = []
def struct_of(value):
    kept.append(ctypes.create_string_buffer(value))
    return struct.pack("QII", ctypes.addressof(kept[-1]), len(value), 0)
"""


def state_of(path: Path) -> tuple[object, ...]:
    found = path.stat()
    names = os.listxattr(path)
    return (found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, found.st_ctime_ns, sorted(names))


def test_a_server_changes_nothing_about_the_users_files(key: str, short: Path) -> None:
    with superuser(key) as conn:
        precious = short / "precious"
        precious.write_text("precious")
        given(precious, key)
        precious.chmod(0o600)
        with suppress(OSError):  # a file system without
            os.setxattr(precious, "user.kept", b"kept")
        before = state_of(precious)
        told = native(conn, STRUCT_OF + CHANGES.format(path=str(precious)))
        assert state_of(precious) == before, told
    done = {name for name, (result, _) in told.items() if result >= 0}
    assert done == {"chmod", "fchmodat", "fchmodat2"}  # they succeed, and do nothing
    assert {number for name, (_, number) in told.items() if name not in done} == {errno.EPERM}


PRESSURES = """
pid = {pid}
tell("prlimit", resource.prlimit, pid, resource.RLIMIT_NOFILE, (1, 1))
tell("setpriority", os.setpriority, os.PRIO_PROCESS, pid, 19)
tell("everybody", os.setpriority, os.PRIO_USER, 0, 19)
tell("affinity", os.sched_setaffinity, pid, {{0}})
tell("scheduler", os.sched_setscheduler, pid, os.SCHED_IDLE, os.sched_param(0))
tell("parameters", os.sched_setparam, pid, os.sched_param(0))
tell("attributes", libc.syscall, {{"x86_64": 314, "aarch64": 274}}[os.uname().machine], pid,
     (48).to_bytes(4, "little") + bytes([3]) + bytes(43), 0)
tell("disk", libc.syscall, {{"x86_64": 251, "aarch64": 30}}[os.uname().machine], 1, pid, (3 << 13) | 7)
tell("own", resource.setrlimit, resource.RLIMIT_NOFILE, (64, 64))
"""


def put_on(pid: int) -> tuple[object, ...]:
    """Return how the system treats a process."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    limit = Path(f"/proc/{pid}/limits").read_text()
    disk = ctypes.CDLL(None).syscall({"x86_64": 252, "aarch64": 31}[platform.machine()], 1, pid)
    return (limit, stat[16], os.sched_getaffinity(pid), os.sched_getscheduler(pid), disk)


def test_a_server_puts_nothing_on_the_users_processes(key: str, neighbour: Any) -> None:
    with superuser(key) as conn:
        pid = neighbour(key)
        before = put_on(pid)
        told = native(conn, PRESSURES.format(pid=pid))
        assert put_on(pid) == before, told
    assert told.pop("own") == (0, 0)
    assert set(told.values()) == {(-1, errno.EPERM)}


def test_what_is_left_is_ended_without_a_descriptor(key: str) -> None:
    with superuser(key) as conn:
        command = "trap '' TERM INT HUP; exec sleep 600"
        orphan = int(run(conn, f'setsid sh -c "{command}" >/dev/null 2>&1 </dev/null & echo $!')[0])
        beside = int((folder_of(key) / cluster.NOTE).read_text())
        resource.prlimit(beside, resource.RLIMIT_NOFILE, (0, 0))
    assert not alive(orphan)
    assert not (folder_of(key) / cluster.NOTE).exists()
    assert "Traceback" not in (folder_of(key) / "log").read_text()


DATAGRAMS = """
kinds = {{"datagram": socket.SOCK_DGRAM, "raw": socket.SOCK_RAW, "packets": socket.SOCK_SEQPACKET}}
flags = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
for name, kind in kinds.items():
    for more in (0, flags):
        tell(f"{{name}}-{{more}}", lambda: socket.socket(socket.AF_UNIX, kind | more).sendto(b"x", {path!r}))
        tell(f"{{name}}-{{more}}-pair", lambda: socket.socketpair(socket.AF_UNIX, kind | more)[0].sendto(b"x", {path!r}))
tell("stream", lambda: socket.socket(socket.AF_UNIX).sendto(b"x", {path!r}))
tell("stream-pair", lambda: socket.socketpair()[0].sendto(b"x", {path!r}))
ends = socket.socketpair()
tell("usual", ends[0].send, b"x")
tell("usual-flags", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | flags).close())
"""


def test_a_server_sends_nothing_to_a_socket_of_others(key: str, short: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as box, superuser(key) as conn:
        box.bind(str(short / "box"))
        (short / "box").chmod(0o777)
        box.setblocking(False)
        told = native(conn, DATAGRAMS.format(path=str(short / "box")))
        with pytest.raises(BlockingIOError):
            box.recv(1)
    assert {name for name, (result, _) in told.items() if result >= 0} == {"usual", "usual-flags"}


LEAVINGS = """
inode = os.stat(".").st_ino & 0xFFFFFFFF
for number, (key, size, mode) in enumerate((
    (0, 56, 0o3600), (0x1414, 56, 0o3600), (inode, 56, 0o3666), (inode, 56, 0o1600), (inode, 0, 0),
    (inode + 64, 56, 0o3600), (inode - 1, 56, 0o3600), (inode + 9, 4096, 0o3600), (inode + 9, (1 << 32) + 56, 0o3600),
)):
    tell(f"memory-{number}", libc.shmget, ctypes.c_int(key), ctypes.c_size_t(size), mode)
for number in range(1, 64):
    tell(f"allowed-{number}", libc.shmget, ctypes.c_int(inode + number), ctypes.c_size_t(4095), 0o3600)
tell("queue", libc.msgget, 0x1414, 0o1666)
tell("semaphores", libc.semget, 0x1414, 1, 0o1666)
numbers = {"x86_64": (240, 241), "aarch64": (180, 181)}[os.uname().machine]
tell("named-queue", libc.syscall, numbers[0], b"validate-schema-test", os.O_CREAT | os.O_RDWR, 0o666, 0)
tell("named-queue-gone", libc.syscall, numbers[1], b"validate-schema-test")
"""


def kept_by(user: int) -> list[str]:
    """Return the lines of what System V objects of a user there are in this namespace."""
    found = []
    for kind in ("shm", "msg", "sem"):
        lines = Path(f"/proc/sysvipc/{kind}").read_text().splitlines()
        for line in lines[1:]:
            values = dict(zip(lines[0].split(), line.split(), strict=False))
            if int(values["cuid"]) == user:
                found.append(line)
    return found


@pytest.mark.parametrize("namespace", ["its own", "everybody's"])
def test_a_server_leaves_no_memory_and_no_queue(
    key: str, namespace: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if namespace == "everybody's":
        monkeypatch.setattr(cluster, "_LAUNCHER", without_namespaces(tmp_path))
    with superuser(key) as conn:
        user = user_of(key)
        others = set(kept_by(user)) if os.geteuid() else set()
        told = native(conn, LEAVINGS)
    allowed = {name for name in told if name.startswith("allowed-")}
    assert {name for name in allowed if told[name][0] >= 0}
    refused = {name: said for name, said in told.items() if name not in allowed}
    assert {name for name, (result, _) in refused.items() if result >= 0} == set()
    assert {number for _, number in refused.values()} <= {errno.EACCES, errno.EPERM}
    assert set(kept_by(user)) - others == set()


def without_namespaces(folder: Path) -> Path:
    """Return a launcher as on a machine where root gets no namespace for what he starts."""
    text = Path(launcher.__file__).read_text()
    changed = text.replace("_NEW_IPC = 0x08000000", "_NEW_IPC = 0x7FFFFFFF")
    assert changed != text
    (folder / "launcher.py").write_text(changed)
    return folder / "launcher.py"


@as_root
def test_a_server_sees_no_memory_that_programs_share(key: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if subprocess.run(["/usr/bin/unshare", "--ipc", "true"], check=False, capture_output=True).returncode:
        pytest.skip("root gets no namespace here")
    shared = libc.shmget(0, ctypes.c_size_t(4096), 0o1666)
    try:
        with superuser(key) as conn:
            code = f"libc.shmat.restype = ctypes.c_long\ntell('shared', libc.shmat, {shared}, None, 0)\n"
            assert native(conn, code)["shared"][0] == -1
    finally:
        libc.shmctl(shared, 0, None)


@on_x86_64
def test_no_call_of_another_kind_gets_by(key: str) -> None:
    code = """
import mmap
tell("x32", libc.syscall, 0x40000000 | 39)
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b814000000cd804898c3"))  # getpid by int 0x80
at = ctypes.addressof(ctypes.c_char.from_buffer(page))
result = ctypes.CFUNCTYPE(ctypes.c_long)(at)()
print("i386", -1 if result < 0 else result, -result)
"""
    with superuser(key) as conn:
        told = native(conn, code)
    assert told == {"x32": (-1, errno.EPERM), "i386": (-1, errno.EPERM)}


@pytest.mark.parametrize("name", MATRIX)
def test_what_a_server_does_itself_works(name: str, key: str) -> None:
    with (
        open_server(MATRIX[name], key=key, superuser=True) as server,
        server.database() as database,
        database.connect(autocommit=True) as conn,
    ):
        (data,) = conn.execute("show data_directory").fetchone() or ("",)
        where = Path(str(psycopg.conninfo.conninfo_to_dict(database.conninfo)["host"]))
        assert (where / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700
        conn.execute("alter system set work_mem = '5MB'")
        place = Path(data, "place")
        place.mkdir(mode=0o700)
        given(place, key)
        conn.execute(f"create tablespace filed location '{place}'".encode())
        conn.execute("create table t (id int primary key) tablespace filed")
        conn.execute("insert into t select generate_series(1, 1000)")
        conn.execute("drop table t")
        conn.execute("drop tablespace filed")
        if server.version_num >= 150000:
            conn.execute("create database filed strategy file_copy")
            conn.execute("drop database filed")


def answer(machine: str, number: int, *arguments: int, arch: int | None = None) -> int | None:
    """Return the errno that the filter of a machine answers a call with, None where it lets it through."""
    arch = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine] if arch is None else arch
    data = struct.pack("<iIQ6Q", number, arch, 0, *(*arguments, *[0] * 6)[:6])
    steps = [
        struct.unpack("HBBI", step) for step in launcher._filter(machine, 0x7F00_0000_1000, 0x2_0000_0010)
    ]
    at = value = 0
    while True:
        code, yes, no, operand = steps[at]
        at += 1
        if code == 0x06:
            return None if operand == 0x7FFF0000 else operand & 0xFFFF
        if code == 0x20:
            value = struct.unpack_from("<I", data, operand)[0]
        elif code in (0x14, 0x54):
            value = value - operand & 0xFFFFFFFF if code == 0x14 else value & operand
        else:
            at += yes if {0x15: value == operand, 0x35: value >= operand}[code] else no


# Source: the kernel's include/uapi/asm-generic/unistd.h and arch/x86/entry/syscalls/syscall_64.tbl.
NUMBERS = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "removexattrat": (466, 466),
    "file_setattr": (469, 469), "setpriority": (141, 140), "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "ioprio_set": (251, 30), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "mq_unlink": (241, 181), "inotify_init1": (294, 26), "fanotify_init": (300, 262), "ptrace": (101, 117),
    "io_uring_setup": (425, 425), "process_vm_readv": (310, 270), "unshare": (272, 97), "setns": (308, 268),
    "bpf": (321, 280), "mount": (165, 40), "open_by_handle_at": (304, 265), "add_key": (248, 217),
    "socket": (41, 198), "socketpair": (53, 199), "prlimit64": (302, 261), "shmget": (29, 194),
    "shmctl": (31, 195), "execve": (59, 221), "clone": (56, 220), "read": (0, 63), "openat": (257, 56),
    "shmat": (30, 196), "futex": (202, 98), "epoll_pwait": (281, 22), "kill": (62, 129), "connect": (42, 203),
}  # fmt: skip
WITH_ARGUMENTS: list[tuple[str, tuple[int, ...], int | None]] = [
    ("socket", (1, 1 | 0o2004000, 0), None), ("socket", (1, 2), errno.EAFNOSUPPORT),
    ("socket", (2, 1), errno.EAFNOSUPPORT), ("socketpair", (1, 1), None),
    ("socketpair", (1, 2), errno.EAFNOSUPPORT), ("prlimit64", (0, 7, 1), None),
    ("prlimit64", (1234, 7, 1), errno.EPERM), ("shmget", (16, 56, 0o3600), None),
    ("shmget", (79, 56, 0o3600), None), ("shmget", (80, 56, 0o3600), errno.EACCES),
    ("shmget", (15, 56, 0o3600), errno.EACCES), ("shmget", (0, 56, 0o3600), errno.EACCES),
    ("shmget", (16, 4096, 0o3600), errno.EACCES), ("shmget", (16, 56 | 1 << 32, 0o3600), errno.EACCES),
    ("shmget", (16, 56, 0o3666), errno.EACCES), ("shmctl", (1, 2), None), ("shmctl", (1, 0), 0),
    ("shmctl", (1, 1), 0), ("execve", (0x7F00_0000_1000,), None), ("execve", (0x7F00_0000_1001,), errno.EACCES),
    ("execve", (0x7E00_0000_1000,), errno.EACCES), ("clone", (17,), None), ("clone", (0x10000011,), errno.EPERM),
    ("read", (), None), ("openat", (), None), ("shmat", (), None), ("futex", (), None),
    ("epoll_pwait", (), None), ("kill", (), None), ("connect", (), errno.EACCES),
]  # fmt: skip


@pytest.mark.parametrize(("place", "machine"), [(0, "x86_64"), (1, "aarch64")])
def test_the_filter_of_each_machine_refuses_the_same(place: int, machine: str) -> None:
    for name, arguments, expected in WITH_ARGUMENTS:
        number = NUMBERS[name][place]
        assert number is not None
        assert answer(machine, number, *arguments) == expected, (name, arguments)
    for name in NUMBERS.keys() - {name for name, *_ in WITH_ARGUMENTS}:
        if (number := NUMBERS[name][place]) is not None:
            assert answer(machine, number) == (0 if "chmod" in name else errno.EPERM), name
    assert answer(machine, 0x40000000 | 39) == errno.EPERM
    assert answer(machine, 20, arch=0x40000003) == errno.EPERM
