"""Makes the run's tree ready: directories, small files, unpacked archives."""
import fcntl
import os
import time

from refusal import Refused

PLAIN_ROOT = "/opt/ml"
PLAIN_LOCK = "/tmp/slipway-opt-ml.lock"


def prepare(folder, plan):
    for directory in plan["directories"]:
        os.makedirs(os.path.join(folder, directory), exist_ok=True)
    if plan["socketFolder"]:
        make_socket_folder(plan["socketFolder"])
    for file in plan["files"]:
        path = os.path.join(folder, file["path"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as handle:
            handle.write(file["text"])
    for archive in plan["archives"]:
        import archive as unpacking  # tarfile costs more to import than the rest of a run

        source, target = (os.path.join(folder, archive[end]) for end in ("from", "to"))
        unpacking.unpack(source, target, plan["unpackBytesMax"], archive["form"])


def make_socket_folder(path):
    """Under a temporary folder that others can write to: only a folder that is ours alone will do."""
    for directory in (os.path.dirname(path), path):
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            found = os.lstat(directory)
            if found.st_uid != os.geteuid() or (found.st_mode & 0o170077) != 0o040000:
                raise Refused("%s belongs to someone else or is open to others: remove it." % directory) from None
    for name in os.listdir(path):
        os.unlink(os.path.join(path, name))


def take_plain_root(plan, stop_wanted):
    """Waits for the one /opt/ml of this host and points it to the run's tree. The lock ends with this process."""
    lock = os.open(PLAIN_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if stop_wanted():
                raise Refused("Stopped while another job owned /opt/ml.") from None
            time.sleep(0.2)
    if os.path.lexists(PLAIN_ROOT):
        if not os.path.islink(PLAIN_ROOT):
            raise Refused("/opt/ml exists and was not made by Slipway: move it away, or install bubblewrap.")
        os.unlink(PLAIN_ROOT)
    try:
        os.symlink(plan["tree"], PLAIN_ROOT)
    except OSError as error:
        raise Refused("`sandbox: plain` needs to make /opt/ml: %s. Run `sudo install -d -o $USER /opt` or install bubblewrap."
                      % error.strerror) from None
    return lock


def give_plain_root(plan):
    """Only our own link; the lock is still held."""
    try:
        if os.readlink(PLAIN_ROOT) == plan["tree"]:
            os.unlink(PLAIN_ROOT)
    except OSError:
        pass  # the job removed or replaced it: the next one sees to it
