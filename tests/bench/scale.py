"""Measures how cost grows with documents, buckets, peers and feeds. scale.sh calls it."""

import argparse
import contextlib
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import picture
from documents import Places, place_id
from servers import Treadmill, await_all, machine

CONNECTIONS = 32
TARGETS = 5_000  # documents and terms that are asked for in turn
AT_ONCE = 1_000_000  # documents that are made before they are sent: the clock stands meanwhile
DOCUMENTS = [10_000, 100_000, 1_000_000, 10_000_000]
BUCKETS, IN_BUCKETS = [1, 10, 50, 200], 100_000
PEERS, AT_PEERS = [1, 2, 4, 8, 16], 20_000
FEEDS = [1, 4, 16, 64, 256]
FEED_LIMIT = 60  # seconds until all feeds have shown all
MEGABYTE = 1e6


class Scale:
    """One method for each axis; it returns a dictionary of figures for one size."""

    def __init__(self, options):
        self.executable = options.node
        self.places = Places(options.file)
        self.seconds = options.seconds
        self.dice = random.Random(1)

    def node(self, peers=False):
        return Treadmill(self.executable, peers=peers)

    def posts(self, node, paths):
        return node.rate(paths, CONNECTIONS, self.seconds, self.places.one())

    def documents(self, count):
        with self.node(peers=True) as node:
            took = 0
            for first in range(0, count, AT_ONCE):
                took += node.load("places", list(self.places.bulks(min(AT_ONCE, count - first), "id", first)))
            made = {"load": count / took, "disk": node.disk() / MEGABYTE}
            chosen = [self.dice.randrange(count) for _ in range(TARGETS)]
            made["read"] = node.rate([f"/places/{place_id(i)}" for i in chosen], CONNECTIONS, self.seconds)
            made["feed"] = count / seconds_of(lambda: read_feed(node))
            made["memory"] = proportional(node)
            with self.node(peers=True) as other:
                made["replicate"] = count / seconds_of(lambda: node.replicate(other, "places"))
            made["query build"] = count / seconds_of(lambda: node.build("places"))
            terms = [self.places.names[i % len(self.places.names)] for i in chosen]
            paths = [node.look_up_path("places", term) for term in terms]
            made["query look-up"] = node.rate(paths, CONNECTIONS, self.seconds)
            made["disk with index"] = node.disk() / MEGABYTE
        return made

    def buckets(self, count):
        names = [f"b{i}" for i in range(count)]
        each = IN_BUCKETS // count
        with self.node() as node:
            loads = [node.bulk_path(name) for name in names]
            bodies = list(self.places.bulks(IN_BUCKETS, "id", in_one=500))
            for name in names:
                node.make(name)
            begin = time.perf_counter()
            for i, body in enumerate(bodies):
                node.ask("POST", loads[i * 500 // each], body)
            made = {"load": IN_BUCKETS / (time.perf_counter() - begin), "disk": node.disk() / MEGABYTE}
            made["memory"] = proportional(node)
            chosen = [self.dice.randrange(IN_BUCKETS) for _ in range(TARGETS)]
            paths = [f"/{names[i // each]}/{place_id(i)}" for i in chosen]
            made["read"] = node.rate(paths, CONNECTIONS, self.seconds)
            made["write"] = self.posts(node, [f"/{self.dice.choice(names)}" for _ in range(TARGETS)])
        return made

    def peers(self, count):
        with contextlib.ExitStack() as running:
            node = running.enter_context(self.node(peers=True))
            node.load("places", list(self.places.bulks(AT_PEERS, "id")))
            others = [running.enter_context(self.node(peers=True)) for _ in range(count)]

            def first_sync():
                for other in others:
                    other.follow(node, "places")
                await_all(others, node, "places")

            made = {"replicate, to all": count * AT_PEERS / seconds_of(first_sync)}
            begin = time.perf_counter()
            written = node.count("places")
            made["write, answered"] = self.posts(node, ["/places"])
            await_all(others, node, "places")
            took = time.perf_counter() - begin
            made["write, on all"] = (node.count("places") - written) / took
            made["memory"] = proportional(node)
            made["disk"] = node.disk() / MEGABYTE
        return made

    def feeds(self, count):
        with self.node() as node, Followers(node, "followed", count) as followers:
            begin = time.perf_counter()
            made = {"write": self.posts(node, ["/followed"])}
            written = node.facts("/followed")["sequence"]
            followers.await_entries(written * count)
            made["delivery, all feeds"] = written * count / (time.perf_counter() - begin)
            made["memory"] = proportional(node)
            made["disk"] = node.disk() / MEGABYTE
        return made


class Followers:
    """Continuous feeds of a new bucket, read by a thread that counts their entries."""

    def __init__(self, node, bucket, count):
        node.make(bucket)
        where = urllib.parse.urlsplit(node.url)
        self.poll = select.epoll()
        self.feeds = {}
        for _ in range(count):
            feed = socket.create_connection((where.hostname, where.port))
            feed.sendall(f"GET /{bucket}/_activity?feed=continuous HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
            answer = feed.recv(4096)
            if b" 200 " not in answer.split(b"\r\n", 1)[0]:
                raise RuntimeError(f"a feed: {answer!r}")
            feed.setblocking(False)
            self.poll.register(feed, select.EPOLLIN)
            self.feeds[feed.fileno()] = feed
        self.entries = 0
        self.ended = False
        self.reader = threading.Thread(target=self.read, daemon=True)

    def __enter__(self):
        self.reader.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        self.reader.join()
        for feed in self.feeds.values():
            feed.close()

    def read(self):
        tails = dict.fromkeys(self.feeds, b"")  # a word may come in two parts
        while not self.ended:
            for number, _ in self.poll.poll(0.05):
                part = tails[number] + self.feeds[number].recv(1 << 18)
                self.entries += part.count(b'"seq":')
                tails[number] = part[-5:]

    def await_entries(self, count):
        end = time.monotonic() + FEED_LIMIT
        while self.entries < count:
            if time.monotonic() > end:
                raise RuntimeError(f"the feeds have shown {self.entries} of {count}")
            time.sleep(0.005)


def read_feed(node):
    url = f"{node.url}/places/_activity?since=0"
    subprocess.run(["curl", "--silent", "--fail", "--output", "/dev/null", url], check=True)


def proportional(node):
    return node.memory()["Pss"] / MEGABYTE


def seconds_of(what):
    begin = time.perf_counter()
    what()
    return time.perf_counter() - begin


SIZES = ("memory", "disk", "disk with index")  # in MB; all else is per second


def figures_of(made, sizes):
    return [name for name in SIZES if name in made[0]] if sizes else [name for name in made[0] if name not in SIZES]


def table(axis, sizes, made):
    figures = figures_of(made, sizes=False) + figures_of(made, sizes=True)
    units = [f"{name}, {'MB' if name in SIZES else '1/s'}" for name in figures]
    rows = [f"| {axis} | " + " | ".join(units) + " |", "| ---: |" + " ---: |" * len(figures)]
    for size, one in zip(sizes, made):
        rows.append(f"| {size:,} | " + " | ".join(picture.rounded(one[name]) for name in figures) + " |")
    return "\n".join(rows) + "\n"


def draw(file, results, below):
    head, tall, wide = 78 + 17 * len(below), 236, 440
    drawn = picture.Picture(2 * wide + 40, head + tall * len(results), "How cost grows", below)
    for i, (title, sizes, made) in enumerate(results):
        y = head + i * tall
        for x, unit, of_sizes in ((24, "per second", False), (24 + wide, "MB", True)):
            series = [(name, [one[name] for one in made]) for name in figures_of(made, of_sizes)]
            picture.lines(drawn, x, y, wide - 8, tall - 20, f"{title}: {unit}", sizes, series)
    drawn.save(file)


def main():
    parse = argparse.ArgumentParser(prog="tests/bench/scale.sh")
    parse.add_argument("--node", required=True, help=argparse.SUPPRESS)
    parse.add_argument("--file", default="", help=argparse.SUPPRESS)
    parse.add_argument("--picture", required=True, metavar="FILE", help="where the picture goes")
    parse.add_argument("--most", type=int, default=1_000_000, metavar="N", help="most documents (%(default)s)")
    parse.add_argument("--only", choices=("documents", "buckets", "peers", "feeds"), help="one axis alone")
    parse.add_argument("--seconds", type=int, default=3, metavar="N", help="of each rate (%(default)s)")
    options = parse.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    scale = Scale(options)
    axes = [
        ("documents", [size for size in DOCUMENTS if size <= options.most] or [options.most]),
        ("buckets", BUCKETS),
        ("peers", PEERS),
        ("feeds", FEEDS),
    ]
    titles = {
        "documents": "Documents",
        "buckets": f"Buckets with {IN_BUCKETS:,} documents in all",
        "peers": "Peers of one node",
        "feeds": "Feeds of one bucket",
    }
    below = [
        f"{scale.node().version()}, default settings: an fsync before each answer. {scale.places.kind.capitalize()} of "
        "100 bytes.",
        f"Single requests over {CONNECTIONS} connections. Clients and all nodes on the same {machine()}.",
    ]
    results = []
    for axis, sizes in axes:
        if options.only not in (None, axis):
            continue
        made = []
        for size in sizes:
            print(f"scale: {size:,} {axis}", file=sys.stderr, flush=True)
            made.append(getattr(scale, axis)(size))
        results.append((titles[axis], sizes, made))
        print(table(axis, sizes, made), flush=True)
    print("\n".join(below))
    draw(options.picture, results, below)


if __name__ == "__main__":
    main()
