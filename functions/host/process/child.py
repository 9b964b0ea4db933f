"""The program that confines another: `python -I -S child.py PLAN STATUS`, two descriptors.

PLAN is JSON: argv, environment, files, readable, limits, network. It makes namespaces of its own
(user, mount, process, IPC, host name and, without `network`, network), a file system of its own
in memory with the readable folders in it, and limits; then it becomes two processes. The first of
the process namespace waits for the command and counts memory; when it ends, so does everything
in there. STATUS gets a line for whatever is not the command's own doing.

The standard library alone, in one file: it is run by path, isolated, with nothing of ours.
Source: namespaces(7), user_namespaces(7), mount_setattr(2), and bubblewrap for the order of things.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import stat
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Plan = dict[str, Any]

FOLDER: Final = "/task"
"""The command's own: where it starts, and all that it can write."""
_NEW: Final = {
    "user": 0x10000000, "mount": 0x20000, "process": 0x20000000, "ipc": 0x8000000,
    "name": 0x4000000, "network": 0x40000000,
}  # fmt: skip
_BIND, _REC, _PRIVATE, _REMOUNT, _RDONLY = 4096, 16384, 1 << 18, 32, 1
_NOSUID, _NODEV = 2, 4
_DETACH: Final = 2
_MOUNT_SETATTR: Final = 442  # the same number on every architecture
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_PDEATHSIG, _NO_NEW_PRIVS = 1, 38
_NOBODY: Final = 65_534
_ORDINARY: Final = 1000
"""Who the command is inside, where the host is no superuser."""
_DEVICES: Final = ("null", "zero", "full", "random", "urandom")
_BASE: Final = "/tmp"  # noqa: S108 - only a place that exists everywhere; covered in our own mounts
_INODES: Final = 10_000
_TICK: Final = 0.1
_libc: Final = ctypes.CDLL(None, use_errno=True)


def main(plan: Plan, status: int) -> int:
    """Run the plan's command; return its exit status."""
    parent = os.getppid()
    _call("prctl", _PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return 1
    os.nice(10)
    try:
        superuser = _apart(network=plan["network"])
        _furnish(plan)
    except OSError as error:
        return _fail(status, f"refused {error}")
    first = os.fork()
    if first == 0:
        os._exit(_first(plan, status, superuser=superuser))
    _drop(status)
    return _code(os.waitpid(first, 0)[1])


def _apart(*, network: bool) -> bool:
    """Enter the namespaces; tell whether this is the superuser's doing, who becomes nobody."""
    superuser, user, group = os.geteuid() == 0, os.geteuid(), os.getegid()
    flags = sum(value for name, value in _NEW.items() if name != "network" or not network)
    if superuser:
        mapped = _from_outside(os.getpid())
        _call("unshare", flags)
        mapped()
    else:
        _call("unshare", flags)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{_ORDINARY} {user} 1")
        _write("/proc/self/gid_map", f"{_ORDINARY} {group} 1")
    return superuser


def _from_outside(target: int) -> Callable[[], None]:
    """Fork who maps two users into the namespace that `target` will make; only a parent may."""
    reading, writing = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(writing)
        os.read(reading, 1)
        for name in ("uid_map", "gid_map"):
            _write(f"/proc/{target}/{name}", f"0 0 1\n{_NOBODY} {_NOBODY} 1")
        os._exit(0)
    os.close(reading)

    def mapped() -> None:
        os.close(writing)
        if os.waitpid(helper, 0)[1]:
            raise OSError("the user namespace could not be given its users")

    return mapped


def _furnish(plan: Plan) -> None:
    """Make the file system: memory to write in, the readable folders, devices; nothing else."""
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("tmpfs", _BASE, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    os.mkdir(f"{_BASE}/old")
    _call("pivot_root", _BASE.encode(), f"{_BASE}/old".encode())
    os.chdir("/")
    for path in plan["readable"]:
        _show(path)
    os.mkdir("/dev")
    for name in _DEVICES:
        _bind(f"/old/dev/{name}", f"/dev/{name}")
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"/dev/{name}")
    size = plan["limits"]["disk"]
    for path in (FOLDER, "/proc"):
        os.mkdir(path)
    options = f"size={size},nr_inodes={_INODES},mode=1777"
    _mount("tmpfs", FOLDER, "tmpfs", _NOSUID | _NODEV, options)
    os.symlink(FOLDER, "/tmp")  # noqa: S108 - its own
    for name, text in plan["files"].items():
        with open(f"{FOLDER}/{name}", "w", encoding="utf-8") as file:
            file.write(text)


def _show(path: str) -> None:
    """Let a folder or file of the machine be read at its own place; a link stays a link."""
    old = f"/old{path}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.islink(old) and not path.startswith("/etc/"):
        os.symlink(os.readlink(old), path)
    else:
        _bind(old, path, readonly=True)


def _bind(source: str, target: str, *, readonly: bool = False) -> None:
    if stat.S_ISDIR(os.stat(source).st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o444))
    _mount(source, target, None, _BIND | _REC)
    if readonly:
        given = (ctypes.c_uint64 * 4)(_RDONLY | _NOSUID | _NODEV, 0, 0, 0)
        size = ctypes.c_size_t(ctypes.sizeof(given))
        where = (_AT_FDCWD, target.encode(), _AT_RECURSIVE)
        _call("syscall", _MOUNT_SETATTR, *where, ctypes.byref(given), size)


def _first(plan: Plan, status: int, *, superuser: bool) -> int:
    """Be the first process in there: start the command, bury the dead, count the memory."""
    _call("prctl", _PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    try:
        counted = _proc()
        _call("umount2", b"/old", _DETACH)
        os.rmdir("/old")
        _mount(None, "/", None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    except OSError as error:
        return _fail(status, f"refused {error}")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    command = os.fork()
    if command == 0:
        try:
            _become(plan, superuser=superuser)
        except OSError as error:
            os._exit(_fail(status, f"refused {error}"))
    while True:
        signal.sigtimedwait({signal.SIGCHLD}, _TICK)
        while (ended := os.waitpid(-1, os.WNOHANG) if _children() else (0, 0))[0]:
            if ended[0] == command:
                return _code(ended[1])
        if counted and _memory() > plan["limits"]["memory"]:
            return _fail(status, "memory")


def _proc() -> bool:
    """Mount the processes; tell whether they are to be seen, which a container may not grant.

    The kernel grants it while the machine's own are still to be seen, below /old.
    """
    try:
        _mount("proc", "/proc", "proc", _NOSUID | _NODEV)
    except PermissionError:
        return False
    _write("/proc/sys/user/max_user_namespaces", "0")
    return True


def _children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _memory() -> int:
    """Return the bytes that all processes in there but this one hold."""
    pages = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            try:
                with open(f"/proc/{name}/statm", encoding="utf-8") as file:
                    pages += int(file.read().split()[1])
            except (OSError, IndexError):
                continue  # it has ended meanwhile
    return pages * resource.getpagesize()


def _become(plan: Plan, *, superuser: bool) -> None:
    """Turn into the command: nobody, without privileges, within limits."""
    if superuser:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    _call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for each in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(each, signal.SIG_DFL)
    for name, value in _limits(plan["limits"]):
        resource.setrlimit(name, (value, value))
    os.chdir(FOLDER)
    os.execve(plan["argv"][0], plan["argv"], plan["environment"])  # noqa: S606 - what it is for


def _limits(given: dict[str, Any]) -> list[tuple[int, int]]:
    return [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, given["cpu"]),
        (resource.RLIMIT_FSIZE, given["disk"]),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_NPROC, given["processes"]),
        # of the writable memory rather than of the address space, which some runtimes only reserve
        (resource.RLIMIT_DATA, given["memory"]),
    ]


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    texts = [each.encode() if each is not None else None for each in (source, target, kind)]
    data = options.encode() if options else None
    _call("mount", *texts, ctypes.c_ulong(flags), data, why=f"mounting {target}")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _call(name: str, *arguments: object, why: str = "") -> None:
    if getattr(_libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), f"{why or name}: {os.strerror(ctypes.get_errno())}")


def _fail(status: int, line: str) -> int:
    os.write(status, line.encode())
    return 1


def _drop(status: int) -> None:
    """Leave the streams to those inside, so that they end with them."""
    os.close(status)
    null = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1, 2):
        os.dup2(null, each)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    with open(int(sys.argv[1]), encoding="utf-8") as given:
        wanted = json.load(given)
    os.set_inheritable(int(sys.argv[2]), False)  # noqa: FBT003 - it takes no keyword
    sys.exit(main(wanted, int(sys.argv[2])))
