"""One network for the hosts of an isolated job: nothing but a loopback device, which they share and nobody else sees.

A process of its own holds it, made by the first supervisor of the job and gone soon after the last. Supervisors hold a shared lock
for as long as they live; who holds the network ends once it can have that lock alone.
"""
import fcntl
import os
import signal
import time

import kernel
import process_table
from refusal import Refused

LOOK_SECONDS = 1


def join(runs, cluster):
    """Makes the network if it is not there; the id of the process that holds it. Our part in its lock ends with this process."""
    folder = os.path.join(runs, ".networks")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, cluster)
    making = os.open(os.path.join(folder, ".making"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.flock(making, fcntl.LOCK_EX)  # one of several hosts makes it
    lock = open_locked(path)
    holder = read_holder(lock)
    if holder is None:
        holder = start_holder(path)
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d %d" % (holder, process_table.start_ticks(holder) or 0), 0)
    os.close(making)
    return holder


def open_locked(path):
    """The file under this name, which a holder that ends takes away. Locked for as long as this process lives."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        fcntl.flock(lock, fcntl.LOCK_SH)
        if is_there(path, lock):
            return lock
        os.close(lock)


def is_there(path, lock):
    try:
        return os.path.samestat(os.stat(path), os.fstat(lock))
    except FileNotFoundError:
        return False


def read_holder(lock):
    """None when none is known or it has gone."""
    words = os.pread(lock, 100, 0).split()
    if len(words) != 2:
        return None
    pid, ticks = map(int, words)
    return pid if process_table.start_ticks(pid) == ticks else None


def start_holder(path):
    """Forked twice, so that it is no child of this process, which waits for all of its own."""
    told, tell = os.pipe()
    user, group = os.geteuid(), os.getegid()
    middle = os.fork()
    if middle == 0:
        try:
            if os.fork() == 0:
                hold(path, tell, user, group)
        finally:
            os._exit(0)
    os.close(tell)
    os.waitpid(middle, 0)
    with open(told, "rb") as answer:
        text = answer.read().decode("utf-8", "replace")
    if not text.isdigit():
        raise Refused("The hosts of an isolated job cannot share a network on this machine: %s" % (text or "the process that holds it ended"))
    return int(text)


def hold(path, tell, user, group):
    try:
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNET)
        for name, text in (("setgroups", "deny"), ("uid_map", "0 %d 1" % user), ("gid_map", "0 %d 1" % group)):
            with open("/proc/self/" + name, "w") as file:
                file.write(text)
        kernel.loopback_up()
        keep_only(tell)
        signal.set_wakeup_fd(-1)
        os.write(tell, b"%d" % os.getpid())
    except OSError as error:
        os.write(tell, (error.strerror or str(error)).encode())
        return
    os.close(tell)
    wait_for_last(path)


def keep_only(kept):
    """What else is open here is our supervisor's: its lock above all, which would never be free."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != kept:
            try:
                os.close(int(name))
            except OSError:
                pass  # the listing's own


def wait_for_last(path):
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            return  # the data folder went
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
            return
        except BlockingIOError:
            os.close(lock)


def enter(holder):
    """This process, and what it starts, sees that network and no other."""
    spaces = [os.open("/proc/%d/ns/%s" % (holder, kind), os.O_RDONLY) for kind in ("user", "net")]
    for space, kind in zip(spaces, (kernel.CLONE_NEWUSER, kernel.CLONE_NEWNET)):
        kernel.set_namespace(space, kind)
        os.close(space)
