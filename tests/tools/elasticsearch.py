#!/usr/bin/python3
"""A server that answers as Elasticsearch or OpenSearch does, well or badly.

usage: elasticsearch.py BEHAVIOUR STORE PORT [CERTIFICATES]

Prints its port. STORE is a directory that several of them, the hosts of one cluster, may share: an index is a directory
in it, a document a file named by its id. "PORT.requests" in it gets a line of JSON for each request: method, path,
headers, the client certificate's serial number as "client", and how the documents went. "PORT.behaviour", or
else "behaviour", where there is one, says how to behave from now on; "login" what the header Authorization must be;
"privileges" the index privileges that the user has, with spaces between: without it the server has no security.

BEHAVIOUR, several with commas between:
  ok               takes all
  odd-STATUS       refuses every other document with that status when it comes first (429, 503)
  each-STATUS      refuses all documents with that status, each
  red              unavailable_shards_exception for each document
  closed           index_closed_exception for each document
  block            cluster_block_exception (403) for documents that hold "block"
  mapping          mapper_parsing_exception for documents that hold "bad"
  most-BYTES       413 for larger requests
  status-STATUS    that status for the whole request
  later            429 and Retry-After: 1 for the whole request
  cut, cuts        takes all, and closes in the middle of the answer; of every third answer
  reset            takes all, and closes without an answer
  deaf             closes without taking or answering anything
  garbage          takes all, and answers with what is no JSON
  fewer, more      takes all, and answers about one document less, or more
  hang             doesn't answer as long as it shall behave like that
  chatty           answers with all that filter_path should leave out
  old, opensearch, other, silent  what it says it is: Elasticsearch 6, OpenSearch 2, nothing like it, 403
  mutual           asks for a client certificate
"""
import gzip
import http.server
import itertools
import json
import os
import ssl
import sys
import threading
import time

first_behaviour, store, wanted_port = sys.argv[1:4]
os.makedirs(store, exist_ok=True)
lock = threading.Lock()
seen = set()
turns = itertools.count()

CONFLICT = "version_conflict_engine_exception"
TYPES = {429: "es_rejected_execution_exception", 503: "unavailable_shards_exception", 500: "exception"}


def read(name):
    try:
        with open(os.path.join(store, name)) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def behaviours():
    return (read("%d.behaviour" % port) or read("behaviour") or first_behaviour).split(",")


def number(behaving, what):
    return next((int(b[len(what):]) for b in behaving if b.startswith(what)), None)


def error(status, kind, reason):
    return {"status": status, "error": {"type": kind, "reason": reason}}


def create(index, name, document):
    """Puts a document into an index, once."""
    directory = os.path.join(store, "indexes", index)
    os.makedirs(directory, exist_ok=True)
    unfinished = os.path.join(store, "%d-%d.unfinished" % (os.getpid(), threading.get_ident()))
    with open(unfinished, "wb") as file:
        file.write(document + b"\n")
    try:
        os.link(unfinished, os.path.join(directory, name))
    except FileExistsError:
        return error(409, CONFLICT, "[%s]: version conflict, document already exists (current version [1])" % name)
    finally:
        os.unlink(unfinished)
    return {"status": 201}


def take(behaving, turn, index, name, document):
    with lock:
        again = name in seen
        seen.add(name)
    status = number(behaving, "each-") or (not again and turn % 2 and number(behaving, "odd-"))
    if status:
        return error(status, TYPES.get(status, "strange_exception"), "not now")
    if "red" in behaving:
        return error(503, "unavailable_shards_exception", "[%s][0] primary shard is not active" % index)
    if "closed" in behaving:
        return error(400, "index_closed_exception", "closed")
    if "block" in behaving and b"block" in document:
        return error(403, "cluster_block_exception", "index [%s] blocked by: [FORBIDDEN/8/index write (api)];" % index)
    if "mapping" in behaving and b"bad" in document:
        refused = error(400, "mapper_parsing_exception", "failed to parse field [details.x] of type [long]")
        refused["error"]["caused_by"] = {"type": "illegal_argument_exception", "reason": "For input string: \"bad\""}
        return refused
    return create(index, name, document)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        if len(sys.argv) > 4:
            self.request.do_handshake()
        super().setup()

    def answer(self, status, body, *more):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def note(self, behaving, **more):
        told = {name.lower(): value for name, value in self.headers.items()}
        line = {"method": self.command, "path": self.path, "headers": told, "behaviour": behaving, **more}
        if isinstance(self.request, ssl.SSLSocket) and self.request.getpeercert():
            line["client"] = self.request.getpeercert()["serialNumber"]
        with lock:
            requests.write(json.dumps(line).encode() + b"\n")

    def is_let_in(self, behaving):
        login = read("login")
        if not login or self.headers["Authorization"] == login:
            return True
        reason = "missing authentication credentials for REST request [%s]" % self.path
        self.answer(401, {**error(401, "security_exception", reason)})
        return False

    def hang(self, behaving):
        if "hang" not in behaving:
            return False
        while "hang" in behaviours():
            time.sleep(0.05)
        self.close_connection = True
        return True

    def do_GET(self):
        behaving = behaviours()
        self.note(behaving)
        if self.hang(behaving) or not self.is_let_in(behaving):
            return
        if "deaf" in behaving:
            self.close_connection = True
            return
        if "silent" in behaving:
            return self.answer(403, error(403, "security_exception", "action [cluster:monitor/main] is unauthorized"))
        if "other" in behaving:
            return self.answer(200, b"<html>It works!</html>")
        if number(behaving, "status-") == 503:
            return self.answer(503, b"")
        version = {"number": "8.11.1", "build_flavor": "default"}
        if "old" in behaving:
            version = {"number": "6.8.23"}
        if "opensearch" in behaving:
            version = {"distribution": "opensearch", "number": "2.11.0"}
        self.answer(200, {"name": "test", "cluster_name": "test", "version": version, "tagline": "You Know, for Search"})

    def tell_privileges(self, body):
        """https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-security-has-privileges"""
        if not os.path.exists(os.path.join(store, "privileges")):
            return self.answer(400, {"error": "no handler found for uri [%s] and method [POST]" % self.path})
        has = read("privileges").split()
        [asked] = json.loads(body)["index"]
        index = {name: {right: right in has for right in asked["privileges"]} for name in asked["names"]}
        everything = all(right for rights in index.values() for right in rights.values())
        self.answer(200, {"username": "joe", "has_all_requested": everything, "cluster": {}, "index": index,
                          "application": {}})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/_security/user/_has_privileges":
            self.note(behaviours())
            return self.is_let_in(behaviours()) and self.tell_privileges(body)
        size = len(body)
        behaving = behaviours()
        if self.hang(behaving):
            return self.note(behaving)
        if not self.is_let_in(behaving):
            return self.note(behaving)
        if "deaf" in behaving:
            self.close_connection = True
            return self.note(behaving)
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        right_type = self.headers["Content-Type"] == "application/x-ndjson"
        if not right_type or self.path.split("?")[0] != "/_bulk" or not body.endswith(b"\n"):
            self.note(behaving)
            return self.answer(400, error(400, "illegal_argument_exception", "wrong type, path or end"))
        most = number(behaving, "most-")
        status = number(behaving, "status-")
        if most and len(body) > most:
            status = 413
        if status or "later" in behaving:
            self.note(behaving, status=status or 429)
            if status == 413:
                return self.answer(413, b"")
            if "later" in behaving:
                return self.answer(429, error(429, TYPES[429], "busy"), ("Retry-After", "1"))
            return self.answer(status, error(status, TYPES.get(status, "strange_exception"), "not now"))
        lines = body.split(b"\n")[:-1]
        items, ids = [], []
        for turn, (action, document) in enumerate(zip(lines[::2], lines[1::2])):
            action = json.loads(action)
            assert list(action) == ["create"] and sorted(action["create"]) == ["_id", "_index"], action
            json.loads(document)
            index, name = action["create"]["_index"], action["create"]["_id"]
            ids.append([index, name])
            item = take(behaving, turn, index, name, document)
            if "chatty" in behaving:
                item = {"_index": index, "_type": "_doc", "_id": name, "_version": 1, "_seq_no": 7, **item}
            items.append({"create": item})
        self.note(behaving, size=size, ids=ids, statuses=[item["create"]["status"] for item in items])
        if "fewer" in behaving:
            items.pop()
        if "more" in behaving:
            items.append(items[0])
        answer = {"errors": any(item["create"]["status"] != 201 for item in items), "items": items}
        if "chatty" in behaving:
            answer = {"took": 3, "ingest_took": 0, **answer}
        if "cut" in behaving or ("cuts" in behaving and next(turns) % 3 == 0):
            whole = json.dumps(answer).encode()
            head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(whole)
            self.wfile.write(head.encode() + whole[: len(whole) // 2])
            self.wfile.flush()
            self.close_connection = True
            return
        if "reset" in behaving:
            self.close_connection = True
            return
        if "garbage" in behaving:
            return self.answer(200, b"{\"errors\":false,\"items\":[" + b"\xff\x00[" * 3000)
        self.answer(200, answer)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request, client_address):
        with open(os.path.join(store, "errors"), "a") as file:
            kind = sys.exc_info()[0]
            # Clients that leave are no news.
            if not issubclass(kind, (OSError, ssl.SSLError)):
                import traceback
                traceback.print_exc(file=file)


server = Server(("localhost", int(wanted_port)), Handler)
port = server.server_address[1]
requests = open(os.path.join(store, "%d.requests" % port), "ab", buffering=0)
if len(sys.argv) > 4:
    def path(name):
        return os.path.join(sys.argv[4], name)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("cert.pem"), path("key.pem"))
    if "mutual" in first_behaviour.split(","):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(path("ca.pem"))
    # The handshake is the connection's thread's business: one that hangs mustn't stop the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(port, flush=True)


def die_with_the_test():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=die_with_the_test, daemon=True).start()
server.serve_forever()
