"""Requests to the model servers of a job: HTTP over a unix socket (or TCP), one connection per thread, answers of any size."""
import http.client
import json
import socket
import tempfile
import threading
import time

ROOM_WAIT_SECONDS = 0.005
CHUNK_BYTES = 1024 * 1024
#: Larger answers go to a file.
ANSWER_IN_MEMORY_BYTES = 8 * 1024 * 1024
PING_TIMEOUT_SECONDS = 2
PING_EVERY_SECONDS = 0.1
PARAMETERS_TIMEOUT_SECONDS = 10
RETRY_FIRST_SECONDS = 0.2
MESSAGE_BYTES_MAX = 4096


class ModelError(Exception):
    """An answer that is no success, or none at all. `status` is 0 when there was none."""

    def __init__(self, message, status=0):
        super().__init__(message)
        self.status = status


class ModelGone(Exception):
    """Nothing listens any more: no request will be answered."""


class Answer:
    """The body of a successful answer; closed by whoever reads it."""

    def __init__(self, file, size, content_type):
        self.file, self.size, self.content_type = file, size, content_type

    def chunks(self):
        self.file.seek(0)
        while chunk := self.file.read(CHUNK_BYTES):
            yield chunk

    def read(self):
        self.file.seek(0)
        return self.file.read()

    def close(self):
        self.file.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self._connect_when_there_is_room(time.monotonic() + self.timeout)
        except OSError:
            self.sock.close()
            raise

    def _connect_when_there_is_room(self, deadline):
        """A unix socket with a time-out says EAGAIN where a TCP client would wait: the server has as many waiting as it takes."""
        while True:
            try:
                return self.sock.connect(self.path)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(ROOM_WAIT_SECONDS)


def connection_to(address, timeout):
    """`unix:/path` or `tcp:host:port`."""
    kind, _, place = address.partition(":")
    if kind == "unix":
        return _UnixConnection(place, timeout)
    host, _, port = place.rpartition(":")
    return http.client.HTTPConnection(host, int(port), timeout=timeout)


class ModelClient:
    """`addresses` in the order in which they answer: what one says is what the next is asked (an inference pipeline)."""

    def __init__(self, addresses, timeout_seconds, retries):
        self.addresses, self.timeout, self.retries = addresses, timeout_seconds, retries
        self.local = threading.local()

    # before the first request

    def wait_until_ready(self, seconds):
        """Raises ModelGone when a server does not answer its ping in time."""
        deadline = time.monotonic() + seconds
        for address in self.addresses:
            while not self._ping(address):
                if time.monotonic() >= deadline:
                    raise ModelGone(f"the model server did not pass the ping health check within {seconds} seconds")
                time.sleep(PING_EVERY_SECONDS)

    def _ping(self, address):
        connection = connection_to(address, PING_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/ping")
            response = connection.getresponse()
            response.read(CHUNK_BYTES)  # a server whose client hangs up earlier logs a broken pipe
            return response.status == 200
        except (OSError, http.client.HTTPException):
            return False  # nothing listens yet
        finally:
            connection.close()

    def execution_parameters(self):
        """What the first container says of itself, as far as it is of the right kind; {} when it says nothing."""
        connection = connection_to(self.addresses[0], PARAMETERS_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/execution-parameters")
            response = connection.getresponse()
            body = response.read(CHUNK_BYTES)
            said = json.loads(body) if response.status == 200 else {}
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()
        return said if isinstance(said, dict) else {}

    # requests

    def invoke(self, payload, content_type, accept, retries=None):
        """The last container's Answer. `payload` gives the body anew for each attempt: bytes, or an iterable of chunks."""
        for position, address in enumerate(self.addresses):
            last = position == len(self.addresses) - 1
            answer = self._insist(address, payload, content_type, accept if last else None, self.retries if retries is None else retries)
            if last:
                return answer
            with_body = answer.read()
            answer.close()
            payload, content_type = (lambda body=with_body: body), answer.content_type or content_type
        raise AssertionError("a job has a model server")

    def _insist(self, address, payload, content_type, accept, retries):
        for attempt in range(retries + 1):
            try:
                return self._ask(address, payload, _headers(content_type, accept))
            except ModelError as error:
                # what the model refused it refuses again
                if attempt == retries or 400 <= error.status < 500:
                    raise
            time.sleep(RETRY_FIRST_SECONDS * 2**attempt)
        raise AssertionError("the last attempt answers or raises")

    def _ask(self, address, payload, headers):
        connection, reused = self._connection(address)
        try:
            try:
                return _exchange(connection, payload(), headers)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                if not reused:
                    raise
                # it was closed while nothing was asked
                connection.close()
                return _exchange(connection, payload(), headers)
        except ModelError:
            raise  # an answer, read to its end or closed
        except TimeoutError:
            self._forget(address)
            raise ModelError(f"the model did not answer within {self.timeout} seconds") from None
        except (ConnectionRefusedError, FileNotFoundError):
            self._forget(address)
            raise ModelGone("the model server ended") from None
        except (OSError, http.client.HTTPException) as error:
            self._forget(address)
            raise ModelError(f"the model server closed the connection ({error or type(error).__name__})") from None
        except BaseException:
            self._forget(address)  # half of a request may have been sent
            raise

    def _connection(self, address):
        """This thread's connection, and whether it was used before."""
        connections = self.local.__dict__.setdefault("connections", {})
        reused = address in connections
        if not reused:
            connections[address] = connection_to(address, self.timeout)
        return connections[address], reused

    def _forget(self, address):
        self.local.connections.pop(address).close()


def _headers(content_type, accept):
    headers = {}
    if content_type:
        headers["Content-Type"] = content_type
    if accept:
        headers["Accept"] = accept
    return headers


def _exchange(connection, body, headers):
    try:
        connection.request("POST", "/invocations", body=body, headers=headers)
    except (BrokenPipeError, ConnectionResetError):
        # refused before it was read whole: if there is an answer it says why
        if connection.sock is None:
            raise
    response = connection.getresponse()
    if not 200 <= response.status < 300:
        text = response.read(MESSAGE_BYTES_MAX).decode("utf-8", "replace").strip()
        response.close()
        connection.close()
        raise ModelError(text, response.status)
    return _answer(response)


def _answer(response):
    file = tempfile.SpooledTemporaryFile(max_size=ANSWER_IN_MEMORY_BYTES)
    size = 0
    while chunk := response.read(CHUNK_BYTES):
        file.write(chunk)
        size += len(chunk)
    return Answer(file, size, response.headers.get("Content-Type"))
