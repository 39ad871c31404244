"""Answers like a cluster as far as `auship setup` asks: keeps templates, policies, pipelines and the settings of indexes,
and gives them back as the product does. Usage: cluster.py PRODUCT VERSION LOG [FAULT]

PRODUCT is elasticsearch, oss (Elasticsearch without x-pack), opensearch, or proxy; then VERSION is the URL of the server
that answers. Prints its port, and ends with its standard input. LOG gets a line for each request: method and path.
FAULT is "login" (wants user joe, password s3cret), "forbidden" (refuses index templates), "pipelines" (refuses ingest
pipelines), "indexes" (refuses the settings of indexes), "no-ingest" (no node runs pipelines), "meanwhile" (somebody else
changes every policy first), or "broken" (answers 503)."""

import base64
import fnmatch
import gzip
import http.server
import json
import os
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

PRODUCT, VERSION, LOG = sys.argv[1:4]
FAULT = sys.argv[4] if len(sys.argv) > 4 else ""
NUMBER = tuple(int(part) for part in VERSION.split(".")[:2]) if PRODUCT != "proxy" else ()
KINDS = {"_component_template": "component_template", "_index_template": "index_template"}
LOGIN = "Basic " + base64.b64encode(b"joe:s3cret").decode()
stored = {}


class Refusal(Exception):
    def __init__(self, status, kind, reason, cause=None):
        self.status = status
        error = {"type": kind, "reason": reason}
        if cause:
            error["caused_by"] = {"type": "illegal_argument_exception", "reason": cause}
        self.body = {"error": {"root_cause": [dict(error)], **error}, "status": status}


def text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def settings(given):
    """Settings as servers keep them: nested under `index`, every value a string."""
    flat = {}

    def walk(prefix, value):
        for key, inner in value.items():
            name = f"{prefix}.{key}" if prefix else key
            if isinstance(inner, dict):
                walk(name, inner)
            else:
                flat[name if name.startswith("index.") else f"index.{name}"] = text(inner)

    walk("", given)
    nested = {}
    for name, value in flat.items():
        place = nested
        *parts, last = name.split(".")
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = value
    if "lifecycle" in nested.get("index", {}) and PRODUCT != "elasticsearch":
        raise Refusal(400, "illegal_argument_exception", "unknown setting [index.lifecycle.name] please check that any "
                      "required plugins are installed, or check the breaking changes documentation for removed settings")
    return nested


def check_types(mapping, name=""):
    since = {"elasticsearch": {"wildcard": (7, 9), "match_only_text": (7, 14)},
             "oss": {"wildcard": (99, 0), "match_only_text": (99, 0), "constant_keyword": (99, 0)},
             "opensearch": {"wildcard": (2, 15), "match_only_text": (2, 12), "constant_keyword": (2, 14)}}[PRODUCT]
    if isinstance(mapping, list):
        for inner in mapping:
            check_types(inner, name)
    elif isinstance(mapping, dict):
        if isinstance(mapping.get("type"), str) and NUMBER < since.get(mapping["type"], (0, 0)):
            raise Refusal(400, "mapper_parsing_exception", "Failed to parse mapping [_doc]: No handler for type "
                          f"[{mapping['type']}] declared on field [{name}]")
        if mapping.get("type") == "constant_keyword" and PRODUCT == "opensearch" and "value" not in mapping:
            raise Refusal(400, "mapper_parsing_exception", f"Field [{name}] is missing required parameter [value]")
        for key, inner in mapping.items():
            check_types(inner, key)


def template(kind, name, given):
    check_types(given.get("template", {}).get("mappings", {}))
    kept = json.loads(json.dumps(given))
    if "settings" in kept.get("template", {}):
        kept["template"]["settings"] = settings(kept["template"]["settings"])
    if kind == "_index_template":
        missing = [c for c in given.get("composed_of", []) if ("_component_template", c) not in stored]
        if missing:
            raise Refusal(400, "invalid_index_template_exception", f"index_template [{name}] invalid, cause [index "
                          f"template [{name}] specifies component templates {missing} that do not exist]")
        if "data_stream" in kept and PRODUCT == "opensearch":
            kept["data_stream"] = {"timestamp_field": {"name": "@timestamp"}}
        elif "data_stream" in kept:
            kept["data_stream"] = {"hidden": False, "allow_custom_routing": False}
    elif NUMBER >= (9, 2):
        kept["created_date_millis"] = kept["modified_date_millis"] = 1795320000001
    stored[kind, name] = kept


def ilm(name, given):
    if set(given) != {"policy"}:
        raise Refusal(400, "x_content_parse_exception", "unknown field")
    phases = given["policy"]["phases"]
    kept = {}
    for phase, its in phases.items():
        kept[phase] = {"min_age": its.get("min_age", "0ms"), "actions": dict(its["actions"])}
        if "delete" in its["actions"]:
            kept[phase]["actions"]["delete"] = {"delete_searchable_snapshot": True}
    version = stored.get(("ilm", name), {"version": 0})["version"] + 1
    stored["ilm", name] = {"version": version, "modified_date": "2026-11-22T00:44:14.872Z", "policy": {"phases": kept},
                           "in_use_by": {"indices": [], "data_streams": [], "composable_templates": []}}


def ism(name, given, query):
    there = stored.get(("ism", name))
    condition = f"if_seq_no={there['_seq_no']}&if_primary_term=1" if there else ""
    if query != condition or (there and FAULT == "meanwhile"):
        raise Refusal(409, "version_conflict_engine_exception", f"[{name}]: version conflict, document already exists")
    policy = dict(given["policy"], policy_id=name, last_updated_time=1795320000001, schema_version=21,
                  error_notification=None)
    for state in policy["states"]:
        state["actions"] = [{"retry": {"count": 3, "backoff": "exponential", "delay": "1m"},
                             **{key: dict(inner, **({"copy_alias": False} if key == "rollover" else {}))
                                for key, inner in action.items()}} for action in state["actions"]]
    for entry in policy["ism_template"]:
        entry["last_updated_time"] = 1795320000001
    number = there["_seq_no"] + 1 if there else 0
    stored["ism", name] = {"_id": name, "_version": number + 1, "_seq_no": number, "_primary_term": 1, "policy": policy}


def pipeline(name, given):
    if FAULT == "no-ingest":
        raise Refusal(500, "illegal_state_exception", "Ingest info is empty")
    for processor in given["processors"]:
        [(kind, options)] = processor.items()
        if kind != "set" or not {"field", "value"} <= set(options):
            raise Refusal(400, "parse_exception", f"No processor type exists with name [{kind}]")
    dates = {"created_date_millis": 1795320000001, "modified_date_millis": 1795320000001} if NUMBER >= (9, 2) else {}
    stored["pipeline", name] = dict(given, **dates)


def index(method, names, action, given):
    """Creates an index, or reads or changes the settings of indexes: names with commas, and perhaps with stars."""
    if not action:
        stored["index", names] = settings(given.get("settings", {}) if given else {})
        return {"acknowledged": True, "index": names}
    if FAULT == "indexes":
        raise Refusal(403, "security_exception", "action [indices:admin/settings] is unauthorized for user [joe]")
    there = [name for kind, name in stored if kind == "index"]
    streams = {name: f".ds-{name}-2026.11.25-000001" for name in names.split(",")}
    found = [name for name in there if any(fnmatch.fnmatchcase(name, one) or name == streams[one] for one in streams)]
    if method == "GET":
        return {name: {"settings": stored["index", name]} for name in found}
    for name in found:
        kept = stored["index", name].setdefault("index", {})
        for key, value in settings(given)["index"].items():
            kept.setdefault(key, value)  # preserve_existing
    return {"acknowledged": True}


def root():
    version = {"number": VERSION, "build_flavor": "oss" if PRODUCT == "oss" else "default"}
    tagline = "You Know, for Search"
    if PRODUCT == "opensearch":
        version = {"number": VERSION, "distribution": "opensearch"}
        tagline = "The OpenSearch Project: https://opensearch.org/"
    return {"name": "n", "cluster_name": "c", "version": version, "tagline": tagline}


def answer(method, path, given):
    path, _, query = path.partition("?")
    if FAULT == "broken":
        raise Refusal(503, "cluster_block_exception", "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered]")
    if path == "/":
        return root()
    unknown = {"error": f"no handler found for uri [{path}] and method [{method}]"}
    if path.startswith("/_ilm/policy/") and PRODUCT == "elasticsearch":
        kind, name = "ilm", path.removeprefix("/_ilm/policy/")
    elif path.startswith("/_plugins/_ism/policies/") and PRODUCT == "opensearch":
        kind, name = "ism", path.removeprefix("/_plugins/_ism/policies/")
    elif path.startswith("/_ingest/pipeline/"):
        kind, name = "pipeline", path.removeprefix("/_ingest/pipeline/")
    elif path.split("/")[1] in KINDS:
        _, kind, name = path.split("/")
    elif not path.startswith("/_") and path.split("/")[2:] in ([], ["_settings"]):
        name, _, action = urllib.parse.unquote(path[1:]).partition("/")
        return index(method, name, action, given)
    else:
        return 400, unknown
    if kind == "pipeline" and FAULT == "pipelines":
        raise Refusal(403, "security_exception", f"action [cluster:admin/ingest/pipeline/{method.lower()}] is "
                      "unauthorized for user [joe]")
    if method == "GET":
        if (kind, name) not in stored and kind == "pipeline":
            return 404, {}
        if (kind, name) not in stored:
            raise Refusal(404, "resource_not_found_exception", f"{kind} matching [{name}] not found")
        there = stored[kind, name]
        if kind in KINDS:
            return {KINDS[kind] + "s": [{"name": name, KINDS[kind]: there}]}
        return {name: there} if kind in ("ilm", "pipeline") else there
    if kind == "_index_template" and FAULT == "forbidden":
        raise Refusal(403, "security_exception", "action [indices:admin/index_template/put] is unauthorized for user "
                      "[joe]", "no privileges")
    if kind == "ilm":
        ilm(name, given)
    elif kind == "ism":
        ism(name, given, query)
    elif kind == "pipeline":
        pipeline(name, given)
    else:
        template(kind, name, given)
    return {"acknowledged": True}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with open(LOG, "a") as log:
            log.write(f"{self.command} {self.path}\n")
        if FAULT == "login" and self.headers.get("Authorization") != LOGIN:
            refusal = Refusal(401, "security_exception", "unable to authenticate user [joe]")
            return self.say(refusal.status, refusal.body)
        if PRODUCT == "proxy":
            request = urllib.request.Request(VERSION + self.path, data=body or None, method=self.command,
                                             headers={"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request) as response:
                    return self.say(response.status, json.load(response))
            except urllib.error.HTTPError as error:
                return self.say(error.code, json.load(error))
        try:
            found = answer(self.command, self.path, json.loads(body) if body else None)
            self.say(*found if isinstance(found, tuple) else (200, found))
        except Refusal as refusal:
            self.say(refusal.status, refusal.body)

    do_GET = do_PUT = do_POST = do_DELETE = handle_any

    def say(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)


def die_with_the_test():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=die_with_the_test, daemon=True).start()
server.serve_forever()
