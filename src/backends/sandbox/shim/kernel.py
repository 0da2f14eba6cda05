"""The system calls that Python 3.11 does not offer, and their constants."""
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
MS_RELATIME = 0x200000
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

SYS_MOUNT_SETATTR = 442  # the same on every architecture
SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
KEYCTL_JOIN_SESSION_KEYRING = 1
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(os.uname().machine)
AT_FDCWD = -100
AT_RECURSIVE = 0x8000
MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4


def check(result, what):
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, "%s: %s" % (what, os.strerror(code)))


def prctl(option, value=0):
    return libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))


def unshare(flags):
    check(libc.unshare(flags), "unshare")


def enter_namespace(fd, kind):
    check(libc.setns(fd, kind), "setns")


def set_namespace(fd, kind):
    check(libc.setns(fd, kind), "setns")


def mount(source, target, kind, flags, options=None):
    as_bytes = lambda text: None if text is None else os.fsencode(text)
    result = libc.mount(as_bytes(source), as_bytes(target), as_bytes(kind), ctypes.c_ulong(flags), as_bytes(options))
    check(result, "mount %s on %s" % (source or kind, target))


def bind(source, target, read_only):
    mount(source, target, None, MS_BIND | MS_REC)
    restrict(target, read_only)


def restrict(target, read_only):
    """The mount and everything mounted below it: no setuid programs, no devices, and no writing where asked."""
    wanted = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (MOUNT_ATTR_RDONLY if read_only else 0)
    attributes = (ctypes.c_uint64 * 4)(wanted, 0, 0, 0)
    numbers = (ctypes.c_long(SYS_MOUNT_SETATTR), ctypes.c_long(AT_FDCWD), ctypes.c_long(AT_RECURSIVE), ctypes.c_long(32))
    if libc.syscall(numbers[0], numbers[1], os.fsencode(target), numbers[2], attributes, numbers[3]) == 0:
        return
    for path in mounts_below(target):  # kernels before 5.12
        flags = locked_flags(path) | MS_NOSUID | MS_NODEV | (MS_RDONLY if read_only else 0)
        mount(None, path, None, MS_BIND | MS_REMOUNT | flags)


def mounts_below(target):
    real = os.path.realpath(target)
    found = set()
    with open("/proc/self/mountinfo") as file:
        for line in file:
            path = line.split(" ")[4].encode().decode("unicode_escape")
            if path == real or path.startswith(real + "/"):
                found.add(path)
    return sorted(found)


def locked_flags(path):
    """Flags a user namespace may not take off a mount it inherited; a remount must repeat them."""
    current = os.statvfs(path).f_flag
    pairs = ((os.ST_RDONLY, MS_RDONLY), (os.ST_NOEXEC, MS_NOEXEC), (os.ST_NOATIME, MS_NOATIME),
             (os.ST_NODIRATIME, MS_NODIRATIME), (os.ST_RELATIME, MS_RELATIME))
    return sum(flag for bit, flag in pairs if current & bit)


def pivot_root(new_root, put_old):
    if SYS_PIVOT_ROOT is None:
        raise OSError(38, "pivot_root: unknown on %s" % os.uname().machine)
    check(libc.syscall(ctypes.c_long(SYS_PIVOT_ROOT), os.fsencode(new_root), os.fsencode(put_old)), "pivot_root")


def unmount(path):
    check(libc.umount2(os.fsencode(path), MNT_DETACH), "umount %s" % path)


def set_hostname(name):
    text = name.encode()
    check(libc.sethostname(text, len(text)), "sethostname")


def drop_capabilities():
    """For good: a cleared bounding set gives root in the namespace none back when it executes a program."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(64):
        if prctl(PR_CAPBSET_DROP, capability) != 0:
            break  # beyond the kernel's last
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    nothing = (ctypes.c_uint32 * 6)()
    check(libc.capset(header, nothing), "capset")
    check(prctl(PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")


def new_session_keyring():
    """An empty one, in place of that of whoever started the server: no namespace hides the keys and tickets in it. A kernel without
    keyrings has none to hide."""
    if SYS_KEYCTL is not None:
        libc.syscall(ctypes.c_long(SYS_KEYCTL), ctypes.c_long(KEYCTL_JOIN_SESSION_KEYRING), None)


def loopback_up():
    """A new network namespace has a loopback device that is down."""
    sock = libc.socket(2, 2, 0)
    request = ctypes.create_string_buffer(b"lo", 40)
    ctypes.memmove(ctypes.addressof(request) + 16, (0x1 | 0x40).to_bytes(2, "little"), 2)  # IFF_UP | IFF_RUNNING
    result = libc.ioctl(sock, ctypes.c_ulong(0x8914), request)  # SIOCSIFFLAGS
    os.close(sock)
    check(result, "bringing the loopback device up")
