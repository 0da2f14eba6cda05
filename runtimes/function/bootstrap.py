"""Runs a function's handler, one invocation at a time, asked over HTTP on the unix socket in SLIPWAY_SERVE_SOCKET.

    GET    /ready             once the handler's module is loaded: {"initMs", "failed"}
    POST   /invocations/ID    the event; answers when the handler has ended. Repeated: the same run, not another one; with the header
                              `keep` also when it has been answered
    GET    /invocations/ID    the same run's answer; 404 when it was never begun here
    DELETE /invocations/ID    the answer is written down elsewhere
    GET    /state             {"running": ID or null}

An answer's body is the result as JSON; the header `function-error` says that it is an error's, `last` that nothing more can be run here.
The handler has the main thread, as in Lambda.
"""
import collections
import decimal
import importlib
import json
import logging
import os
import queue
import resource
import socketserver
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler

TASK_ROOT = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
RESPONSE_BYTES_MAX = 6 * 1024 * 1024 + 100
KEPT_MAX = 16
# whoever asked minds the time; this is for a server that died meanwhile
OVERTIME_SECONDS = 10
# a server that lives ends an idle environment long before
ABANDONED_SECONDS = 1800
ESCAPES = os.environ.get("AWS_EXECUTION_ENV", "").rpartition(".")[2] in ("6", "7", "8", "9", "10", "11")


class Fault(Exception):
    """An error in the runtime's own words, without a traceback."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = kind
        self.trace = list(trace)


class Invocation:
    def __init__(self, request_id, event, headers):
        self.id = request_id
        self.event = event
        self.arn = headers.get("function-arn", "")
        self.client_context = headers.get("client-context")
        self.seconds = int(headers.get("timeout-ms", "3000")) / 1000
        self.deadline = time.monotonic() + self.seconds
        self.ended = threading.Event()
        self.body = b""
        self.failed = False


class Environment:
    def __init__(self):
        self.loaded = threading.Event()
        self.init_ms = 0.0
        self.init_told = False
        self.fault = None
        self.handler = None
        self.running = None
        self.waiting = queue.SimpleQueue()
        self.known = collections.OrderedDict()
        self.lock = threading.Lock()

    def submit(self, request_id, event, headers):
        """The run under this id, begun now unless it is known."""
        with self.lock:
            found = self.known.get(request_id)
            if found is None:
                found = self.known[request_id] = Invocation(request_id, event, headers)
                while len(self.known) > KEPT_MAX:
                    self.known.popitem(last=False)
                self.running = request_id
                self.waiting.put(found)
            return found

    def forget(self, request_id):
        with self.lock:
            self.known.pop(request_id, None)

    def run(self):
        self.load()
        while True:
            try:
                invocation = self.waiting.get(timeout=ABANDONED_SECONDS)
            except queue.Empty:
                if self.known:
                    continue  # an answer that a server will ask for
                os._exit(0)
            LOGS.request_id = invocation.id
            say("START RequestId: %s Version: %s" % (invocation.id, os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")))
            started = time.monotonic()
            invocation.deadline = started + invocation.seconds
            try:
                invocation.body = self.perform(invocation)
            except Exception as error:  # an exit of the handler ends the process, as in Lambda
                invocation.failed = True
                invocation.body = encode(report(error, invocation.id))
            flush()
            say("END RequestId: %s" % invocation.id)
            self.say_report(invocation.id, (time.monotonic() - started) * 1000)
            with self.lock:
                self.running = None
            invocation.ended.set()

    def load(self):
        started = time.monotonic()
        try:
            self.handler = find_handler(os.environ.get("_HANDLER", ""))
        except Exception as error:
            self.fault = error
        self.init_ms = (time.monotonic() - started) * 1000
        self.loaded.set()

    def perform(self, invocation):
        if self.fault:
            raise self.fault
        try:
            event = json.loads(invocation.event) if invocation.event.strip() else {}
        except ValueError as error:
            raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error) from None
        result = self.handler(event, Context(invocation))
        try:
            body = encode(result)
        except Exception as error:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error) from None
        if len(body) > RESPONSE_BYTES_MAX:
            message = "Response payload size exceeded maximum allowed payload size (%d bytes)." % RESPONSE_BYTES_MAX
            raise Fault("Function.ResponseSizeTooLarge", message)
        return body

    def say_report(self, request_id, duration_ms):
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        init = "" if self.init_told else "\tInit Duration: %.2f ms" % self.init_ms
        self.init_told = True
        say("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %s MB\tMax Memory Used: %d MB%s" % (
            request_id, duration_ms, int(duration_ms) + 1, os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"), peak_mib, init))


def find_handler(name):
    module_name, dot, function = name.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error)) from None
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), trace) from None
    try:
        return getattr(module, function)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function, module_name)) from None


def report(error, request_id):
    """The error as the caller gets it; the log has it too."""
    if isinstance(error, Fault):
        kind, trace = error.kind, error.trace
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [at for at, frame in enumerate(frames) if frame.filename not in (__file__, importlib.__file__)
               and not frame.filename.startswith("<frozen importlib")]
        kind, trace = type(error).__name__, traceback.format_list(frames[own[0]:] if own else [])
    flush()
    say("[ERROR] %s: %s" % (kind, error))
    if trace:
        say("Traceback (most recent call last):\n" + "".join(trace).rstrip("\n"))
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": trace}


def encode(value):
    return json.dumps(value, default=plain, ensure_ascii=ESCAPES).encode("utf-8", "surrogatepass")


def plain(value):
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


class Context:
    def __init__(self, invocation):
        self.aws_request_id = invocation.id
        self.invoked_function_arn = invocation.arn
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.identity = Plain(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = client_context(invocation.client_context)
        self.tenant_id = None
        self._deadline = invocation.deadline

    def get_remaining_time_in_millis(self):
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


class Plain:
    def __init__(self, **members):
        self.__dict__.update(members)


def client_context(text):
    if not text:
        return None
    told = json.loads(text)
    client = told.get("client") or {}
    names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
    return Plain(custom=told.get("custom"), env=told.get("env"), client=Plain(**{name: client.get(name) for name in names}))


class LogHandler(logging.Handler):
    """What Lambda puts on the root logger: level, time and request id before each message."""

    request_id = ""

    def emit(self, record):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        say("[%s]\t%s.%dZ\t%s\t%s" % (record.levelname, stamp, record.msecs, self.request_id, self.format(record)))


LOGS = LogHandler()


def say(text):
    """One write, so that lines of several threads do not mix."""
    sys.stdout.flush()
    os.write(1, (text + "\n").encode("utf-8", "replace"))


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # the handler closed it


class Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        event = self.rfile.read(int(self.headers.get("content-length", "0")))
        ENVIRONMENT.loaded.wait()
        self.answer(ENVIRONMENT.submit(self.wanted(), event, self.headers))
        if "keep" not in self.headers:
            ENVIRONMENT.forget(self.wanted())

    def do_GET(self):
        if self.path == "/ready":
            ENVIRONMENT.loaded.wait()
            return self.send(200, json.dumps({"initMs": ENVIRONMENT.init_ms, "failed": ENVIRONMENT.fault is not None}).encode())
        if self.path == "/state":
            return self.send(200, json.dumps({"running": ENVIRONMENT.running}).encode())
        found = ENVIRONMENT.known.get(self.wanted())
        return self.send(404, b"") if found is None else self.answer(found)

    def do_DELETE(self):
        ENVIRONMENT.forget(self.wanted())
        self.send(204, b"")

    def wanted(self):
        return self.path.rpartition("/")[2]

    def answer(self, invocation):
        if not invocation.ended.wait(max(0, invocation.deadline - time.monotonic()) + OVERTIME_SECONDS):
            os._exit(124)
        headers = {"function-error": "Unhandled"} if invocation.failed else {}
        if ENVIRONMENT.fault:
            headers["last"] = "1"
        self.send(200, invocation.body, headers)

    def send(self, status, body, headers=()):
        try:
            self.send_response_only(status)
            for name in headers:
                self.send_header(name, headers[name])
            if status != 204:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # nobody waits any more; the answer is kept

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        request, _ = super().get_request()
        return request, ("server", 0)

    def handle_error(self, *_):
        pass  # a connection that was cut


ENVIRONMENT = Environment()


def main():
    server = Server(os.environ.pop("SLIPWAY_SERVE_SOCKET"), Requests)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.path[0] = TASK_ROOT
    os.chdir(TASK_ROOT)
    logging.getLogger().addHandler(LOGS)
    ENVIRONMENT.run()


if __name__ == "__main__":
    main()
