#!/usr/bin/python3
"""A server that takes posted documents, well or badly.

usage: server.py BEHAVIOUR RECEIVED PORT [CERTIFICATES]

Prints its port. Bodies answered with 2xx are appended to RECEIVED, a line each; RECEIVED.seen gets a "c" for each
connection and an "r" for each request. BEHAVIOUR: ok, slow (answers after 0.2 s), hang (never answers), refuse (500
with a long answer), flaky (every other request 503), cut (closes in the middle of an answer), reset (closes without
one), created (201 without a body).
"""
import http.server
import os
import ssl
import sys
import threading
import time

behaviour, received, port = sys.argv[1:4]
lock = threading.Lock()
requests = 0


def note(what):
    with lock, open(received + ".seen", "a") as seen:
        seen.write(what)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in one piece, at once: else the kernel's delayed acknowledgements set the pace.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        note("c")
        super().setup()

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        global requests
        body = self.rfile.read(int(self.headers["Content-Length"]))
        note("r")
        with lock:
            requests += 1
            turn = requests
        if self.headers["Content-Type"] != "application/json" or self.path != "/events":
            return self.answer(400, b"wrong type or path")
        if behaviour == "hang":
            time.sleep(600)
        if behaviour == "slow":
            time.sleep(0.2)
        if behaviour == "refuse":
            return self.answer(500, b"the index\nis full: " + b"x" * 1000)
        if behaviour == "flaky" and turn % 2:
            return self.answer(503, b"busy")
        if behaviour == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            self.wfile.flush()
            self.close_connection = True
            return
        if behaviour == "reset":
            self.close_connection = True
            return
        with lock, open(received, "ab") as out:
            out.write(body + b"\n")
        self.answer(201 if behaviour == "created" else 200, b"" if behaviour == "created" else b"{}")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


server = Server(("localhost", int(port)), Handler)
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(sys.argv[4], "cert.pem"), os.path.join(sys.argv[4], "key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)


def die_with_the_test():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=die_with_the_test, daemon=True).start()
server.serve_forever()
