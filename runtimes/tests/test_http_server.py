"""The HTTP server on a unix socket: order, limits, malformed and slow requests, stopping."""
import asyncio
import os
import socket
import tempfile
import threading
import time
import unittest

from support import read_response
from slipway_entry.http_server import MalformedRequest, Response, Server, parse_head


class Echo:
    """Answers with what it was sent; a body `wait` blocks until the test lets it go."""

    def __init__(self):
        self.gate = threading.Event()
        self.waiting = threading.Event()

    def ping(self):
        return Response(200)

    def execution_parameters(self):
        return Response(404)

    def invoke(self, request):
        if request.body == b"wait":
            self.waiting.set()
            self.gate.wait(30)
        if request.body.startswith(b"stream"):
            return Response(200, content_type="text/plain", parts=self.parts(request.body))
        if request.body == b"bug":
            raise RuntimeError("a fault of ours")
        return Response(200, request.body, "text/plain", {"X-Length": len(request.body)})


    def parts(self, body):
        try:
            yield b"one "
            yield b""
            if body == b"stream gated":
                self.gate.wait(30)
            if body == b"stream broken":
                raise ValueError("half-way")
            if body == b"stream large":
                for _ in range(64):
                    yield b"x" * 65_536
            yield b"two"
        finally:
            self.closed = getattr(self, "closed", 0) + 1


class ServerTestCase(unittest.TestCase):
    limits = {"body_bytes_max": 1000, "idle_seconds": 30.0, "request_seconds": 30.0}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "socket")
        self.application = Echo()
        self.loop = asyncio.new_event_loop()
        self.server = Server(self.application, **self.limits)
        listening = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(listening,), daemon=True)
        self.thread.start()
        self.assertTrue(listening.wait(30))
        self.addCleanup(self._stop)

    def _run(self, listening):
        # Signals belong to the main thread; the test stops the server itself.
        self.loop.add_signal_handler = lambda number, stop: setattr(self, "stop", stop)
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.server.run(self.path, ready=lambda address: listening.set()))

    def _stop(self):
        self.application.gate.set()
        self.loop.call_soon_threadsafe(self.stop)
        for connection in list(self.server.connections):
            self.loop.call_soon_threadsafe(connection.transport.close)
        self.thread.join(30)
        self.loop.close()

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(30)
        client.connect(self.path)
        self.addCleanup(client.close)
        stream = client.makefile("rb")
        self.addCleanup(stream.close)
        return client, stream

    def exchange(self, sent):
        client, stream = self.connect()
        client.sendall(sent)
        return read_response(stream), stream

    def refused(self, sent, status):
        (answered, headers, _), stream = self.exchange(sent)
        self.assertEqual(answered, status)
        self.assertEqual(headers["connection"], "close")
        self.assertEqual(stream.read(), b"")


class Conversation(ServerTestCase):
    def test_keep_alive(self):
        client, stream = self.connect()
        for number in range(3):
            body = b"x" * number
            client.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (number, body))
            self.assertEqual(read_response(stream)[::2], (200, body))

    def test_pipelined_requests_are_answered_in_order(self):
        client, stream = self.connect()
        bodies = [b"wait"] + [b"%d" % n for n in range(40)]
        client.sendall(b"".join(b"POST /invocations HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(b), b) for b in bodies))
        self.assertTrue(self.application.waiting.wait(30))
        self.application.gate.set()
        self.assertEqual([read_response(stream)[2] for _ in bodies], bodies)

    def test_a_request_in_single_bytes(self):
        client, stream = self.connect()
        for byte in b"POST /invocations?x=1 HTTP/1.1\r\ncontent-LENGTH:  2 \r\n\r\nok":
            client.sendall(bytes([byte]))
        self.assertEqual(read_response(stream)[2], b"ok")

    def test_chunks(self):
        (status, _, body), _ = self.exchange(
            b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n")
        self.assertEqual((status, body), (200, b"abc0123456789"))

    def test_expect_continue(self):
        client, stream = self.connect()
        client.sendall(b"POST /invocations HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        self.assertEqual(read_response(stream)[0], 100)
        client.sendall(b"ok")
        self.assertEqual(read_response(stream)[2], b"ok")

    def test_ping_answers_while_a_prediction_blocks(self):
        client, _ = self.connect()
        client.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: 4\r\n\r\nwait")
        self.assertTrue(self.application.waiting.wait(30))
        (status, _, _), _ = self.exchange(b"GET /ping HTTP/1.1\r\n\r\n")
        self.assertEqual(status, 200)

    def test_http_1_0_closes(self):
        (status, _, _), stream = self.exchange(b"GET /ping HTTP/1.0\r\n\r\n")
        self.assertEqual((status, stream.read()), (200, b""))

    def test_unknown_paths_and_methods(self):
        self.assertEqual(self.exchange(b"GET /models HTTP/1.1\r\n\r\n")[0][0], 404)
        self.assertEqual(self.exchange(b"GET /invocations HTTP/1.1\r\n\r\n")[0][0], 405)
        self.assertEqual(self.exchange(b"POST /ping HTTP/1.1\r\nContent-Length: 0\r\n\r\n")[0][0], 405)

    def test_a_fault_of_ours_is_a_500_without_details(self):
        (status, _, body), _ = self.exchange(b"POST /invocations HTTP/1.1\r\nContent-Length: 3\r\n\r\nbug")
        self.assertEqual((status, body), (500, b"Internal server error.\n"))


class Refusals(ServerTestCase):
    def test_oversized(self):
        self.refused(b"POST /invocations HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413)
        self.refused(b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413)
        self.refused(b"GET /ping HTTP/1.1\r\nX: " + b"x" * 70_000, 431)

    def test_malformed(self):
        for sent in [
            b"nonsense\r\n\r\n", b"GET /ping HTTP/2.0\r\n\r\n", b"GET  /ping HTTP/1.1\r\n\r\n", b"GET /ping HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET /ping HTTP/1.1\r\nspace : x\r\n\r\n", b"GET /ping HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n",
            b"POST /invocations HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"POST /invocations HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"POST /invocations HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        ]:
            with self.subTest(sent=sent):
                self.refused(sent, 400)
        self.refused(b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501)

    def test_what_follows_a_refusal_is_not_answered(self):
        self.refused(b"BAD\r\n\r\nGET /ping HTTP/1.1\r\n\r\n", 400)

    def test_heads_are_parsed_strictly(self):
        for head in [b"GET /\xff HTTP/1.1", b"get / HTTP/1.1", b"GET / HTTP/1.1\r\nA: b\x00c", b"GET / HTTP/1.1\r\nContent-Length: +1"]:
            self.assertRaises(MalformedRequest, parse_head, head)


class Slowness(ServerTestCase):
    limits = {"body_bytes_max": 1000, "idle_seconds": 0.2, "request_seconds": 0.4}

    def test_a_request_that_does_not_arrive_is_given_up(self):
        self.refused(b"POST /invocations HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf", 408)
        self.refused(b"POST /invoc", 408)

    def test_a_trickle_does_not_hold_the_connection(self):
        client, stream = self.connect()
        client.sendall(b"POST /invocations HTTP/1.1\r\n")
        answered = threading.Event()

        def trickle():
            while not answered.is_set():
                try:
                    client.sendall(b"x: y\r\n")
                except OSError:
                    return
                time.sleep(0.01)

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            self.assertEqual(read_response(stream)[0], 408)
        finally:
            answered.set()
            thread.join()

    def test_an_idle_connection_is_closed_without_a_word(self):
        _, stream = self.connect()
        self.assertEqual(stream.read(), b"")


class Stopping(ServerTestCase):
    def test_what_has_begun_is_finished(self):
        client, stream = self.connect()
        idle, idle_stream = self.connect()
        client.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: 4\r\n\r\nwait")
        self.assertTrue(self.application.waiting.wait(30))
        self.loop.call_soon_threadsafe(self.stop)
        self.assertEqual(idle_stream.read(), b"")
        self.application.gate.set()
        status, headers, body = read_response(stream)
        self.assertEqual((status, body, headers["connection"]), (200, b"wait", "close"))
        self.thread.join(30)
        self.assertFalse(self.thread.is_alive())
        self.assertFalse(os.path.exists(self.path))


class Streaming(ServerTestCase):
    def ask(self, body):
        client, stream = self.connect()
        client.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        self.assertEqual(stream.readline(), b"HTTP/1.1 200 OK\r\n")
        head = b"".join(iter(stream.readline, b"\r\n"))
        self.assertIn(b"Transfer-Encoding: chunked", head)
        self.assertNotIn(b"Content-Length", head)
        return client, stream

    def chunk(self, stream):
        size = int(stream.readline(), 16)
        content = stream.read(size)
        self.assertEqual(stream.readline(), b"\r\n")
        return content

    def test_parts_leave_when_they_are_made_and_the_connection_goes_on(self):
        client, stream = self.ask(b"stream gated")
        self.assertEqual(self.chunk(stream), b"one ")  # while the second one cannot be made yet
        self.application.gate.set()
        self.assertEqual([self.chunk(stream), self.chunk(stream)], [b"two", b""])
        client.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: 4\r\n\r\nnext")
        self.assertEqual(read_response(stream)[2], b"next")

    def test_a_part_that_fails_breaks_the_answer_off(self):
        client, stream = self.ask(b"stream broken")
        self.assertEqual(self.chunk(stream), b"one ")
        self.assertEqual(stream.read(), b"", "no end of the chunks: the answer does not look whole")

    def test_a_client_that_leaves_or_does_not_read_closes_the_generator(self):
        client, stream = self.ask(b"stream large")
        self.chunk(stream)
        client.shutdown(socket.SHUT_RDWR)
        client.close()
        while not getattr(self.application, "closed", 0):
            time.sleep(0.01)


class Quick(ServerTestCase):
    """Requests that the application calls quick are answered in the loop, in order with the others."""

    def setUp(self):
        Echo.quick_bytes = 3
        self.addCleanup(delattr, Echo, "quick_bytes")
        super().setUp()

    def test_hundreds_at_once_are_answered_in_order(self):
        client, stream = self.connect()
        bodies = [b"%d" % n for n in range(900)]
        bodies[500] = b"wait"
        client.sendall(b"".join(b"POST /invocations HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(b), b) for b in bodies))
        self.assertTrue(self.application.waiting.wait(30))
        self.application.gate.set()
        self.assertEqual([read_response(stream)[2] for _ in bodies], bodies)

    def test_a_fault_of_ours_is_a_500(self):
        Echo.quick_bytes = 3
        (status, _, _), _ = self.exchange(b"POST /invocations HTTP/1.1\r\nContent-Length: 3\r\n\r\nbug")
        self.assertEqual(status, 500)


if __name__ == "__main__":
    unittest.main()
