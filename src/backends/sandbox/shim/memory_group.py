"""A control group that bounds the memory of one run, where this user may make one (version 1 or 2)."""
import os

ROOT = "/sys/fs/cgroup"


def find_parent(controller="memory"):
    """The directory under which a group with a limit can be made, or None. Tried for real, once per spawner."""
    for directory in candidates(controller):
        trial = directory + "/slipway-trial-%d" % os.getpid()
        try:
            os.mkdir(trial)
        except OSError:
            continue
        usable = os.access(trial + "/" + (limit_name(trial) if controller == "memory" else "pids.max"), os.W_OK)
        os.rmdir(trial)
        if usable:
            return directory
    return None


def path_of(pid):
    """The group that counts this process's memory, where it is to be seen."""
    nearest = next(candidates("memory", pid), None)
    return nearest if nearest and os.path.exists(nearest + "/" + limit_name(nearest)) else None


def candidates(controller, pid="self"):
    """The groups of a process and their ancestors: the nearest place that lets us make a child."""
    try:
        with open("/proc/%s/cgroup" % pid) as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top = ROOT
        elif controller in controllers.split(","):
            top = ROOT + "/" + controllers
        else:
            continue
        while True:
            yield (top + path).rstrip("/")
            if path in ("/", ""):
                break
            path = os.path.dirname(path)


def limit_name(directory):
    return "memory.max" if os.path.exists(directory + "/memory.max") else "memory.limit_in_bytes"


def remove_left_over(parent):
    """Groups of supervisors that have ended; a group with processes in it refuses to go."""
    if parent is None:
        return
    for name in os.listdir(parent):
        if name.startswith("slipway-"):
            try:
                os.rmdir(parent + "/" + name)
            except OSError:
                pass


def enter_own(parent):
    """Makes a group for this process and all it will start, without a limit yet; None where that is not possible."""
    if parent is None:
        return None
    try:
        return MemoryGroup("%s/slipway-%d" % (parent, os.getpid()))
    except OSError:
        return None  # memory is sampled instead


def write(path, value):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)


class MemoryGroup:
    def __init__(self, path, own=True):
        self.path = path
        if own:
            os.mkdir(path)
            self.write("cgroup.procs", 0)

    def limit(self, limit_bytes):
        self.write(limit_name(self.path), limit_bytes)
        for name, value in (("memory.memsw.limit_in_bytes", limit_bytes), ("memory.swap.max", 0)):
            try:
                self.write(name, value)
            except OSError:
                pass  # no swap accounting here, or the other version's file

    def write(self, name, value):
        write(self.path + "/" + name, value)

    def read(self, name):
        try:
            with open(self.path + "/" + name) as file:
                return file.read()
        except OSError:
            return ""

    def killed(self):
        """Whether the kernel killed a process for want of memory."""
        for line in (self.read("memory.events") + "\n" + self.read("memory.oom_control")).splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill" and value.strip() != "0":
                return True
        return False

    def peak_bytes(self):
        text = self.read("memory.peak") or self.read("memory.max_usage_in_bytes")
        return int(text) if text.strip().isdigit() else 0
