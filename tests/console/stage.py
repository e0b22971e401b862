"""What the tests and the pictures of the console stand on: nodes, and a browser that looks at them."""

import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

PATIENCE = 30  # seconds for anything to come: a slow machine needs some of them


def until(look, what):
    """Looks until there is something, and gives that; fails after a while, with what the last look threw."""
    end = time.monotonic() + PATIENCE
    while True:
        problem = None
        try:
            found = look()
            if found:
                return found
        except Exception as fault:  # an element that the page has replaced meanwhile, say
            problem = fault
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}" + (f": {problem}" if problem else ""))
        time.sleep(0.03)


def end_with_parent():
    """In a child, before it becomes a node: PR_SET_PDEATHSIG, for a test that is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Node:
    """A node of its own folder, on loopback; asked over REST."""

    def __init__(self, binary, folder, name):
        self.binary, self.folder, self.name = binary, folder, name
        self.http, self.zmq = "127.0.0.1:0", "tcp://127.0.0.1:0"
        self.start()

    def start(self):
        log = os.path.join(self.folder, self.name + ".log")
        pathlib.Path(log).write_text("")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--name", self.name, "--data", os.path.join(self.folder, self.name), "--http", self.http,
             "--zmq", self.zmq, "--free-disk-floor", "0", "--log-file", log],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent)
        ready = until(lambda: re.search(r" ready .*http=([0-9.:]+).*zmq=(\S+)", pathlib.Path(log).read_text()), f"{self.name} to start")
        self.http, self.zmq = ready.group(1), ready.group(2)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def url(self):
        return "http://" + self.http

    def text(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else body.encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()

    def ask(self, method, path, body=None):
        return json.loads(self.text(method, path, None if body is None else json.dumps(body)))

    def get(self, path):
        return self.ask("GET", path)

    def missing(self, path):
        try:
            self.text("GET", path)
        except urllib.error.HTTPError as answer:
            return answer.code == 404
        return False

    def federate(self, other):
        self.ask("POST", "/_system/peers", {"zmq_uri": other.zmq})
        for one, peer in ((self, other), (other, self)):
            until(lambda: any(p["name"] == peer.name and p["state"] == "live" for p in one.get("/_system/peers")["peers"]),
                  f"{one.name} to be live with {peer.name}")

    def part(self, other):
        self.ask("DELETE", f"/_system/peers/{other.name}")
        until(lambda: all(p["name"] != self.name for p in other.get("/_system/peers")["peers"]), f"{other.name} to part")


class Stage:
    """A temporary folder with nodes in it, and a headless Chromium. Ends them all on exit."""

    def __init__(self, binary):
        self.binary = binary
        self.nodes = []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the stage is cleared

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="treadmill-console-")
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars",
                         f"--user-data-dir={self.folder}/browser"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.browser = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.browser.set_page_load_timeout(PATIENCE)
        return self

    def __exit__(self, *_):
        self.browser.quit()
        for node in self.nodes:
            if node.process.poll() is None:
                node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def node(self, name):
        node = Node(self.binary, self.folder, name)
        self.nodes.append(node)
        return node

    def size(self, width, height):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                     {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def scheme(self, name):
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                     {"features": [{"name": "prefers-color-scheme", "value": name}]})
