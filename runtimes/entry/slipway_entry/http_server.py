"""A small HTTP/1.1 server for one model: keep-alive, pipelining answered in order, limits on everything a client controls.

The event loop moves bytes. The application's `invoke` runs in one worker thread, so that user code may block and
`/ping` still answers; models are seldom thread-safe, hence exactly one. What an application calls quick is answered in the loop itself: to
hand a request to a thread and back costs as much as to predict one row.
"""
import asyncio
import math
import os
import re
import signal
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus

HEAD_BYTES_MAX = 65_536
CHUNK_LINE_BYTES_MAX = 1_024
REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) ([!-~]{1,8192}) HTTP/1\.([01])\Z")
HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes = b""
    keep_alive: bool = True


@dataclass
class Response:
    status: int
    body: bytes = b""
    content_type: str = None
    headers: dict = field(default_factory=dict)
    #: Instead of `body`: an iterator of bytes, sent as they come.
    parts: object = None


class MalformedRequest(Exception):
    """The connection cannot go on; answered with this status and closed."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def parse_head(head):
    """A Request without body, and how its body is framed: a length, or None for chunks. Raises MalformedRequest."""
    lines = head.split(b"\r\n")
    match = REQUEST_LINE.match(lines[0])
    if not match:
        raise MalformedRequest(400, "The request line is not HTTP/1.1.")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not HEADER_NAME.match(name):
            raise MalformedRequest(400, "A header line is malformed.")
        key = name.decode("ascii").lower()
        text = value.strip(b" \t").decode("latin-1")
        if "\x00" in text or "\r" in text or "\n" in text:
            raise MalformedRequest(400, f"Header {key} holds a control character.")
        if key in headers:
            if key in ("content-length", "transfer-encoding", "host"):
                raise MalformedRequest(400, f"Header {key} is given twice.")
            text = f"{headers[key]}, {text}"
        headers[key] = text
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection if match[3] == b"1" else "keep-alive" in connection
    request = Request(match[1].decode(), match[2].decode("latin-1").split("?", 1)[0], headers, keep_alive=keep_alive)
    return request, _body_length(headers)


def _body_length(headers):
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if length is not None:
            raise MalformedRequest(400, "Content-Length and Transfer-Encoding exclude each other.")
        if coding.strip().lower() != "chunked":
            raise MalformedRequest(501, f"Transfer-Encoding {coding[:50]} is not supported.")
        return None
    if length is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,15}", length):
        raise MalformedRequest(400, "Content-Length is not a number.")
    return int(length)


REASONS = {status.value: status.phrase for status in HTTPStatus}
LINE_BREAKS = re.compile(r"[\r\n]+")


def encode_response(response, keep_alive):
    """Head and body; of a response in parts the head alone."""
    status, body = response.status, response.body
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}"]
    if response.content_type:
        lines.append(f"Content-Type: {response.content_type}")
    if response.parts is not None:
        lines.append("Transfer-Encoding: chunked")
    elif status != 204:  # which has no body and, by the standard, no length either
        lines.append(f"Content-Length: {len(body)}")
    for name, value in response.headers.items():
        lines.append(f"{name}: {value}")
    if not keep_alive:
        lines.append("Connection: close")
    # what user code puts into a header must not become a header of its own
    head = "\r\n".join([LINE_BREAKS.sub(" ", line) for line in lines])
    return head.encode("latin-1", "replace") + b"\r\n\r\n" + (b"" if status == 204 or response.parts is not None else body)


class Server:
    """
    Serves `application`: an object with `ping()`, `execution_parameters()` and `invoke(request)`, each giving a Response. Optional:
    `quick_bytes`, up to which a body is answered in the event loop; `manage(request)` for other paths, giving None where there is nothing.
    """

    def __init__(self, application, body_bytes_max, idle_seconds=75.0, request_seconds=30.0, access_log=False):
        self.application = application
        self.body_bytes_max = body_bytes_max
        self.quick_bytes = getattr(application, "quick_bytes", -1)
        #: How long a connection may sit between requests, and how long a request may take to arrive.
        self.idle_seconds, self.request_seconds = idle_seconds, request_seconds
        self.access_log = access_log
        self.connections = set()
        self.stopping = False
        #: Requests handed to the worker; while there are any none is quick, so that two never run at a time.
        self.handed_over = 0
        self.worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predict")

    def is_quick(self, request):
        return len(request.body) <= self.quick_bytes and self.handed_over == 0 and request.path == "/invocations" and request.method == "POST"

    async def answer(self, request):
        path, method = request.path, request.method
        if path == "/invocations":
            if method != "POST":
                return Response(405, headers={"Allow": "POST"})
            return await self.in_worker(self.invoke, request)
        if path not in ("/ping", "/execution-parameters"):
            managed = await self.in_worker(self.application.manage, request) if hasattr(self.application, "manage") else None
            return managed or Response(404, b"Not found: this server answers /ping, /invocations and /execution-parameters.\n", "text/plain")
        if method not in ("GET", "HEAD"):
            return Response(405, headers={"Allow": "GET"})
        return self.application.ping() if path == "/ping" else self.application.execution_parameters()

    async def in_worker(self, function, *arguments):
        self.handed_over += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.worker, function, *arguments)
        finally:
            self.handed_over -= 1

    def invoke(self, request):
        if not self.access_log:
            return self.application.invoke(request)
        start = time.perf_counter()
        response = self.application.invoke(request)
        microseconds = (time.perf_counter() - start) * 1e6
        print(f"POST /invocations {response.status} {len(request.body)} bytes in {microseconds:.0f} us", flush=True)
        return response

    async def run(self, socket_path=None, port=8080, ready=None):
        """Listens until SIGTERM or SIGINT, then finishes what has begun. `ready(address)` is called when listening."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if socket_path:
            if os.path.exists(socket_path):
                os.unlink(socket_path)
            listener = await loop.create_unix_server(lambda: Connection(self), socket_path, backlog=512)
        else:
            listener = await loop.create_server(lambda: Connection(self), "0.0.0.0", port, backlog=512)
        if ready:
            ready(socket_path or port)
        await stop.wait()
        self.stopping = True
        listener.close()
        for connection in list(self.connections):
            connection.close_when_idle()
        while self.connections:
            await asyncio.sleep(0.02)
        self.worker.shutdown(wait=False, cancel_futures=True)
        if socket_path and os.path.exists(socket_path):
            os.unlink(socket_path)


class Connection(asyncio.Protocol):
    """One client. Requests are answered strictly one after another; what comes meanwhile waits in the buffer."""

    def __init__(self, server):
        self.server = server
        self.buffer = bytearray()
        self.request = None
        self.body_left = 0
        self.chunks = None
        self.answering = False
        self.paused = False
        #: The loop's time at which waiting for bytes is over; the timer looks at it when it fires, and is not moved with each request.
        self.deadline = math.inf
        self.timer = None
        self.transport = None
        self.writable = None

    def connection_made(self, transport):
        self.transport = transport
        self.server.connections.add(self)
        self._await_bytes(self.server.idle_seconds)

    def connection_lost(self, error):
        self.server.connections.discard(self)
        if self.timer:
            self.timer.cancel()
        self.resume_writing()

    def pause_writing(self):
        self.writable = asyncio.get_running_loop().create_future()

    def resume_writing(self):
        waiting, self.writable = self.writable, None
        if waiting and not waiting.done():
            waiting.set_result(None)

    def close_when_idle(self):
        if not self.answering and self.request is None and not self.buffer:
            self.transport.close()

    def data_received(self, data):
        begins = not self.buffer and self.request is None and not self.answering
        self.buffer += data
        if self.answering:
            if len(self.buffer) > HEAD_BYTES_MAX and not self.paused:
                self.paused = True
                self.transport.pause_reading()
            return
        self._advance()
        if begins and not self.answering and (self.buffer or self.request is not None):
            # A request has begun: its arrival is bounded, so that a trickle cannot hold the connection for ever.
            self._await_bytes(self.server.request_seconds)

    def _await_bytes(self, seconds):
        loop = asyncio.get_running_loop()
        self.deadline = loop.time() + seconds
        if self.timer and self.timer.when() <= self.deadline:
            return
        if self.timer:
            self.timer.cancel()
        self.timer = loop.call_at(self.deadline, self._expire)

    def _expire(self):
        self.timer = None
        if self.answering:
            return
        if asyncio.get_running_loop().time() < self.deadline:
            self._await_bytes(self.deadline - asyncio.get_running_loop().time())
        elif self.request is None and not self.buffer:
            self.transport.close()
        else:
            self._refuse(MalformedRequest(408, "The request did not arrive in time."))

    def _advance(self):
        if self.answering or self.transport.is_closing():
            return
        try:
            if self.request is None and not self._read_head():
                return
            if self._read_body():
                self._start_answer()
        except MalformedRequest as fault:
            self._refuse(fault)

    def _read_head(self):
        while self.buffer.startswith(b"\r\n"):
            del self.buffer[:2]
        end = self.buffer.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
        if end < 0:
            if len(self.buffer) >= HEAD_BYTES_MAX:
                raise MalformedRequest(431, "The request's headers are too large.")
            return False
        request, length = parse_head(bytes(self.buffer[:end]))
        del self.buffer[: end + 4]
        if length is not None and length > self.server.body_bytes_max:
            raise MalformedRequest(413, f"The request body has {length} bytes; at most {self.server.body_bytes_max} are accepted.")
        self.request, self.chunks, self.body_left = request, (bytearray() if length is None else None), length or 0
        if request.headers.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _read_body(self):
        if self.chunks is not None:
            return self._read_chunks()
        if len(self.buffer) < self.body_left:
            return False
        self.request.body = bytes(self.buffer[: self.body_left])
        del self.buffer[: self.body_left]
        return True

    def _read_chunks(self):
        while True:
            end = self.buffer.find(b"\r\n", 0, CHUNK_LINE_BYTES_MAX)
            if end < 0:
                if len(self.buffer) >= CHUNK_LINE_BYTES_MAX:
                    raise MalformedRequest(400, "A chunk has no size line.")
                return False
            size_text = bytes(self.buffer[:end]).split(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size_text):
                raise MalformedRequest(400, "A chunk size is not a hexadecimal number.")
            size = int(size_text, 16)
            if len(self.chunks) + size > self.server.body_bytes_max:
                raise MalformedRequest(413, f"The request body is larger than the {self.server.body_bytes_max} bytes that are accepted.")
            if size == 0:
                return self._read_trailer(end)
            if len(self.buffer) < end + 2 + size + 2:
                return False
            if self.buffer[end + 2 + size: end + 4 + size] != b"\r\n":
                raise MalformedRequest(400, "A chunk does not end where its size says.")
            self.chunks += self.buffer[end + 2: end + 2 + size]
            del self.buffer[: end + 4 + size]

    def _read_trailer(self, end):
        if self.buffer[end + 2: end + 4] == b"\r\n":
            stop = end + 4
        else:
            found = self.buffer.find(b"\r\n\r\n", end)
            if found < 0:
                if len(self.buffer) > end + HEAD_BYTES_MAX:
                    raise MalformedRequest(431, "The request's trailer is too large.")
                return False
            stop = found + 4
        self.request.body = bytes(self.chunks)
        del self.buffer[:stop]
        return True

    def _start_answer(self):
        self.answering = True
        request, self.request, self.chunks = self.request, None, None
        if not self.server.is_quick(request):
            asyncio.get_running_loop().create_task(self._answer(request))
            return
        try:
            response = self.server.invoke(request)
        except Exception as error:  # noqa: BLE001
            response = _own_fault(error)
        if response.parts is not None:
            asyncio.get_running_loop().create_task(self._send(request, response))
        else:
            self._reply(request, response)

    async def _answer(self, request):
        try:
            response = await self.server.answer(request)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not leave the client waiting
            response = _own_fault(error)
        await self._send(request, response)

    async def _send(self, request, response):
        if response.parts is not None and request.method != "HEAD":
            await self._stream(request, response)
        else:
            self._reply(request, response)

    def _reply(self, request, response):
        keep_alive = request.keep_alive and not self.server.stopping
        if request.method == "HEAD":
            response = Response(response.status, b"", response.content_type, response.headers)
        if self.transport.is_closing():
            return
        self.transport.write(encode_response(response, keep_alive))
        self._next(keep_alive)

    async def _stream(self, request, response):
        """Each part when it is made, as fast as the client takes them. One that fails breaks the answer off: its head has been sent."""
        keep_alive = request.keep_alive and not self.server.stopping
        parts = iter(response.parts)
        try:
            self.transport.write(encode_response(response, keep_alive))
            while not self.transport.is_closing():
                part = await self.server.in_worker(next, parts, None)
                if part is None:
                    self.transport.write(b"0\r\n\r\n")
                    return self._next(keep_alive)
                if part:
                    self.transport.write(b"%x\r\n%b\r\n" % (len(part), part))
                if self.writable:
                    await self.writable
        except Exception:  # noqa: BLE001 - user code makes the parts; the traceback belongs to the log
            traceback.print_exc()
            self.transport.abort()
        finally:
            if hasattr(parts, "close"):
                await self.server.in_worker(parts.close)

    def _next(self, keep_alive):
        """The answer is out: on to the next request."""
        self.answering = False
        if not keep_alive:
            self.transport.close()
            return
        if self.paused:
            self.paused = False
            self.transport.resume_reading()
        self._await_bytes(self.server.request_seconds if self.buffer else self.server.idle_seconds)
        if self.buffer:
            # not at once: requests that came together, answered in the loop, would nest
            asyncio.get_running_loop().call_soon(self._advance)

    def _refuse(self, fault):
        """Answers and closes: after a fault in framing nothing that follows can be trusted."""
        if not self.transport.is_closing():
            self.transport.write(encode_response(Response(fault.status, f"{fault}\n".encode(), "text/plain; charset=utf-8"), keep_alive=False))
            self.transport.close()
        self.buffer.clear()


def _own_fault(error):
    print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return Response(500, b"Internal server error.\n", "text/plain")
