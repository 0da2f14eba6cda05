"""A way to the internet for work in a network of its own, as clients of HTTP know it: CONNECT, and plain requests one per connection.

It runs outside, where names are resolved, and listens inside. The loopback addresses of the host are not reached through it.
"""
import ipaddress
import select
import socket
import threading
import urllib.parse

HEAD_BYTES = 65536
ASK_SECONDS = 60
CONNECT_SECONDS = 30
IDLE_SECONDS = 600
PIECE = 65536
AT_ONCE = 64


def serve(listener):
    """Answers for ever."""
    free = threading.Semaphore(AT_ONCE)
    while True:
        free.acquire()
        try:
            client, _ = listener.accept()
        except OSError:
            free.release()
            continue
        threading.Thread(target=answer, args=(client, free), daemon=True).start()


def answer(client, free):
    with free_at_end(free), client:
        client.settimeout(ASK_SECONDS)
        try:
            head, rest = read_head(client)
            method, host, port, asked = parse(head)
            with reach(host, port) as server:
                if method == b"CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                server.sendall(asked + rest)
                copy(client, server)
        except Refused as error:
            body = ("%s\n" % error).encode()
            send_quietly(client, b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        except OSError:
            pass  # one of the two went away


class free_at_end:
    def __init__(self, free):
        self.free = free

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.free.release()


class Refused(Exception):
    pass


def read_head(client):
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(PIECE)
        if not piece or len(head) > HEAD_BYTES:
            raise Refused("This is no request of a proxy's client.")
        head += piece
    head, _, rest = head.partition(b"\r\n\r\n")
    return head, rest


def parse(head):
    """(method, host, port, what the server is sent first)"""
    line, *fields = head.split(b"\r\n")
    words = line.split(b" ")
    if len(words) != 3:
        raise Refused("This is no request of a proxy's client.")
    method, target, version = words
    try:
        if method == b"CONNECT":
            url = urllib.parse.urlsplit(b"//" + target)
            return method, url.hostname.decode("ascii"), url.port or 443, b""
        url = urllib.parse.urlsplit(target)
        if url.scheme != b"http" or not url.hostname:
            raise ValueError
        kept = [field for field in fields if not field.lower().startswith((b"connection:", b"proxy-"))]
        path = (url.path or b"/") + (b"?" + url.query if url.query else b"")
        asked = b"\r\n".join([b" ".join((method, path, version)), *kept, b"connection: close"]) + b"\r\n\r\n"
        return method, url.hostname.decode("ascii"), url.port or 80, asked
    except (ValueError, AttributeError):
        raise Refused("The address cannot be parsed.") from None


def reach(host, port):
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused("%s cannot be resolved." % host) from None
    last = None
    for family, kind, protocol, _, address in found:
        if is_own(address[0]):
            last = "it is an address of this host alone"
            continue
        server = socket.socket(family, kind, protocol)
        server.settimeout(CONNECT_SECONDS)
        try:
            server.connect(address)
            return server
        except OSError as error:
            server.close()
            last = error.strerror or str(error)
    raise Refused("%s port %d cannot be reached: %s." % (host, port, last))


def is_own(text):
    """Whether it leads to the host's loopback: the kernel takes the unspecified address for it, and IPv4 addresses in the form of IPv6."""
    address = ipaddress.ip_address(text.split("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def copy(one, other):
    sockets = [one, other]
    for each in sockets:
        each.settimeout(IDLE_SECONDS)
    talking = {one: other, other: one}
    while talking:
        ready, _, _ = select.select(list(talking), [], [], IDLE_SECONDS)
        if not ready:
            return
        for source in ready:
            piece = source.recv(PIECE)
            if piece:
                talking[source].sendall(piece)
            else:
                talking.pop(source).shutdown(socket.SHUT_WR)


def send_quietly(client, content):
    try:
        client.sendall(content)
    except OSError:
        pass
