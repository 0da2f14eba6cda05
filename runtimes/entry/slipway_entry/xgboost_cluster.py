"""Several hosts that train one model: they meet at the first, agree on who takes part, and join xgboost's own communicator."""
import contextlib
import json
import logging
import socket
import time

from .faults import AlgorithmError, UserError

MEETING_PORT = 9099
#: How long hosts wait for the slowest to read its data. One that died does not come; the platform then ends the others.
MEETING_SECONDS = 3600
RETRY_SECONDS = 0.2


class Cluster:
    """What a host knows after the meeting: who trains, where, and as what."""

    def __init__(self, hosts, current_host, answer):
        self.tracker_address = (socket.gethostbyname(hosts[0]), answer["port"])
        self.reports = answer["reports"]
        self.members = answer["members"]
        self.rank = self.members.index(current_host) if current_host in self.members else None
        #: Exactly one member saves, checkpoints and logs.
        self.is_master = self.rank == 0

    @contextlib.contextmanager
    def joined(self):
        """Inside, xgboost trains with all members."""
        from xgboost import collective

        address, port = self.tracker_address
        with collective.CommunicatorContext(dmlc_communicator="rabit", dmlc_tracker_uri=address, dmlc_tracker_port=port, dmlc_task_id=f"{self.rank:04d}"):
            yield


@contextlib.contextmanager
def meeting(hosts, current_host, report, port=MEETING_PORT):
    """Gives the Cluster. `report` has `takes_part` and whatever else members must know of each other; the first host gathers all.

    The first host also runs the tracker, whether it has data or not, and stays until all have left it.
    """
    if current_host != hosts[0]:
        yield Cluster(hosts, current_host, _attend(hosts, current_host, report, port))
        return
    with _listen(hosts[0], port) as listener:
        connections, reports = _gather(listener, hosts, current_host, report)
        with connections, _tracker(hosts, reports) as answer:
            for stream in connections.streams:
                _say(stream, answer)
            yield Cluster(hosts, current_host, answer)


def _listen(host, port):
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise AlgorithmError(f"Port {port} of host {host} cannot be used to meet the other hosts: {error.strerror}") from error


class _Connections(contextlib.ExitStack):
    def __init__(self):
        super().__init__()
        self.streams = []

    def add(self, connection):
        self.enter_context(connection)
        self.streams.append(self.enter_context(connection.makefile("rw", encoding="utf-8")))
        return self.streams[-1]


def _gather(listener, hosts, current_host, report):
    connections, reports = _Connections(), {current_host: report}
    listener.settimeout(MEETING_SECONDS)
    while len(reports) < len(hosts):
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            missing = sorted(set(hosts) - set(reports))
            raise AlgorithmError(f"Hosts {', '.join(missing)} did not come to the meeting within {MEETING_SECONDS} seconds") from None
        connection.settimeout(MEETING_SECONDS)
        told = _hear(connections.add(connection))
        reports[told["host"]] = told["report"]
    return connections, {host: reports[host] for host in hosts}


@contextlib.contextmanager
def _tracker(hosts, reports):
    from xgboost.tracker import RabitTracker

    members = [host for host in hosts if reports[host]["takes_part"]]
    if not members:
        yield {"members": [], "reports": reports, "port": 0}
        return
    tracker = RabitTracker(len(members), host_ip=socket.gethostbyname(hosts[0]), sortby="task", timeout=MEETING_SECONDS)
    tracker.start()
    yield {"members": members, "reports": reports, "port": int(tracker.worker_args()["dmlc_tracker_port"])}
    tracker.wait_for()


def _attend(hosts, current_host, report, port):
    deadline = time.monotonic() + MEETING_SECONDS
    while True:
        try:
            connection = socket.create_connection((hosts[0], port), timeout=MEETING_SECONDS)
            break
        except OSError as error:
            if time.monotonic() > deadline:
                raise AlgorithmError(f"Host {hosts[0]} cannot be reached at port {port}: {error}") from error
            time.sleep(RETRY_SECONDS)
    with connection, connection.makefile("rw", encoding="utf-8") as stream:
        _say(stream, {"host": current_host, "report": report})
        return _hear(stream)


def _say(stream, document):
    stream.write(json.dumps(document) + "\n")
    stream.flush()


def _hear(stream):
    line = stream.readline()
    if not line:
        raise AlgorithmError("The connection to another host ended before it had answered")
    return json.loads(line)


def run_on_members(function, arguments, takes_part, hosts, current_host, port=MEETING_PORT):
    """Calls `function(is_master, **arguments)` on the hosts that take part, joined to one communicator."""
    with meeting(hosts, current_host, {"takes_part": bool(takes_part)}, port) as cluster:
        if cluster.members == []:
            raise UserError("No hosts received training data.")
        if cluster.rank is None:
            logging.warning("Host %s not being used for distributed training.", current_host)
            return
        with cluster.joined():
            function(cluster.is_master, **arguments)
