"""The servers that compare.py and scale.py measure, and what measures them.

A server is a context manager: it runs within its `with`. `ask` raises where the answer is no success.
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse

REQUEST_LIMIT = 600  # seconds that one answer may take
START_LIMIT = 30  # seconds until a server answers
KEPT = 1  # seconds for which an idle connection is used again: Node.js closes them after five
WRK_TIMEOUT = "30s"  # a slow answer is no error
HERE = pathlib.Path(__file__).parent
MAP = "function (doc) { emit(doc.name, null) }"
QUERY = "name"


class Server:
    """A server that answers at `url`, by a process of our own in `folder` or not."""

    prefix = ""  # of the names of its buckets
    headers = {}

    def __init__(self):
        self.folder = None
        self.process = None
        self.connection = None
        self.used = 0

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="treadmill-bench-"))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(START_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, arguments, **how):
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                arguments, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **how
            )

    def await_start(self, attempt):
        """What `attempt` returns at last that is not None; what it raises counts as None."""
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if (found := attempt()) is not None:
                    return found
            time.sleep(0.01)
        raise RuntimeError("it does not start:\n" + (self.folder / "output").read_text(errors="replace"))

    def ask(self, method, path, body=None):
        status, answer = self.send(method, path, body)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer[:300]!r}")
        return answer

    def send(self, method, path, body=None):
        if self.connection is None or time.monotonic() > self.used + KEPT:
            where = urllib.parse.urlsplit(self.url)
            self.connection = http.client.HTTPConnection(where.hostname, where.port, timeout=REQUEST_LIMIT)
        headers = self.headers | ({"Content-Type": "application/json"} if body else {})
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            text = answer.read()
            self.used = time.monotonic()
            return answer.status, text
        except (OSError, http.client.HTTPException):
            self.connection = None
            raise

    def facts(self, path):
        return json.loads(self.ask("GET", path))

    def document_path(self, bucket, document):
        return f"/{self.prefix}{bucket}/{document}"

    def make(self, bucket):
        self.ask("PUT", f"/{self.prefix}{bucket}")

    def load(self, bucket, bodies):
        """Sends the bodies, one after the other, and returns the seconds it took."""
        path = self.bulk_path(bucket)
        begin = time.perf_counter()
        for body in bodies:
            answer = self.ask("POST", path, body)
            if b'"error"' in answer:
                raise RuntimeError(f"a document of a bulk was refused: {answer[:300]!r}")
        return time.perf_counter() - begin

    def rate(self, paths, connections, seconds, body=None):
        """Requests a second of wrk: GET the paths in turn, or POST `body` to them."""
        (self.folder / "paths").write_text("\n".join(paths) + "\n")
        arguments = [str(self.folder / "paths")]
        if body is not None:
            (self.folder / "body").write_bytes(body)
            arguments.append(str(self.folder / "body"))
        report = wrk(self.url, connections, seconds, "-s", str(HERE / "paths.lua"), headers=self.headers, script=arguments)
        rate = re.search(r"Requests/sec:\s*([\d.]+)", report)
        if not rate or "Non-2xx" in report or "Socket errors" in report:
            raise RuntimeError(f"wrk at {self.url}{paths[0]}:\n{report}")
        return float(rate[1])

    def memory(self):
        """Bytes of the server's processes, `Rss` and `Pss`; None of one that is not ours."""
        if self.process is None:
            return None
        sums = {"Rss": 0, "Pss": 0}
        for process in processes_below(self.process.pid):
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                    name, _, rest = line.partition(":")
                    if name in sums:
                        sums[name] += int(rest.split()[0]) * 1024
        return sums

    def disk(self):
        """Bytes of the files in the data folder, when they have been the same for a while (compactions are over)."""
        sizes = []
        for _ in range(60):
            sizes.append(folder_size(self.folder / "data"))
            if len(sizes) > 4 and len(set(sizes[-4:])) == 1:
                break
            time.sleep(0.5)
        return sizes[-1]


class Treadmill(Server):
    def __init__(self, executable, *flags, name="Treadmill", peers=False):
        super().__init__()
        self.executable = os.path.abspath(executable)
        self.name = name
        self.flags = list(flags)
        self.peers = peers

    def start(self):
        zmq = "tcp://127.0.0.1:0" if self.peers else "off"
        self.run(
            [self.executable, "serve", "--data", "data", "--name", self.folder.name, "--http", "127.0.0.1:0"]
            + ["--zmq", zmq, "--log-format", "json"] + self.flags
        )
        ready = self.await_start(self.ready)
        self.url = "http://" + ready["http"]
        self.zmq = ready["zmq"]

    def ready(self):
        for line in (self.folder / "output").read_text().splitlines():
            if '"message":"ready"' in line:
                return json.loads(line)
        return None

    def version(self):
        return subprocess.run([self.executable, "--version"], capture_output=True, text=True, check=True).stdout.strip()

    id_member = "id"

    def bulk_path(self, bucket):
        return f"/{bucket}/_bulk"

    def build(self, bucket):
        """Defines the query and waits until its index is built."""
        self.ask("POST", f"/{bucket}/_query/{QUERY}", json.dumps({"map": MAP}))
        while (answer := self.send("GET", f"/{bucket}/_query/{QUERY}?limit=0"))[0] != 200:
            if answer[0] != 503:  # the index is longer in the making than a request may take
                raise RuntimeError(f"the query: {answer}")

    def look_up_path(self, bucket, term):
        return f"/{bucket}/_query/{QUERY}?term=" + urllib.parse.quote(json.dumps(term, ensure_ascii=False), safe="")

    def second(self):
        return Treadmill(self.executable, *self.flags, peers=True)

    def follow(self, other, bucket):
        """Becomes a peer of `other` for this bucket."""
        self.ask("POST", "/_system/peers", json.dumps({"zmq_uri": other.zmq, "buckets": [bucket]}))

    def agrees(self, other, bucket):
        status, text = self.send("GET", f"/{bucket}")
        return status == 200 and json.loads(text)["digest"] == other.facts(f"/{bucket}")["digest"]

    def replicate(self, other, bucket):
        other.follow(self, bucket)
        await_all([other], self, bucket)

    def count(self, bucket):
        return self.facts(f"/{bucket}")["documents"]


class Couch(Server):
    """What speaks CouchDB's API."""

    id_member = "_id"
    suffix = ""  # of the names of its buckets

    def bulk_path(self, bucket):
        return f"/{self.prefix}{bucket}/_bulk_docs"

    def build(self, bucket):
        view = json.dumps({"views": {QUERY: {"map": MAP}}})
        self.ask("PUT", f"/{self.prefix}{bucket}/_design/{QUERY}", view)
        self.ask("GET", f"/{self.prefix}{bucket}/_design/{QUERY}/_view/{QUERY}?limit=1")

    def look_up_path(self, bucket, term):
        key = urllib.parse.quote(json.dumps(term, ensure_ascii=False), safe="")
        return f"/{self.prefix}{bucket}/_design/{QUERY}/_view/{QUERY}?key={key}"

    def replicate(self, other, bucket):
        between = {"source": self.source(bucket), "target": other.target(bucket), "create_target": True}
        answer = json.loads(self.ask("POST", "/_replicate", json.dumps(between)))
        if not answer.get("ok") or answer.get("doc_write_failures"):
            raise RuntimeError(f"replication: {answer}")

    def count(self, bucket):
        return self.facts(f"/{self.prefix}{bucket}{self.suffix}")["doc_count"]


class PouchDB(Couch):
    name = "pouchdb-server"

    def __init__(self, modules):
        super().__init__()
        self.modules = pathlib.Path(modules).resolve()

    def start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        (self.folder / "data").mkdir()
        (self.folder / "config.json").write_text('{"log":{"level":"error"}}')  # no line for each request
        program = str(self.modules / ".bin/pouchdb-server")
        self.run(
            ["node", program, "--port", str(port), "--host", "127.0.0.1", "--dir", str(self.folder / "data")]
            + ["--no-stdout-logs"],
            env=os.environ | {"NODE_ENV": "production"},
        )
        self.await_start(lambda: self.ask("GET", "/"))

    def version(self):
        def of(module):
            return json.loads((self.modules / module / "package.json").read_text())["version"]

        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        return f"pouchdb-server {of('pouchdb-server')} (leveldown {of('leveldown')}, Node.js {node[1:]})"

    def second(self):
        return PouchDB(self.modules)

    def source(self, bucket):
        return bucket  # read in the process itself, not over HTTP

    def target(self, bucket):
        return f"{self.url}/{bucket}"


class CouchDB(Couch):
    """The one at COUCHDB_URL; its second instance is another database of it."""

    name = "CouchDB"
    prefix = "treadmill-bench-"

    def __init__(self, url, suffix=""):
        super().__init__()
        where = urllib.parse.urlsplit(url.rstrip("/"))
        self.given = url
        self.suffix = suffix
        self.url = f"{where.scheme}://{where.hostname}:{where.port or 5984}"
        self.with_secret = f"{where.scheme}://{where.netloc}"
        if where.username:
            secret = f"{urllib.parse.unquote(where.username)}:{urllib.parse.unquote(where.password or '')}"
            self.headers = {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}

    def start(self):
        self.drop()

    def __exit__(self, *ending):
        try:
            self.drop()
        finally:
            super().__exit__(*ending)

    def drop(self):
        for bucket in self.facts("/_all_dbs"):
            if bucket.startswith(self.prefix) and bucket.endswith(self.suffix):
                self.ask("DELETE", f"/{bucket}")

    def version(self):
        facts = self.facts("/")
        return f"CouchDB {facts['version']}"

    def second(self):
        return CouchDB(self.given, suffix="-copy")

    def source(self, bucket):
        return f"{self.with_secret}/{self.prefix}{bucket}{self.suffix}"

    target = source

    def disk(self):
        sizes = [self.facts(f"/{one}").get("sizes", {}).get("file") for one in self.facts("/_all_dbs") if one.startswith(self.prefix)]
        return None if None in sizes else sum(sizes)


def await_all(followers, source, bucket):
    """Waits until all of these nodes hold what `source` holds."""
    end = time.monotonic() + REQUEST_LIMIT
    for one in followers:
        while not one.agrees(source, bucket):
            if time.monotonic() > end:
                raise RuntimeError("the nodes do not agree")
            time.sleep(0.01)


def wrk(url, connections, seconds, *options, headers=None, script=()):
    """What wrk reports at its end."""
    arguments = ["wrk", f"-c{connections}", f"-t{min(2, connections)}", f"-d{seconds}s", "--timeout", WRK_TIMEOUT, *options]
    for name, value in (headers or {}).items():
        arguments += ["-H", f"{name}: {value}"]
    arguments += [url] + (["--", *script] if script else [])
    return subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout


def processes_below(root):
    """The process and all that it started."""
    parents = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [root]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def folder_size(folder):
    size = 0
    for entry in folder.rglob("*"):
        with contextlib.suppress(OSError):
            size += entry.stat().st_size if entry.is_file() else 0
    return size


def machine():
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{os.cpu_count()} processors" + (f" ({model[1]})" if model else "")
