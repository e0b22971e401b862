"""Measures Treadmill beside pouchdb-server and, where COUCHDB_URL names one, CouchDB. compare.sh calls it."""

import argparse
import contextlib
import os
import random
import signal
import statistics
import sys
import time

import picture
from documents import ALL_PLACES, Places, place_id
from servers import CouchDB, PouchDB, Treadmill, machine

INTERVAL = "interval=1s"
ROUNDS = 3
QUERIED = 50_000  # documents below the view
TARGETS = 5_000  # documents and terms that are asked for in turn
MEGABYTE = 1e6


class Comparison:
    """The figures: for each server a value, in the order of the servers."""

    def __init__(self, servers, places, options):
        self.servers = servers
        self.places = places
        self.seconds = options.seconds
        self.count = options.places
        self.queried = min(options.places, QUERIED)
        self.dice = random.Random(1)
        self.rows = []  # (kind, name, unit, values)

    def add(self, kind, name, unit, measure):
        say(name)
        self.rows.append((kind, name, unit, [measure(server) for server in self.servers]))

    def requests(self, name, connections, paths, body=None):
        """Rounds in turn, and the median of each server."""
        say(name)
        rates = [[] for _ in self.servers]
        for _ in range(ROUNDS):
            for server, made in zip(self.servers, rates):
                made.append(server.rate(paths(server), connections, self.seconds, body))
        self.rows.append(("requests", name, "1/s", [statistics.median(made) for made in rates]))

    def idle(self):
        time.sleep(1)
        self.add("bytes", "memory, idle", "MB", lambda server: megabytes(memory(server, "Pss")))

    def load(self, bucket, count):
        def measure(server):
            bodies = list(self.places.bulks(count, server.id_member))
            server.make(bucket)
            return count / server.load(bucket, bodies)

        return measure

    def loaded(self):
        self.add("documents", "bulk load, 1,000 a request", "1/s", self.load("places", self.count))
        self.add("bytes", "disk, loaded", "MB", lambda server: megabytes(server.disk()))
        self.add("bytes", "memory, loaded", "MB", lambda server: megabytes(memory(server, "Pss")))
        self.add("bytes", "memory, loaded, resident", "MB", lambda server: megabytes(memory(server, "Rss")))

    def reads(self):
        chosen = [place_id(self.dice.randrange(self.count)) for _ in range(TARGETS)]
        for connections in (1, 32):
            self.requests(
                f"GET a document, {plural(connections)}",
                connections,
                lambda server: [server.document_path("places", one) for one in chosen],
            )

    def writes(self):
        for server in self.servers:
            server.make("writes")
        for connections in (1, 32):
            name = f"POST a document, {plural(connections)}"
            self.requests(name, connections, lambda server: [f"/{server.prefix}writes"], self.places.one())

    def queries(self):
        for server in self.servers:
            self.load("queried", self.queried)(server)

        def build(server):
            begin = time.perf_counter()
            server.build("queried")
            return self.queried / (time.perf_counter() - begin)

        self.add("documents", f"view build, {self.queried:,}", "1/s", build)
        chosen = [self.places.names[self.dice.randrange(self.queried) % len(self.places.names)] for _ in range(TARGETS)]
        for connections in (1, 32):
            self.requests(
                f"view look-up, {plural(connections)}",
                connections,
                lambda server: [server.look_up_path("queried", term) for term in chosen],
            )

    def replication(self):
        def measure(server):
            with contextlib.ExitStack() as running:
                other = running.enter_context(server.second())
                begin = time.perf_counter()
                server.replicate(other, "places")
                took = time.perf_counter() - begin
                if other.count("places") != self.count:
                    raise RuntimeError(f"{server.name}: {other.count('places')} documents were replicated")
            return self.count / took

        self.add("documents", "replication", "1/s", measure)


def memory(server, kind):
    sums = server.memory()
    return sums and sums[kind]


def megabytes(size):
    return None if size is None else size / MEGABYTE


def plural(connections):
    return "1 connection" if connections == 1 else f"{connections} connections"


def cell(value):
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(servers, rows):
    made = ["| figure | unit | " + " | ".join(server.name for server in servers) + " |"]
    made.append("| --- | --- |" + " ---: |" * len(servers))
    for _, name, unit, values in rows:
        made.append(f"| {name} | {unit} | " + " | ".join(cell(value) for value in values) + " |")
    return "\n".join(made)


def draw(file, servers, rows, below):
    kinds = [
        ("requests", "Single requests a second"),
        ("documents", "Documents a second"),
        ("bytes", "Megabytes, less is better"),
    ]
    panels = [(title, [(name, values) for of, name, _, values in rows if of == kind]) for kind, title in kinds]
    head = 70 + 17 * len(below)
    height = head + 26 + sum(picture.height_of_bars(groups) for _, groups in panels)
    title = "Treadmill beside " + " and ".join(server.name.partition(",")[0] for server in servers[2:])
    drawn = picture.Picture(860, height, title, below)
    drawn.legend(24, head, [server.name for server in servers])
    y = head + 26
    for title, groups in panels:
        picture.bars(drawn, 24, y, 812, title, groups)
        y += picture.height_of_bars(groups)
    drawn.save(file)


def say(what):
    print(f"compare: {what}", file=sys.stderr, flush=True)


def main():
    parse = argparse.ArgumentParser(prog="tests/bench/compare.sh")
    parse.add_argument("--node", required=True, help=argparse.SUPPRESS)
    parse.add_argument("--pouchdb", required=True, help=argparse.SUPPRESS)
    parse.add_argument("--file", default="", help=argparse.SUPPRESS)
    parse.add_argument("--picture", required=True, metavar="FILE", help="where the picture goes")
    parse.add_argument("--places", type=int, default=ALL_PLACES, metavar="N", help="documents (%(default)s)")
    parse.add_argument("--seconds", type=int, default=2, metavar="N", help="of each rate (%(default)s)")
    options = parse.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    places = Places(options.file)
    servers = [
        Treadmill(options.node, name="Treadmill, fsync before the answer", peers=True),
        Treadmill(options.node, "--durability", INTERVAL, name=f"Treadmill, {INTERVAL}", peers=True),
        PouchDB(options.pouchdb),
    ]
    servers[2].name = "pouchdb-server, no fsync"
    if os.environ.get("COUCHDB_URL"):
        servers.append(CouchDB(os.environ["COUCHDB_URL"]))
    with contextlib.ExitStack() as running:
        for server in servers:
            running.enter_context(server)
        comparison = Comparison(servers, places, options)
        comparison.idle()
        comparison.loaded()
        comparison.reads()
        comparison.queries()
        comparison.replication()
        comparison.writes()
        versions = [server.version() for server in servers]
    order = {"requests": 0, "documents": 1, "bytes": 2}
    rows = sorted(comparison.rows, key=lambda row: order[row[0]])
    below = [
        f"{versions[0]}; {', '.join(versions[2:])}; default settings where nothing else is said.",
        f"{options.places:,} {places.kind} of 100 bytes. Clients and servers on the same {machine()}.",
        "pouchdb-server never fsyncs a write: beside it stands Treadmill that fsyncs within a second.",
    ]
    print(table(servers, rows))
    print("\n" + "\n".join(below))
    draw(options.picture, servers, rows, below)


if __name__ == "__main__":
    main()
