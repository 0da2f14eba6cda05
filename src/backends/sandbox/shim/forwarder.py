"""Connects a server inside a network of its own with the host: requests come in by a unix socket, and the work reaches the few ports it
is told of under the addresses they have outside. Nothing else of the host can be reached, and two servers on port 8080 never meet.

Processes of their own, since a socket belongs to the network in which it was made: `inner` has entered the work's network, where it listens
for the work and connects to its server; `outer` stays here and connects to the host's ports, and so does the proxy behind which the
internet is (web_proxy.py). They end with the supervisor.
"""
import array
import errno
import fcntl
import os
import selectors
import signal
import socket
import time

import kernel

NS_GET_USERNS = 0xB701
LISTEN = 512
PIECE = 65536
LOOPBACK_SECONDS = 10
AWAIT_SECONDS = 0.03


def start(serve, init):
    """Process ids of the forwarders. Returns when the work's side is ready; `init` is a process in the work's network."""
    server = socket.socket(socket.AF_UNIX)
    if os.path.lexists(serve["socket"]):
        os.unlink(serve["socket"])
    server.bind(serve["socket"])  # refuses until it listens, as the socket of a server that is starting does
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    inner = fork(lambda: serve_inside(serve, init, server, there), [server, there])
    there.close()
    server.close()
    word, descriptors = receive(here, len(inside_ports(serve)))
    here.close()
    if word != b"ready":
        raise OSError("the network of the work could not be entered: %s" % word.decode("utf-8", "replace"))
    pids = [inner]
    listeners = [socket.socket(fileno=fd) for fd in descriptors]
    if serve["proxyPort"] is not None:
        pids.append(fork(lambda: serve_proxy(listeners[-1]), listeners[-1:]))
        listeners.pop().close()
    if listeners:
        pids.append(fork(lambda: serve_outside(serve["reach"], listeners), listeners))
    for listener in listeners:
        listener.close()
    return pids


def inside_ports(serve):
    return serve["reach"] + ([] if serve["proxyPort"] is None else [serve["proxyPort"]])


def serve_proxy(listener):
    import web_proxy

    web_proxy.serve(listener)


def fork(run, sockets):
    pid = os.fork()
    if pid:
        return pid
    try:
        keep = {each.fileno() for each in sockets}
        for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
            if fd > 2 and fd not in keep:
                try:
                    os.close(fd)  # above all the work's log, which ends when nobody can write to it any more
                except OSError:
                    pass  # the one that listed them
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGUSR1):
            signal.signal(number, signal.SIG_DFL)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        run()
    finally:
        os._exit(1)


def receive(channel, count):
    size = array.array("i").itemsize
    word, control, _, _ = channel.recvmsg(512, socket.CMSG_SPACE(max(1, count) * size))
    descriptors = array.array("i")
    for level, kind, content in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % size])
    return word or b"it ended", list(descriptors)


def serve_inside(serve, init, server, channel):
    try:
        enter_network(init)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # entering a user namespace cleared it
        listeners = [listen(port) for port in inside_ports(serve)]
        rights = array.array("i", [listener.fileno() for listener in listeners])
        channel.sendmsg([b"ready"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if listeners else [])
    except OSError as error:
        channel.send(str(error).encode()[:500])
        return
    for each in (channel, *listeners):
        each.close()
    await_server(serve["port"])
    server.listen(LISTEN)
    forward({server: ("127.0.0.1", serve["port"])})


def await_server(port):
    """Nothing tells from outside that a server has begun to listen."""
    while True:
        with socket.socket(socket.AF_INET) as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(AWAIT_SECONDS)


def serve_outside(ports, listeners):
    forward({listener: ("127.0.0.1", port) for listener, port in zip(listeners, ports)})


def enter_network(init):
    network = os.open("/proc/%d/ns/net" % init, os.O_RDONLY)
    try:
        owner = fcntl.ioctl(network, NS_GET_USERNS)
        kernel.enter_namespace(owner, kernel.CLONE_NEWUSER)
        os.close(owner)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EPERM):
            raise
        # our own namespace already, or root, who needs not enter it: the next line says whether it works
    kernel.enter_namespace(network, kernel.CLONE_NEWNET)
    os.close(network)


def listen(port):
    """The address is there as soon as the sandbox has brought its loopback device up."""
    give_up_at = time.monotonic() + LOOPBACK_SECONDS
    while True:
        listener = socket.socket(socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(LISTEN)
            return listener
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRNOTAVAIL or time.monotonic() > give_up_at:
                raise
            time.sleep(0.005)


# copying


class End:
    """One end of a connection: what waits to be written to it, and whether its other end has said all."""

    def __init__(self, sock):
        self.sock = sock
        self.other = None
        self.waiting = b""
        self.ending = False  # nothing more will come for it
        self.said_all = False  # it will send nothing more

    def wanted(self):
        reads = not self.said_all and not self.other.waiting
        return (selectors.EVENT_READ if reads else 0) | (selectors.EVENT_WRITE if self.waiting else 0)


def forward(targets):
    """Copies between each listener's connections and its target, for ever."""
    poll = selectors.DefaultSelector()
    for listener in targets:
        listener.setblocking(False)
        poll.register(listener, selectors.EVENT_READ, None)
    while True:
        for key, events in poll.select():
            if key.data is None:
                accept(poll, key.fileobj, targets[key.fileobj])
            elif key.data.sock.fileno() >= 0:
                step(poll, key.data, events)


def accept(poll, listener, target):
    try:
        client, _ = listener.accept()
    except OSError:
        time.sleep(0.01)  # it went away, or too many files are open: it is tried again
        return
    server = socket.socket(socket.AF_INET)
    try:
        server.connect(target)  # on this machine: connected or refused at once
    except OSError:
        client.close()
        server.close()
        return
    ends = End(client), End(server)
    ends[0].other, ends[1].other = ends[1], ends[0]
    for end in ends:
        end.sock.setblocking(False)
        if end.sock.family == socket.AF_INET:
            end.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(end.sock, selectors.EVENT_READ, end)


def step(poll, end, events):
    try:
        if events & selectors.EVENT_READ:
            read(end)
        if events & selectors.EVENT_WRITE:
            write(end)
    except BlockingIOError:
        pass
    except OSError:
        return close(poll, end)
    if end.said_all and end.other.said_all and not end.waiting and not end.other.waiting:
        return close(poll, end)
    for each in (end, end.other):
        watch(poll, each)


def watch(poll, end):
    wanted = end.wanted()
    registered = end.sock in poll.get_map()
    if wanted and registered:
        if poll.get_key(end.sock).events != wanted:
            poll.modify(end.sock, wanted, end)
    elif wanted:
        poll.register(end.sock, wanted, end)
    elif registered:
        poll.unregister(end.sock)


def read(end):
    piece = end.sock.recv(PIECE)
    if piece:
        end.other.waiting += piece
        write(end.other)
    else:
        end.said_all = True
        end.other.ending = True
        if not end.other.waiting:
            end.other.sock.shutdown(socket.SHUT_WR)


def write(end):
    try:
        sent = end.sock.send(end.waiting)
    except BlockingIOError:
        return
    end.waiting = end.waiting[sent:]
    if end.ending and not end.waiting:
        end.sock.shutdown(socket.SHUT_WR)


def close(poll, end):
    for each in (end, end.other):
        if each.sock.fileno() >= 0:
            if each.sock in poll.get_map():
                poll.unregister(each.sock)
            each.sock.close()
