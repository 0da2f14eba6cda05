"""A job's script that tries to get at what is not its own on this host. Prints `name: refused ...` or `name: REACHED ...` for
each attempt; reads what it needs to know to try seriously from facts.json beside it."""
import ctypes
import json
import os
import signal
import socket
import struct
import sys
import urllib.error
import urllib.request

with open("/opt/ml/processing/facts/facts.json") as file:
    FACTS = json.load(file)
DATA, RUNS = FACTS["dataFolder"], os.path.join(FACTS["dataFolder"], "runs")
libc = ctypes.CDLL(None, use_errno=True)


def attempt(name, act):
    try:
        found = act()
        print("%s: %s" % (name, "REACHED %r" % (found,) if found else "refused (nothing found)"), flush=True)
    except Exception as error:
        print("%s: refused (%s)" % (name, type(error).__name__), flush=True)


def system(number_or_call, *arguments):
    """A call of the C library that answers -1 for an error."""
    result = number_or_call(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result or "done"


def read(path):
    with open(path, "rb") as file:
        return file.read(200) or "empty"


def in_child(act):
    """In a process of its own, since some attempts change the process for good. True when it succeeded."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if act() else 1
        except Exception:
            pass
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


# files

for name in ("slipway.db", "credentials", "keys/sealing.key", "server.json", "slipway.yaml", "router/snapshot.json"):
    attempt("data folder: " + name, lambda: read(os.path.join(DATA, name)))
attempt("data folder", lambda: os.listdir(DATA))
attempt("runs of other jobs", lambda: os.listdir(RUNS))
attempt("other job's /opt/ml", lambda: read(os.path.join(RUNS, FACTS["otherRun"], "ml/secret")))
attempt("data folder through process 1", lambda: os.listdir("/proc/1/root" + DATA))
attempt("data folder through process 1's directory", lambda: os.listdir("/proc/1/cwd/../../../../.." + DATA))
for home in sorted({FACTS["home"], "/root", os.path.expanduser("~"), *(os.path.join("/home", name) for name in FACTS["homes"])}):
    attempt("~/.aws of " + home, lambda: os.listdir(os.path.join(home, ".aws")))
    attempt("marker file in " + home, lambda: read(os.path.join(home, FACTS["homeMarker"])))
attempt("shadow", lambda: read("/etc/shadow"))
attempt("host's /etc", lambda: read("/etc/debian_version"))
attempt("host's name", lambda: open("/etc/hostname").read())  # there is an empty one, for container engines
attempt("write /usr", lambda: open("/usr/bin/intruder", "w"))
attempt("write /etc", lambda: open("/etc/passwd", "r+"))
attempt("write the runtime", lambda: open(os.path.join(FACTS["runtimeFolder"], "bin/intruder"), "w"))
attempt("change the runtime", lambda: open(os.path.join(FACTS["runtimeFolder"], "bin/activate"), "r+"))
attempt("what else is in the cache folder", lambda: [
    name for name in os.listdir(FACTS["cacheFolder"]) if name not in FACTS["runtimeFolder"].split("/")])


def open_descriptors():
    """Whatever the shim or the sandbox left open for us, besides the log pipe and this listing."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue
        if int(name) > 2 and not target.startswith("/proc/"):
            found[name] = target
    return found


attempt("descriptors left open", open_descriptors)

# inputs are hard links of stored content

INPUT = "/opt/ml/processing/input/guarded.txt"


def link_and_write():
    os.link(INPUT, "/opt/ml/processing/input-link")
    return open("/opt/ml/processing/input-link", "w")


def reopen_writable():
    fd = os.open(INPUT, os.O_RDONLY)
    return open("/proc/self/fd/%d" % fd, "r+")


attempt("write input", lambda: open(INPUT, "r+"))
attempt("truncate input", lambda: os.truncate(INPUT, 0) or "done")
attempt("chmod input", lambda: os.chmod(INPUT, 0o777) or "done")
attempt("chown input", lambda: os.chown(INPUT, 0, 0) or "done")
attempt("set times of input", lambda: os.utime(INPUT, (1, 1)) or "done")
attempt("set attribute of input", lambda: os.setxattr(INPUT, "user.intruder", b"x") or "done")
attempt("link input", link_and_write)
attempt("replace input", lambda: os.replace("/opt/ml/processing/code/intruder.py", INPUT) or "done")
attempt("remove input", lambda: os.unlink(INPUT) or "done")
attempt("reopen input", reopen_writable)
attempt("write input through another root", lambda: open("/proc/self/root" + INPUT, "r+"))

# processes


def environments(*needles):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = read_all("/proc/%s/environ" % name)
        except OSError:
            continue
        found += [name for needle in needles if needle.encode() in text]
    return found


def read_all(path):
    with open(path, "rb") as file:
        return file.read()


attempt("environments of other jobs", lambda: environments(FACTS["otherSecret"]))
attempt("environments of host processes", lambda: environments("SLIPWAY_TEST_SECRET", "NODE_COMPILE_CACHE", "SLIPWAY_CACHE"))
attempt("more processes than our own", lambda: [name for name in os.listdir("/proc") if name.isdigit() and int(name) > 1000])
SYS = {"pidfd_open": 434, "process_vm_readv": 310 if os.uname().machine == "x86_64" else 270}
for whose in ("server", "router", "spawner", "supervisor"):
    pid = FACTS["pids"][whose]
    attempt("signal the " + whose, lambda: os.kill(pid, 0) or "done")
    attempt("trace the " + whose, lambda: system(libc.ptrace, 16, pid, None, None))
    attempt("memory of the " + whose, lambda: open("/proc/%d/mem" % pid, "rb"))
    attempt("process handle of the " + whose, lambda: system(libc.syscall, SYS["pidfd_open"], pid, 0))
attempt("signal the sandbox's first process", lambda: os.kill(1, signal.SIGKILL) or open("/proc/1/root" + DATA))



# keys


def session_key():
    """One that whoever started the server has in the keyring of their session."""
    number = 250 if os.uname().machine == "x86_64" else 219
    search, view, session = 10, 11, -3
    key = system(libc.syscall, number, search, session, b"user", b"slipway-attack", 0)
    text = ctypes.create_string_buffer(100)
    system(libc.syscall, number, view, key, text, 100)
    return text.value


attempt("keys of the server's session", session_key)
attempt("keys of the user", lambda: [line for line in open("/proc/keys") if "slipway-attack" in line])


def type_into_terminal():
    with open("/dev/tty", "r+") as terminal:
        import fcntl

        return fcntl.ioctl(terminal, 0x5412, b"x") or "done"  # TIOCSTI


attempt("type into the terminal of whoever started the server", type_into_terminal)
attempt("become another user", lambda: os.setuid(1) or "done")
attempt("other groups", lambda: os.setgroups([0, 4, 27]) or "done")
attempt("raise our limits", lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_NPROC, (-1, -1)) or "done")


def setuid_file():
    """Set-user-id of root on a file of ours, which means something outside of the sandbox if it can be started there."""
    path = "/opt/ml/output/intruder-suid"
    os.makedirs("/opt/ml/output", exist_ok=True)
    with open(path, "w") as file:
        file.write("#!/bin/sh\nid -u\n")
    os.chmod(path, 0o4755)
    mounted = [line.split() for line in open("/proc/self/mountinfo") if line.split()[4] in ("/", "/opt/ml")]
    return [each[4] for each in mounted if "nosuid" not in each[5].split(",")]


attempt("a file that runs as another", setuid_file)
attempt("performance counters", lambda: system(libc.syscall, 298 if os.uname().machine == "x86_64" else 241, None, 0, -1, -1, 0))
attempt("load a kernel module", lambda: system(libc.syscall, 313 if os.uname().machine == "x86_64" else 273, 0, b"", 0))


def open_by_handle():
    """The way out of containers of old: a file of the same file system by its number, the root's being known."""
    numbers = {"x86_64": (303, 304), "aarch64": (264, 265)}[os.uname().machine]
    mount_id, handle = ctypes.c_int(), ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    system(libc.syscall, numbers[0], -100, b"/opt/ml", handle, ctypes.byref(mount_id), 0)
    place = os.open("/opt/ml", os.O_RDONLY)
    for inode in (2, 64, 128, 256):  # roots of ext4, xfs, btrfs
        forged = ctypes.create_string_buffer(struct.pack("IiII", 8, 1, inode, 0) + bytes(112))
        try:
            return system(libc.syscall, numbers[1], place, forged, os.O_RDONLY)
        except OSError:
            pass
    return None


attempt("another root by file handle", open_by_handle)
attempt("swap, reboot", lambda: system(libc.swapon, b"/tmp/none", 0))
attempt("core files", lambda: write_now("/proc/sys/kernel/core_pattern", "|/opt/ml/intruder"))


def write_now(path, text):
    with open(path, "w") as file:
        file.write(text)
    return "done"


attempt("out-of-memory killer: spare us", lambda: write_now("/proc/self/oom_score_adj", "-1000"))

# mounts and namespaces

MS_BIND, MS_REMOUNT = 0x1000, 0x20
NEW_USER, NEW_MOUNT, NEW_PID, NEW_CGROUP, NEW_NET = 0x10000000, 0x20000, 0x20000000, 0x2000000, 0x40000000


def mount(source, target, kind, flags=0, options=None):
    encode = lambda text: None if text is None else text.encode()
    os.makedirs(target, exist_ok=True)
    return system(libc.mount, encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(options))


def nested(flags, act):
    """As root of a user namespace of our own, if that can be had."""

    def inside():
        user, group = os.geteuid(), os.getegid()
        system(libc.unshare, flags | NEW_USER)
        for name, text in (("setgroups", "deny"), ("uid_map", "0 %d 1" % user), ("gid_map", "0 %d 1" % group)):
            try:
                with open("/proc/self/" + name, "w") as file:
                    file.write(text)
            except OSError:
                pass  # unmapped we are still root outside, if we were
        if flags & NEW_PID:
            return in_child(act)
        return act()

    return in_child(inside)


def fresh_proc():
    mount("proc", "/tmp/proc", "proc")
    with open("/tmp/proc/sys/kernel/core_pattern", "r+") as file:
        return file.read()


def own_memory_limit():
    """Root on the host owns the files of control groups, also of ours."""
    for kind, options, names in (("cgroup", "memory", ("memory.memsw.limit_in_bytes", "memory.limit_in_bytes")),
                                 ("cgroup2", None, ("memory.max",))):
        try:
            mount("none", "/tmp/" + kind, kind, 0, options)
        except OSError:
            continue
        for folder, _, files in os.walk("/tmp/" + kind):
            if names[-1] in files:
                for name in names:
                    with open(os.path.join(folder, name), "w") as file:
                        file.write("max" if name == "memory.max" else "-1")
                return True
    return False


def host_control_groups():
    """A hierarchy in which we are in the host's own root group."""
    for controller in ("cpuset", "pids", "freezer", "name=systemd,none"):
        try:
            mount("none", "/tmp/" + controller[:4], "cgroup", 0, controller)
            with open("/tmp/" + controller[:4] + "/cgroup.procs", "w") as file:
                file.write("0")
            return True
        except OSError:
            continue
    return False


attempt("mount", lambda: mount("tmpfs", "/tmp/mounted", "tmpfs"))
attempt("remount input writable", lambda: mount(None, "/opt/ml/processing/input", None, MS_BIND | MS_REMOUNT))
attempt("unmount input", lambda: system(libc.umount2, b"/opt/ml/processing/input", 2))
attempt("new mount namespace", lambda: system(libc.unshare, NEW_MOUNT))
attempt("chroot", lambda: os.chroot("/tmp") or "done")
attempt("block device", lambda: os.mknod("/tmp/disk", 0o060600, os.makedev(FACTS["diskMajor"], 0)) or read("/tmp/disk"))
attempt("kernel memory", lambda: read("/dev/mem"))
attempt("kernel log", lambda: read("/dev/kmsg"))
attempt("kernel settings", lambda: open("/proc/sys/kernel/core_pattern", "r+"))
attempt("sysrq", lambda: open("/proc/sysrq-trigger", "w"))
attempt("host name", lambda: socket.sethostname("intruder") or "done")
attempt("clock", lambda: __import__("time").clock_settime(0, 0) or "done")
attempt("nested: input writable", lambda: nested(NEW_MOUNT, lambda: mount(None, "/opt/ml/processing/input", None, MS_BIND | MS_REMOUNT)))
attempt("nested: input uncovered", lambda: nested(NEW_MOUNT, lambda: system(libc.umount2, b"/opt/ml/processing/input", 2)))
attempt("nested: kernel settings by a fresh /proc", lambda: nested(NEW_MOUNT | NEW_PID, fresh_proc))
attempt("nested: own memory limit", lambda: nested(NEW_MOUNT | NEW_CGROUP, own_memory_limit))
attempt("nested: control groups of the host", lambda: nested(NEW_MOUNT | NEW_CGROUP, host_control_groups))
attempt("nested: /sys", lambda: nested(NEW_MOUNT | NEW_NET, lambda: mount("sysfs", "/tmp/sys", "sysfs") and os.listdir("/tmp/sys/kernel")))
attempt("capabilities", lambda: [line for line in open("/proc/self/status") if line.startswith(("CapEff", "CapPrm", "CapBnd", "CapAmb"))
                                 and int(line.split()[1], 16)])
attempt("new privileges", lambda: [line for line in open("/proc/self/status") if line.startswith("NoNewPrivs") and line.split()[1] != "1"])

# sockets


def connect(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        return "connected"


for path in FACTS["sockets"]:
    attempt("socket " + path.replace(DATA, "DATA"), lambda: connect(path))


def abstract_sockets():
    with open("/proc/net/unix") as file:
        names = {line.split()[-1] for line in file if " @" in line}
    reached = []
    for name in names:
        try:
            connect("\0" + name[1:])
            reached.append(name)
        except OSError:
            pass
    return [name for name in reached if "slipway" in name]


attempt("abstract sockets of ours", abstract_sockets)

# the page, and what else is there without a signature


def get(path, headers=None, method="GET", body=None):
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + path, headers=headers or {}, method=method, data=body)
    with urllib.request.urlopen(request) as answer:
        return answer.status, answer.read()[:200]


FORGED = "slipway_session=%s.%s" % (FACTS["forgedPayload"], "A" * 43)
OWN = {"origin": os.environ["AWS_ENDPOINT_URL"], "content-type": "application/json"}
attempt("page", lambda: get("/_slipway/ui"))
attempt("page with a forged cookie", lambda: get("/_slipway/ui", {"cookie": FORGED}))
attempt("page's calls", lambda: get("/_slipway/ui/api/sagemaker:ListModelPackages", OWN, "POST", b"{}"))
attempt("page's calls with a forged cookie",
        lambda: get("/_slipway/ui/api/sagemaker:ListModelPackages", {**OWN, "cookie": FORGED}, "POST", b"{}"))
attempt("page's session without a link", lambda: get("/_slipway/ui/session?nonce=1"))
attempt("metrics", lambda: get("/_slipway/metrics"))
attempt("runtime port unsigned", lambda: urllib.request.urlopen(
    os.environ["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] + "/endpoints/any/invocations", data=b"1").read())


# credentials of others


def credentials(uri, token):
    request = urllib.request.Request(uri, headers={"authorization": token} if token else {})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


URI, TOKEN = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"], os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
OTHER_URI = URI[: URI.rindex("/") + 1] + FACTS["otherRun"]


def forged_token():
    """Ours with the other's id, under our seal."""
    import base64

    text, seal = TOKEN.split(".")
    access = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    access.update(workId=FACTS["otherRun"], onBehalfOf="arn:aws:iam::123456789012:user/admin")
    forged = base64.urlsafe_b64encode(json.dumps(access).encode()).decode().rstrip("=")
    return "%s.%s" % (forged, seal)


attempt("other job's credentials by our token", lambda: credentials(OTHER_URI, TOKEN))
attempt("other job's credentials by a forged token", lambda: credentials(OTHER_URI, forged_token()))
attempt("our credentials without a token", lambda: credentials(URI, None))
attempt("our credentials with a longer seal", lambda: credentials(URI, TOKEN + "AAAA"))
attempt("credentials of a job that has ended", lambda: credentials(FACTS["endedUri"], FACTS["endedToken"]))
print("own credentials: %s" % ("given" if credentials(URI, TOKEN)["AccessKeyId"].startswith("ASIA") else "missing"), flush=True)
print("done", flush=True)
