#!/usr/bin/python3
"""A server that takes posted documents, well or badly.

usage: server.py BEHAVIOUR RECEIVED PORT [CERTIFICATES]

Prints its port. Bodies answered with 2xx are appended to RECEIVED, a line each, and the number of the connection to
RECEIVED.connections; RECEIVED.seen gets a "c" for each connection and an "r" for each request, RECEIVED.headers the
headers of each request as a line of JSON (with the client certificate's serial number as "client" where there is one).
A file RECEIVED.behaviour, where there is one, says how to behave from now on.

BEHAVIOUR: ok, slow (answers after 0.2 s), hang (never answers), refuse (500 with a long answer), busy (503), later
(503 and Retry-After: 2), flaky (every other request 503), cut (closes in the middle of an answer), reset (closes
without one), created (201 without a body), picky (400 for what holds "bad", 413 for more than 2000 bytes in several
documents), login (401 unless the header Authorization is what RECEIVED.login says), mutual (asks for a client
certificate), status-STATUS (answers HEAD with that status). HEAD is answered with 405 otherwise.
"""
import gzip
import http.server
import json
import os
import ssl
import sys
import threading
import time

behaviour, received, port = sys.argv[1:4]
lock = threading.Lock()
requests = connections = 0


def repair():
    """A server that was killed may have left half a line, or a line whose connection it didn't note."""
    if not os.path.exists(received):
        return
    with open(received, "rb+") as file:
        whole = file.read()
        whole = whole[: whole.rfind(b"\n") + 1]
        file.truncate(len(whole))
    with open(received + ".connections", "ab+") as file:
        file.seek(0)
        noted = file.read().split(b"\n")[:-1][: whole.count(b"\n")]
        noted += [b"unknown"] * (whole.count(b"\n") - len(noted))
        file.truncate(0)
        file.write(b"".join(line + b"\n" for line in noted))


repair()
bodies = open(received, "ab", buffering=0)
numbers = open(received + ".connections", "ab", buffering=0)
seen = open(received + ".seen", "ab", buffering=0)
headers = open(received + ".headers", "ab", buffering=0)


def present_behaviour():
    try:
        with open(received + ".behaviour") as file:
            return file.read().strip() or behaviour
    except FileNotFoundError:
        return behaviour


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in one piece, at once: else the kernel's delayed acknowledgements set the pace.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        global connections
        with lock:
            connections += 1
            self.number = connections
            seen.write(b"c")
        if len(sys.argv) > 4:
            self.request.do_handshake()
        super().setup()

    def answer(self, status, body, *more):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def note(self):
        global requests
        told = {name.lower(): value for name, value in self.headers.items()}
        if isinstance(self.request, ssl.SSLSocket) and self.request.getpeercert():
            told["client"] = self.request.getpeercert()["serialNumber"]
        with lock:
            requests += 1
            seen.write(b"r")
            headers.write(json.dumps(told).encode() + b"\n")
            return requests

    def do_HEAD(self):
        """As for POST, where that has no body to judge: whoever asks wants to know whether it would be let in."""
        behaviour = present_behaviour()
        self.note()
        if behaviour == "hang":
            while present_behaviour() == "hang":
                time.sleep(0.1)
            self.close_connection = True
            return
        if behaviour.startswith("status-"):
            return self.answer(int(behaviour.removeprefix("status-")), b"")
        if behaviour == "login":
            with open(received + ".login") as file:
                if self.headers["Authorization"] != file.read().strip():
                    return self.answer(401, b"")
        self.answer(405, b"", ("Allow", "POST"))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        # Before it is noted: a test that has seen the request may change the behaviour for the next.
        behaviour = present_behaviour()
        turn = self.note()
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        if self.headers["Content-Type"] != "application/json" or not self.path.endswith("/events"):
            return self.answer(400, b"wrong type or path")
        if behaviour == "hang":
            # Until it shall behave differently; whoever waited is let down.
            while present_behaviour() == "hang":
                time.sleep(0.1)
            self.close_connection = True
            return
        if behaviour == "slow":
            time.sleep(0.2)
        if behaviour == "refuse":
            return self.answer(500, b"the index\nis full: " + b"x" * 1000)
        if behaviour == "busy":
            return self.answer(503, b"busy")
        if behaviour == "later":
            return self.answer(503, b"later", ("Retry-After", "2"))
        if behaviour == "flaky" and turn % 2:
            return self.answer(503, b"busy")
        if behaviour == "picky":
            if body.startswith(b"[{") and len(body) > 2000 and b"},{\"category" in body:
                return self.answer(413, b"too much at once")
            if b"bad" in body:
                return self.answer(400, b"no such field: bad")
        if behaviour == "login":
            with open(received + ".login") as file:
                if self.headers["Authorization"] != file.read().strip():
                    return self.answer(401, b"who are you?")
        if behaviour == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            self.wfile.flush()
            self.close_connection = True
            return
        if behaviour == "reset":
            self.close_connection = True
            return
        with lock:
            bodies.write(body + b"\n")
            numbers.write(b"%d-%d\n" % (os.getpid(), self.number))
        self.answer(201 if behaviour == "created" else 200, b"" if behaviour == "created" else b"{}")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


server = Server(("localhost", int(port)), Handler)
if len(sys.argv) > 4:
    def path(name):
        return os.path.join(sys.argv[4], name)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("cert.pem"), path("key.pem"))
    if behaviour == "mutual":
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(path("ca.pem"))
    # The handshake is the connection's thread's business: one that hangs mustn't stop the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_address[1], flush=True)


def die_with_the_test():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=die_with_the_test, daemon=True).start()
server.serve_forever()
