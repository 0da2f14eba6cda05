"""Starts the command of a plan inside its isolation. Each way returns a Sandbox; the mounts are the same in both."""
import json
import os
import signal

import kernel
import process_limit
import process_table
from started import DEFAULT_SIGNALS, Sandbox, StartFailed, send


def start(plan, output, before=None):
    """`before` is called with a process in the sandbox's namespaces, and the job begins when it has returned."""
    way = {"bubblewrap": start_bubblewrap, "unshare": start_unshare, "plain": start_plain,
           "container": start_container}[plan["isolation"]]
    return way(plan, output, before)


# where root inside is root outside, these parts of /proc answer to the user id alone; bubblewrap covers `irq` and `bus`
PROC_READ_ONLY = ("sys", "sysrq-trigger", "fs", "irq", "bus") if os.geteuid() == 0 else ()
# they tell of keys of every process that has our user id outside
PROC_HIDDEN = ("keys", "key-users")

# bubblewrap


def start_bubblewrap(plan, output, before):
    hold_read, hold_write = os.pipe()
    os.set_inheritable(hold_read, before is not None)  # bubblewrap closes it only where it is told of it
    arguments = os.memfd_create("arguments", 0)  # not on the command line, where every user of the host could read tokens
    os.write(arguments, b"".join(as_argument(word) for word in bubblewrap_arguments(plan, hold_read if before else None)))
    os.lseek(arguments, 0, os.SEEK_SET)
    status_read, status_write = os.pipe()
    os.set_inheritable(status_write, True)
    words = [plan["bubblewrap"], "--args", str(arguments), "--json-status-fd", str(status_write), "--", *plan["command"]]
    overlay = plan.get("image") and plan["image"]["overlay"]
    pid = (fork_bubblewrap if overlay or plan.get("networkHolder") else spawn_bubblewrap)(plan, words, output, status_write)
    for fd in (arguments, status_write, hold_read):
        os.close(fd)
    status = open(status_read, "rb")
    line = status.readline()
    if not line.startswith(b"{"):
        raise StartFailed(line[len("failed "):].decode("utf-8", "replace").strip() or "bubblewrap ended before it made a sandbox")
    init = json.loads(line)["child-pid"]
    if before:
        before(init)
        os.write(hold_write, b"x")
    os.close(hold_write)
    for each in (init, *process_table.children(init)):
        process_limit.lower_hard_limit(each)
    return Sandbox(pid, init, status)


def spawn_bubblewrap(plan, words, output, _status):
    nothing = (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
    streams = [nothing, (os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
    be_ourselves = be_the_job(plan)
    try:
        # not a fork, after which both sides would copy each page of the interpreter that they touch; and nothing of the
        # job's environment: LD_PRELOAD would act outside the sandbox
        return os.posix_spawn(plan["bubblewrap"], words, {}, file_actions=streams, setsigdef=DEFAULT_SIGNALS)
    finally:
        be_ourselves()


def fork_bubblewrap(plan, words, output, status):
    """Inside a namespace that shows the image's root as one folder, which bubblewrap then takes for the root; or in the network of
    the job's hosts, which it leaves as it is."""
    pid = os.fork()
    if pid == 0:
        try:
            enter(output, plan)
            enter_network(plan)
            if plan.get("image") and plan["image"]["overlay"]:
                import image_root  # for few; its supervisor has loaded it

                image_root.enter(plan["image"])
            os.execve(plan["bubblewrap"], words, {})
        except BaseException as error:
            report(status, "failed " + describe(error))
        finally:
            os._exit(125)
    return pid


def has_own_network(plan):
    return plan["network"] == "none" and not plan.get("networkHolder")


def enter_network(plan):
    """The network that the hosts of an isolated job share; False where there is none."""
    if not plan.get("networkHolder"):
        return False
    import cluster_network  # for few; its supervisor has loaded it

    cluster_network.enter(plan["networkHolder"])
    return True


def as_argument(word):
    """A zero byte would end the word, and what follows would be read as options of bubblewrap."""
    if "\0" in word:
        raise StartFailed("The environment or a path of the job holds a zero byte.")
    return os.fsencode(word) + b"\0"


def bubblewrap_arguments(plan, hold):
    yield from ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    # As root of one more user namespace the job could mount control groups and lift its own memory limit. Before 0.8
    # bubblewrap does not know this word, the trial fails, and `unshare` is used.
    yield "--disable-userns"
    if has_own_network(plan):
        yield "--unshare-net"
    yield from ("--uid", "0", "--gid", "0", "--cap-drop", "ALL", "--hostname", plan["hostname"])
    yield from ("--die-with-parent", "--new-session")
    if hold is not None:
        yield from ("--block-fd", str(hold))
    if plan.get("image"):
        yield from ("--bind", plan["image"]["root"], "/")
    for mount in plan["mounts"]:
        kind = mount["kind"]
        if kind == "read-only":
            yield from ("--ro-bind", mount["from"], mount["to"])
        elif kind == "writable":
            yield from ("--bind", mount["from"], mount["to"])
        elif kind == "symlink":
            yield from ("--symlink", mount["from"], mount["to"])
        else:
            yield from ("--" + {"empty": "tmpfs", "processes": "proc", "devices": "dev"}[kind], mount["to"])
        if kind == "processes":
            for name in PROC_READ_ONLY[:3]:
                if os.path.exists("/proc/" + name):
                    yield from ("--ro-bind", "/proc/" + name, mount["to"] + "/" + name)
            for name in PROC_HIDDEN:
                if os.path.exists("/proc/" + name):
                    yield from ("--ro-bind", "/dev/null", mount["to"] + "/" + name)
    for name, value in plan["environment"].items():
        yield from ("--setenv", name, value)
    yield from ("--chdir", plan["workingDirectory"])


# unshare

OLD = "/.slipway-old"  # where the host's root stands for a moment
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def start_unshare(plan, output, before):
    """outer (enters new namespaces) > init (process 1 inside: builds the root, reaps) > the job."""
    status_read, status_write = os.pipe()
    hold_read, hold_write = os.pipe()
    user, group = os.geteuid(), os.getegid()
    pid = os.fork()
    if pid == 0:
        os.close(status_read)
        os.close(hold_write)
        try:
            enter(output, plan)
            outer_process(plan, status_write, hold_read, user, group)
        except BaseException as error:
            report(status_write, "failed " + describe(error))
        finally:
            os._exit(125)
    os.close(status_write)
    os.close(hold_read)
    with open(status_read, "rb") as status:
        lines = [status.readline().decode("utf-8", "replace").strip()]
        if before and lines[0].startswith("init "):
            before(int(lines[0].split()[1]))
            os.write(hold_write, b"x")
        os.close(hold_write)
        lines += status.read().decode("utf-8", "replace").splitlines()  # ends when the job's exec closes the last end
    failures = [line[len("failed "):] for line in lines if line.startswith("failed ")]
    inits = [line for line in lines if line.startswith("init ")]
    if failures or not inits:
        send(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise StartFailed(failures[0] if failures else "the sandbox ended before it was made")
    return Sandbox(pid, int(inits[0].split()[1]))


def report(fd, text):
    os.write(fd, (text.replace("\n", " ") + "\n").encode())


def describe(error):
    return error.strerror and str(error) if isinstance(error, OSError) else "%s: %s" % (type(error).__name__, error)


def outer_process(plan, status, hold, user, group):
    flags = kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
    if os.path.exists("/proc/self/ns/cgroup"):
        flags |= kernel.CLONE_NEWCGROUP
    if has_own_network(plan):
        flags |= kernel.CLONE_NEWNET
    if enter_network(plan):
        user, group = 0, 0  # as we are seen there
    kernel.unshare(flags)
    write_file("/proc/self/setgroups", "deny")
    write_file("/proc/self/uid_map", "0 %d 1" % user)
    write_file("/proc/self/gid_map", "0 %d 1" % group)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # only now: entering a user namespace clears it
    init = os.fork()
    if init == 0:
        try:
            init_process(plan, status, hold)
        except BaseException as error:
            report(status, "failed " + describe(error))
        finally:
            os._exit(125)
    report(status, "init %d" % init)
    os.close(status)
    os.close(1)
    os.close(2)
    wait_and_exit(init)


def init_process(plan, status, hold):
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if has_own_network(plan):
        kernel.loopback_up()
    kernel.set_hostname(plan["hostname"])
    build_root(plan)
    kernel.drop_capabilities()
    os.read(hold, 1)  # ends when whoever prepares our network has done so
    os.close(hold)
    job = os.fork()
    if job == 0:
        try:
            os.setsid()
            os.chdir(plan["workingDirectory"])
            execute(plan)
        except BaseException as error:
            report(status, "failed " + describe(error))
        finally:
            os._exit(127)
    os.close(status)
    os.close(1)
    os.close(2)
    wait_and_exit(job)


def wait_and_exit(awaited):
    """Reaps until the awaited process has ended, then ends like it, as a shell would tell it."""
    while True:
        pid, status = os.wait()
        if pid == awaited:
            os._exit(exit_code(status))


def exit_code(status):
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def build_root(plan):
    image = plan.get("image")
    root = image["root"] if image else plan["root"]
    kernel.mount(None, "/", None, kernel.MS_SLAVE | kernel.MS_REC)
    if not image:
        kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    elif image["overlay"]:
        import image_root

        image_root.mount(image)
    else:
        kernel.bind(root, root, False)
    os.umask(0o022)
    for mount in plan["mounts"]:
        place(mount, root + mount["to"])
    os.mkdir(root + OLD)
    kernel.pivot_root(root, root + OLD)
    os.chdir("/")
    kernel.unmount(OLD)
    os.rmdir(OLD)


def place(mount, target):
    kind = mount["kind"]
    if kind == "symlink":
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(mount["from"], target)
    elif kind == "empty":
        os.makedirs(target, exist_ok=True)
        kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    elif kind == "processes":
        os.makedirs(target, exist_ok=True)
        kernel.mount("proc", target, "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
        write_file(target + "/sys/user/max_user_namespaces", "0")  # in this one; see --disable-userns
        for name in PROC_READ_ONLY:
            if os.path.exists(target + "/" + name):
                kernel.bind(target + "/" + name, target + "/" + name, True)
        for name in PROC_HIDDEN:
            if os.path.exists(target + "/" + name):
                kernel.bind("/dev/null", target + "/" + name, True)
    elif kind == "devices":
        make_devices(target)
    else:
        make_mount_point(mount["from"], target)
        kernel.bind(mount["from"], target, kind == "read-only")


def make_mount_point(source, target):
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))


def make_devices(target):
    os.makedirs(target, exist_ok=True)
    kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID, "mode=755")
    for name in DEVICES:
        make_mount_point("/dev/" + name, target + "/" + name)
        kernel.mount("/dev/" + name, target + "/" + name, None, kernel.MS_BIND)
    for name, points_to in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
                            ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx")):
        os.symlink(points_to, target + "/" + name)
    os.mkdir(target + "/shm")
    kernel.mount("tmpfs", target + "/shm", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
    os.mkdir(target + "/pts")
    try:
        kernel.mount("devpts", target + "/pts", "devpts", kernel.MS_NOSUID | kernel.MS_NOEXEC,
                     "newinstance,ptmxmode=0666,mode=620")
    except OSError:
        pass  # a job without terminals; hosts that forbid it are no reason to refuse


# plain


def start_plain(plan, output, _before):
    """No isolation at all; only by the operator's own word. /opt/ml points to the run's tree while it runs."""
    status_read, status_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(status_read)
        try:
            enter(output, plan)
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.setsid()
            os.chdir(plan["workingDirectory"])
            execute(plan)
        except BaseException as error:
            report(status_write, "failed " + describe(error))
        finally:
            os._exit(127)
    os.close(status_write)
    with open(status_read, "rb") as status:
        text = status.read().decode("utf-8", "replace").strip()
    if text:
        os.waitpid(pid, 0)
        raise StartFailed(text[len("failed "):])
    return Sandbox(pid, pid)


def start_container(plan, output, before):
    import container  # for few

    return container.start(plan, output, before)


# shared by all


def enter(output, plan):
    """In the forked child: standard streams, and the dispositions a supervisor changed for itself."""
    signal.set_wakeup_fd(-1)
    for number in DEFAULT_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    be_the_job(plan)
    process_limit.lower_hard_limit(0)


def be_the_job(plan):
    """Gives this process what the job's is to inherit; the function returned takes it back."""
    mask = os.umask(0o022)
    cpus = os.sched_getaffinity(0) if plan.get("cpus") else None
    if cpus:
        os.sched_setaffinity(0, plan["cpus"])
    with open("/proc/self/oom_score_adj") as file:
        score = file.read()
    write_file("/proc/self/oom_score_adj", "500")  # when memory ends, jobs go before the server
    lift_limit = process_limit.lower_soft_limit()

    def be_ourselves():
        lift_limit()
        write_file("/proc/self/oom_score_adj", score)
        if cpus:
            os.sched_setaffinity(0, cpus)
        os.umask(mask)

    return be_ourselves


def execute(plan):
    """Not os.execvpe: it imports a module when it searches PATH, and our library is out of sight by now."""
    command, environment = plan["command"], plan["environment"]
    name = command[0]
    search = [""] if "/" in name else [folder + "/" for folder in environment.get("PATH", "/usr/bin:/bin").split(":")]
    refusal = None
    for prefix in search:
        try:
            os.execve(prefix + name, command, environment)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            refusal = error
    if refusal:
        raise StartFailed("%s: found, but not executable" % name)
    raise StartFailed("%s: no such program%s" % (name, "" if "/" in name else " on PATH " + environment.get("PATH", "")))


def write_file(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
