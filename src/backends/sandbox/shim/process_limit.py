"""Bounds how many processes and threads one run may have, so that one that forks without end leaves room for the host.

By a control group where this user may make one, which holds root too; and by the user's own limit, which does not.
"""
import os
import resource

import memory_group


def most():
    """An eighth of what the host can number, at most 16,384: far beyond what work needs."""
    try:
        with open("/proc/sys/kernel/pid_max") as file:
            return max(256, min(16384, int(file.read()) // 8))
    except OSError:
        return 4096


def find_parent():
    """Where version 1 of control groups lets us bound processes; None elsewhere. Once per spawner."""
    return memory_group.find_parent("pids")


def enter_group(parent, memory):
    """Bounds this process and all it will start. In version 2 the memory group counts processes as well."""
    try:
        if memory and os.path.exists(memory.path + "/pids.max"):
            memory.write("pids.max", most())
        elif parent:
            path = "%s/slipway-%d" % (parent, os.getpid())
            os.mkdir(path)
            for name, value in (("pids.max", most()), ("cgroup.procs", 0)):
                memory_group.write(path + "/" + name, value)
    except OSError:
        pass  # the user's own limit is left


def lower_soft_limit():
    """For what this process starts from now on; the function returned takes it back, which a lowered hard limit forbids."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY and soft <= most():
        return lambda: None
    resource.setrlimit(resource.RLIMIT_NPROC, (most(), hard))
    return lambda: resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))


def lower_hard_limit(pid):
    """The process can not raise it again, nor can what it starts."""
    try:
        soft, _ = resource.prlimit(pid, resource.RLIMIT_NPROC)
        resource.prlimit(pid, resource.RLIMIT_NPROC, (soft, soft))
    except (OSError, ValueError):
        pass  # it has ended already
