"""What the kernel tells of processes through /proc."""
import os


def start_ticks(pid):
    """When the process began, in clock ticks since boot: with the pid it names a process for ever. None when gone."""
    try:
        with open("/proc/%s/stat" % pid, "rb") as file:
            # the command's name may hold blanks and brackets: count from the last one
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return [child for child, parent in parents().items() if parent == pid]


def parents():
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
    return found


def descendants(pid):
    """The process and everything below it, parents first."""
    below = {}
    for child, parent in parents().items():
        below.setdefault(parent, []).append(child)
    found = [pid]
    for one in found:
        found.extend(below.get(one, ()))
    return found


def resident_bytes(pid):
    try:
        with open("/proc/%d/statm" % pid) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def proportional_bytes(pid):
    """Like resident_bytes, but pages shared by several processes count once in their sum. Dearer: walks the page table."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return resident_bytes(pid)
