"""What keeps a scratch server from the rest of this machine, for those who want to know."""

import sys
from dataclasses import dataclass

from . import home, launcher, owner, sources


@dataclass(frozen=True)
class Layer:
    """One thing that shuts a server in: whether it holds here, and what that means."""

    holds: bool
    text: str


def layers() -> tuple[Layer, ...]:
    """Return what shuts scratch servers in on this machine, the strongest first."""
    return (_files(), _calls(), _user(), _rights(), _environment(), _orphans())


def _files() -> Layer:
    version = launcher.landlock_version() if sys.platform == "linux" else 0
    if not version:
        reads = (
            "what its user may read" if home.lends() else "all that you may read: keep secrets out of reach"
        )
        return Layer(False, f"files: this kernel has no Landlock (Linux 5.13 has), a server reads {reads}")
    beyond = " and signals" if version >= 6 else ""
    network = ", TCP" if version >= 4 else ""
    return Layer(
        True, f"files{network}{beyond}: a server sees its own data and the system's libraries (Landlock)"
    )


def _calls() -> Layer:
    if sys.platform == "linux" and launcher.has_seccomp():
        return Layer(True, "programs, network, other processes: a server cannot ask for them (seccomp)")
    return Layer(
        False,
        "programs, network, other processes: a server may start programs and connect, since system calls"
        " cannot be filtered here (seccomp)",
    )


def _user() -> Layer:
    if not home.lends():
        return Layer(False, "user: servers run as you; as root each cluster gets a user of its own")
    if home.new_account(()).is_lent:
        return Layer(True, "user: each cluster has one of its own, which is nobody's")
    return Layer(False, "user: this user namespace has none to spare, clusters share one")


def _rights() -> Layer:
    """What is said first is about the server that is started unless another is named."""
    at_hand = {s.name: int(s.version.split(".")[0]) for s in sources.possible_sources() if s.available}
    old = {name: version for name, version in at_hand.items() if version * 10_000 < owner.FIRST_ORDINARY}
    if "embedded" not in at_hand:
        return Layer(
            False, "rights: no server comes with this installation: what runs migrations depends on it"
        )
    if "embedded" in old:
        return Layer(
            False,
            "rights: before PostgreSQL 16 migrations are run, and schemas proven, by a superuser of it",
        )
    others = "".join(f"; not so with --scratch {name}, PostgreSQL {old[name]}" for name in sorted(old))
    return Layer(
        True, f"rights: migrations are run, and schemas proven, by roles that are no superusers{others}"
    )


def _environment() -> Layer:
    if home.lends() or (sys.platform == "linux" and launcher.landlock_version()):
        return Layer(True, "environment: a server has none of yours, and cannot read that of your processes")
    return Layer(
        False,
        "environment: a server has none of yours, but could read that of your processes: keep secrets out",
    )


def _orphans() -> Layer:
    if sys.platform == "linux":
        return Layer(
            True, "processes: whatever a server started ends with it, within limits on memory and files"
        )
    return Layer(False, "processes: only Linux can tell which ones a server left behind")
