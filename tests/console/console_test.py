"""The web console in a browser. Each test has a bucket of its own, and leaves no error in the browser's log."""

import json
import os
import re
import sys
import time
import unittest
import urllib.parse

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from stage import Stage, until

BINARY = os.path.abspath(sys.argv[1])
PICTURES = os.path.abspath(sys.argv[2])

HOSTILE = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'
BIG = "12345678901234567890123456789"

# The contrast of every text that is seen, against what is behind it; gives those below what WCAG AA asks for.
CONTRAST = """
const channels = text => (text.match(/[\\d.]+/g) ?? []).map(Number)
const light = ([r, g, b]) => {
  const f = c => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 }
  return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b)
}
const poor = []
for (const element of document.body.querySelectorAll('*')) {
  const text = [...element.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join('')
  if (text === '' || element.closest('svg, noscript, option, script') || !element.checkVisibility()) continue
  let behind = element
  while (behind && (channels(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement
  const style = getComputedStyle(element)
  const a = light(channels(style.color)), b = light(channels(getComputedStyle(behind ?? document.body).backgroundColor))
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
  if (ratio < (parseFloat(style.fontSize) >= 18.5 ? 3 : 4.5)) poor.push(`${text.slice(0, 30)}: ${ratio.toFixed(2)}`)
}
return poor
"""

# What can be reached by keyboard, and says nothing to somebody who does not see it.
NAMELESS = """
return [...document.querySelectorAll('a, button, input, select, textarea, [tabindex="0"]')]
  .filter(element => element.checkVisibility() && !element.ariaLabel && !element.labels?.length && element.textContent.trim() === '')
  .map(element => element.outerHTML.slice(0, 100))
"""


def fragment(*pieces):
    return "#/" + "/".join(urllib.parse.quote(piece, safe="") for piece in pieces)


class Console(unittest.TestCase):
    stage = None

    @classmethod
    def setUpClass(cls):
        cls.browser = cls.stage.browser
        cls.box1, cls.box2 = cls.stage.node("box1"), cls.stage.node("box2")
        cls.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source":
            "window.violations = [];"
            "document.addEventListener('securitypolicyviolation', e => window.violations.push(e.violatedDirective))"})
        os.makedirs(PICTURES, exist_ok=True)

    def setUp(self):
        self.begun = time.monotonic()
        self.expected = []  # statuses of refusals that the test is about: the browser logs them, too
        self.stage.size(1280, 860)
        self.stage.scheme("light")
        self.browser.get_log("browser")

    def tearDown(self):
        self.assertEqual(self.browser.execute_script("return window.violations"), [])
        self.assertIsNone(self.browser.execute_script("return window.pwned ?? null"))
        self.no_errors()
        # What was typed and not saved would keep the browser from going on.
        self.browser.execute_script("window.addEventListener('beforeunload', e => e.stopImmediatePropagation(), true)")
        self.browser.get("about:blank")
        print(f"{time.monotonic() - self.begun:.1f} s ", end="", file=sys.stderr)

    def no_errors(self):
        for line in self.browser.get_log("browser"):
            if any(f"status of {status}" in line["message"] for status in self.expected):
                continue
            self.fail(f"the browser's log has {line['level']}: {line['message']}")

    # What a user does
    # ------------------------------------------------------------------------------------------------------------------

    def open(self, *pieces, node=None):
        self.browser.get("about:blank")
        self.browser.get((node or self.box1).url + "/_console" + (fragment(*pieces) if pieces else ""))
        self.see("#side .node .dot.good")

    def find(self, css, text=None):
        return self.browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].find(element => element.checkVisibility()"
            " && (element.innerText ?? element.textContent).includes(arguments[1])) ?? null", css, text or "")

    def see(self, css, text=None):
        return until(lambda: self.find(css, text), f"{css} with {text}" if text else css)

    def gone(self, css, text=None):
        until(lambda: self.find(css, text) is None, f"{css} to go")

    def click(self, css, text=None):
        def act():
            self.find(css, text).click()
            return True
        until(act, f"a click on {css} {text or ''}")

    def choose(self, css, value):
        self.see(css).find_element(By.CSS_SELECTOR, f"option[value={value}]").click()

    def write(self, css, text):
        field = self.see(css)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def press(self, *keys):
        self.browser.switch_to.active_element.send_keys(*keys)

    def picture(self, name):
        self.browser.save_screenshot(os.path.join(PICTURES, name + ".png"))

    # The main paths
    # ------------------------------------------------------------------------------------------------------------------

    def test_a_fresh_node_says_what_to_do_and_a_bucket_is_made(self):
        fresh = self.stage.node("fresh")
        self.open(node=fresh)
        self.see(".empty pre", f"curl -X POST {fresh.url}/people")
        self.picture("fresh")
        self.click(".empty button", "Make a bucket")
        self.expected = [400]
        self.write("dialog input", "No Such Name")
        self.press(Keys.ENTER)
        self.see("dialog .fault", "bucket")
        self.write("dialog input", "people")
        self.press(Keys.ENTER)
        self.see("h1", "people")
        self.see(".list", "No documents yet")
        self.assertEqual(fresh.get("/people")["documents"], 0)
        fresh.kill()

    def test_documents_are_made_browsed_edited_and_deleted_and_no_number_changes(self):
        self.box1.ask("PUT", "/paths")
        self.open("bucket", "paths", "documents")
        self.click("a.button", "New document")
        self.write("#new-id", "first")
        self.write(".editor textarea", '{"n": ' + BIG + ', "x": 1.50, "e": 1e400')
        self.see(".editor .fault")
        self.write(".editor textarea", '{"n": ' + BIG + ', "x": 1.50}')
        self.click(".editor button", "Save")
        self.see(".document pre.json", BIG)
        self.see(".rows a[aria-current]", "first")
        before = self.box1.text("GET", "/paths/first")
        self.assertIn(BIG, before)

        self.click(".document button", "Edit")
        field = self.see(".editor textarea")
        self.assertIn(BIG, field.get_attribute("value"))
        self.assertNotIn('"rev"', field.get_attribute("value"))
        field.send_keys(Keys.CONTROL, Keys.HOME)
        field.send_keys(Keys.ARROW_RIGHT)
        field.send_keys('"added": true,')
        field.send_keys(Keys.CONTROL, Keys.ENTER)
        self.see(".document pre.json", "added")
        number = lambda text: re.search(r'"n":[^,}]*,"x":[^,}]*', text).group(0)
        self.assertEqual(number(self.box1.text("GET", "/paths/first")), number(before))
        self.see(".revisions text", "2 · ")

        self.box1.ask("POST", "/paths/_bulk", {"docs": [{"id": f"d{i:03}", "i": i} for i in range(120)]})
        self.see(".rows a", "d000")
        self.write(".list input[type=search]", "d11")
        until(lambda: len(self.browser.find_elements(By.CSS_SELECTOR, ".rows li")) == 10, "ten rows")
        self.write(".list input[type=search]", "d")
        until(lambda: len(self.browser.find_elements(By.CSS_SELECTOR, ".rows li")) == 50, "a page")
        self.click(".more")
        until(lambda: len(self.browser.find_elements(By.CSS_SELECTOR, ".rows li")) == 100, "two pages")

        self.click(".document button", "Delete")
        self.see("dialog", "Delete first?")
        self.press(Keys.ESCAPE)
        self.gone("dialog")
        self.assertTrue(self.box1.get("/paths/first"))
        self.expected = [404]  # of a look at the document that is deleted meanwhile
        self.click(".document button", "Delete")
        self.click("dialog button", "Delete")
        until(lambda: self.box1.missing("/paths/first"), "the document to be deleted")
        self.gone(".document")

    def test_an_edit_that_is_late_meets_the_other_one_beside_it(self):
        self.box1.ask("PUT", "/meet/d", {"by": "me"})
        self.open("bucket", "meet", "documents", "d")
        self.click(".document button", "Edit")
        self.see(".editor textarea")
        self.box1.ask("PUT", "/meet/d", {"by": "another"})
        self.write(".editor textarea", '{"by": "the console"}')
        self.expected = [409]
        self.click(".editor button", "Save")
        self.see(".meeting .version", "another")
        self.see(".meeting .version", "the console")
        self.see(".meeting .line.changed")
        self.picture("meeting")
        self.click(".meeting button", "Write yours over theirs")
        self.gone(".editor")
        self.see(".document pre.json", "the console")
        self.assertEqual(self.box1.get("/meet/d")["by"], "the console")

        self.click(".document button", "Edit")
        self.see(".editor textarea")
        self.box1.ask("PUT", "/meet/d", {"by": "another again"})
        self.write(".editor textarea", '{"by": "nobody"}')
        self.click(".editor button", "Save")
        self.click(".meeting button", "Take theirs")
        self.see(".document pre.json", "another again")
        self.gone(".editor")

    def test_a_refused_write_says_why_and_what_was_typed_stays(self):
        self.box1.ask("PUT", "/refused/d", {"n": 1})
        self.open("bucket", "refused", "documents", "d")
        self.click(".document button", "Edit")
        self.expected = [400]
        self.write(".editor textarea", '{"_mine": 1}')
        self.click(".editor button", "Save")
        self.see(".editor .fault", "reserved")
        self.assertIn("_mine", self.see(".editor textarea").get_attribute("value"))
        # Leaving asks first.
        self.click("#side a", "Overview")
        self.see("dialog", "Leave without saving?")
        self.click("dialog button", "Cancel")
        self.see(".editor textarea")
        self.click("#side a", "Overview")
        self.click("dialog button", "Leave")
        self.see("table.buckets")

    def test_a_conflict_of_two_nodes_is_shown_beside_and_resolved_on_both(self):
        self.box1.ask("PUT", "/shared/sam", {"name": "Sam", "city": "Oslo", "age": 31})
        self.box1.federate(self.box2)
        until(lambda: self.box2.get("/shared")["digest"] == self.box1.get("/shared")["digest"], "the same bucket")
        self.box1.part(self.box2)
        self.box1.ask("PUT", "/shared/sam", {"name": "Sam", "city": "Bergen", "age": 31})
        self.box2.ask("PUT", "/shared/sam", {"name": "Sam", "city": "Tromsø", "age": 32})
        self.box1.federate(self.box2)
        until(lambda: len(self.box1.get("/shared/sam?conflicts=true")["_conflicts"]) == 1, "a conflict")
        loser = self.box1.get("/shared/sam?conflicts=true")["_conflicts"][0]
        loser = self.box1.get(f"/shared/sam?rev={loser}")

        self.open("bucket", "shared", "conflicts")
        self.see(".tabs a.warn", "Conflicts")
        self.click(".rows a", "sam")
        self.see(".version.winner")
        self.see(".version", "Bergen")
        self.see(".version", "Tromsø")
        self.see(".version .line.changed", "city")
        self.assertIsNone(self.find(".version .line.changed", '"name"'))
        self.see(".revisions .leaf.lost")
        self.picture("conflict")
        self.click(".version:not(.winner) button", "Keep this one")
        self.click("dialog button", "Keep it")
        self.see(".list", "No document has a conflict")
        for node in (self.box1, self.box2):
            kept = until(lambda: (lambda d: d if not d["_conflicts"] and d["city"] == loser["city"] else None)(
                node.get("/shared/sam?conflicts=true")), f"{node.name} to have resolved it")
            self.assertEqual(kept["age"], loser["age"])
        self.box1.part(self.box2)

    def test_a_map_shows_its_rows_while_it_is_typed_and_is_saved_and_asked(self):
        self.box1.ask("POST", "/maps/_bulk", {"docs": [{"id": f"d{i}", "city": "Oslo" if i % 3 else "Bergen", "n": i} for i in range(60)]})
        self.open("bucket", "maps", "queries")
        self.see("#query-map")
        self.see(".answers", "60 rows")  # of the function to begin with
        self.expected = [400]
        self.write("#query-map", "doc => emit(doc.city")
        self.see(".definitions .fault", "SyntaxError")
        self.press(", doc.n)")
        self.gone(".definitions .fault")
        self.see(".answer tbody td", "59")
        self.see(".answers", "first 60 documents")
        self.write("#query-map", "doc => { if (doc.n === 7) throw new Error('seven'); return doc.city }")
        self.see(".problems", "seven")
        self.write("#query-map", "doc => emit(doc.city, doc.n)")
        self.see(".answers", "60 rows")
        self.choose("#query-reduce", "_count")
        self.see(".problems .reduced", "60")
        self.picture("trial")
        self.write("#query-name", "by_city")
        self.click(".definitions button", "Save the query")
        self.see(".queries a[aria-current]", "by_city")
        self.see(".answers h2", "Answer")
        self.choose(".asking select", "true")
        self.click(".asking button", "Ask")
        self.see(".answer tbody", "40")
        until(lambda: len(self.browser.find_elements(By.CSS_SELECTOR, ".answer tbody tr")) == 2, "a row a city")
        self.assertEqual(self.box1.get("/maps/_query/by_city")["rows"][0]["value"], 60)
        self.write(".asking input[name=term]", "Bergen")
        self.choose(".asking select", "rows")
        self.click(".asking button", "Ask")
        until(lambda: len(self.browser.find_elements(By.CSS_SELECTOR, ".answer tbody tr")) == 20, "the rows of a city")
        self.picture("query")
        self.click(".definitions button", "Drop")
        self.click("dialog button", "Drop")
        self.gone(".queries a", "by_city")
        self.assertEqual(self.box1.get("/maps/_query")["count"], 0)

    def test_the_activity_arrives_as_it_happens(self):
        self.box1.ask("PUT", "/live/old", {"n": 1})
        self.open("bucket", "live", "activity")
        self.see(".state.live", "live")
        self.see(".activity tbody tr", "old")
        self.box1.ask("PUT", "/live/new", {"n": 1})
        self.see(".activity tbody tr.created", "new")
        self.box1.ask("DELETE", "/live/new")
        self.see(".activity tbody tr.deleted", "new")
        self.see(".tools", "2 changes since")
        self.picture("activity")
        self.click(".tools button", "Pause")
        self.box1.ask("PUT", "/live/while_paused", {"n": 1})
        self.see(".tools", "3 changes since")
        self.assertIsNone(self.find(".activity tbody tr", "while_paused"))
        self.click(".tools button", "Go on")
        self.see(".activity tbody tr", "while_paused")
        # A thousand at once do not overwhelm the page.
        self.box1.ask("POST", "/live/_bulk", {"docs": [{"id": f"many{i}"} for i in range(1000)]})
        self.see(".tools", "1,003 changes since")
        self.assertLessEqual(len(self.browser.find_elements(By.CSS_SELECTOR, ".activity tbody tr")), 300)

    def test_the_federation_is_a_picture_and_peers_are_added_and_removed(self):
        self.open("federation")
        self.see(".empty", "This node is alone")
        self.click("button", "Add a peer")
        self.expected = [400]
        self.write("dialog input", "box2")
        self.press(Keys.ENTER)
        self.see("dialog .fault", "tcp://")
        self.write("dialog input", self.box2.zmq)
        self.press(Keys.ENTER)
        self.see("svg.federation .node.live", "box2")
        self.see("svg.federation .node.self", "box1")
        self.see("svg.federation .lag", "no lag")
        self.assertIn("box2 (live", self.see("svg.federation").get_attribute("aria-label"))
        self.picture("federation")
        self.click(".peer button", "Remove")
        self.click("dialog button", "End it")
        self.see(".empty", "This node is alone")
        self.assertEqual(self.box1.get("/_system/peers")["count"], 0)

    def test_the_overview_shows_sizes_and_rates(self):
        self.box1.ask("PUT", "/rates/d", {"n": 1})
        self.open()
        self.see("table.buckets tbody tr", "rates")

        def busy():
            for i in range(20):
                self.box1.ask("PUT", f"/rates/d{i}", {"n": i})
            figures = [one.text for one in self.browser.find_elements(By.CSS_SELECTOR, ".figure")]
            return len(figures) == 4 and all(one not in ("–", "0.0 /s") for one in figures)
        until(busy, "rates of requests, changes, commits and fsyncs")
        until(lambda: "L" in self.see(".chart .course").get_attribute("d"), "a course")
        self.picture("overview")

    def test_a_node_that_is_gone_is_told_and_found_again(self):
        lone = self.stage.node("lone")
        lone.ask("PUT", "/b/d", {"n": 1})
        self.open("bucket", "b", "documents", "d", node=lone)
        self.see(".document pre.json")
        lone.kill()
        self.see("#trouble", "does not answer")
        self.click(".document button", "Delete")
        self.click("dialog button", "Delete")
        self.see(".notice.bad", "does not answer")
        self.picture("unreachable")
        lone.start()
        self.gone("#trouble")
        self.assertEqual(lone.get("/b/d")["n"], 1)
        self.browser.get_log("browser")  # refused connections
        lone.kill()

    # What must not happen
    # ------------------------------------------------------------------------------------------------------------------

    def test_hostile_names_and_bodies_are_text(self):
        ids = [HOSTILE, "a/b?c=d#e%2F&f", "\u202egnp.exe", '"]};alert(1)//', "javascript:window.pwned=1", " ", "x" * 500]
        for one in ids:
            self.box1.ask("PUT", "/hostile/" + urllib.parse.quote(one, safe=""), {HOSTILE: HOSTILE, "deep": {"__proto__": {"x": 1}}, "rows": [HOSTILE]})
        self.box1.ask("POST", "/hostile/_query/q", {"map": f"doc => emit([doc.id, {json.dumps(HOSTILE)}], doc.rows)"})
        self.open("bucket", "hostile", "documents")
        for one in ids:
            self.browser.execute_script("location.hash = arguments[0]", fragment("bucket", "hostile", "documents", one))
            until(lambda: self.browser.execute_script("return document.querySelector('.document')?.ariaLabel") == "Document " + one, one)
            self.see(".document pre.json", "onerror")
            shown = self.browser.execute_script("return document.querySelector('.document h2').textContent")
            self.assertEqual(shown, {" ": "␣"}.get(one, one.replace("\u202e", "⟨U+202E⟩")))
        self.picture("hostile")
        for tab in ("documents", "queries", "activity"):
            self.open("bucket", "hostile", tab)
            self.see("bdi.name", "onerror")
        self.open("bucket", "hostile", "queries", "q")
        self.see(".answer tbody", "onerror")
        self.expected = [404, 400]
        self.open("bucket", HOSTILE, "queries", HOSTILE)
        self.see("h1", "onerror")
        self.open("bucket", "hostile", "documents", "not there " + HOSTILE)
        self.see(".document .fault", "no such document")
        injected = self.browser.execute_script("return document.querySelectorAll('img, main script, iframe').length")
        self.assertEqual(injected, 0)

    def test_documents_named_like_steps_of_a_path_are_never_taken_for_their_bucket(self):
        self.box1.ask("POST", "/steps", {"id": ".", "n": 1})
        self.box1.ask("POST", "/steps", {"id": "..", "n": 1})
        self.open("bucket", "steps", "documents")
        for one in (".", ".."):
            self.open("bucket", "steps", "documents", one)
            self.see(".document .fault", "A browser cannot name")
            self.assertIsNone(self.find(".document button", "Delete"))
        self.assertEqual(self.box1.get("/steps")["documents"], 2)

    def test_the_policy_is_in_force(self):
        self.open()
        refused = self.browser.execute_script("""
          try { document.body.innerHTML = '<p>x'; return 'markup was written' } catch (fault) { return fault.name }""")
        self.assertEqual(refused, "TypeError")
        self.browser.execute_script("window.violations = []")
        self.browser.get_log("browser")

    # For everybody
    # ------------------------------------------------------------------------------------------------------------------

    def test_all_can_be_done_by_keyboard(self):
        self.box1.ask("PUT", "/keys/a", {"n": 1})
        self.box1.ask("PUT", "/keys/b", {"n": 2})
        self.open()
        self.see("table.buckets tbody tr", "keys")
        self.browser.execute_script("document.activeElement.blur()")

        def tab_to(css, text=""):
            for _ in range(60):
                self.press(Keys.TAB)
                at = self.browser.switch_to.active_element
                if at.tag_name == "body":
                    continue
                style = self.browser.execute_script(
                    "const s = getComputedStyle(arguments[0]); return [s.outlineStyle, s.outlineWidth]", at)
                self.assertNotEqual(style[0], "none", f"no focus is seen on {at.get_attribute('outerHTML')[:80]}")
                if text in at.text and self.browser.execute_script("return arguments[0].matches(arguments[1])", at, css):
                    return
            self.fail(f"Tab does not come to {css} {text}")

        tab_to("#side a", "keys")
        self.press(Keys.ENTER)
        self.see("h1", "keys")
        self.see(".rows a", "b")
        self.press("/")
        self.assertEqual(self.browser.switch_to.active_element.get_attribute("type"), "search")
        self.press(Keys.ARROW_DOWN)
        self.press(Keys.ARROW_DOWN)
        self.press(Keys.ENTER)
        self.see(".document h2", "b")
        tab_to(".document button", "Edit")
        self.press(Keys.ENTER)
        self.see(".editor textarea")
        self.press(Keys.CONTROL, "a")
        self.press('{"n": 3}')
        self.press(Keys.CONTROL, Keys.ENTER)
        self.see(".document pre.json", "3")
        tab_to(".document button", "Edit")
        self.press(Keys.ENTER)
        self.press("x")
        self.press(Keys.ESCAPE)
        self.see("dialog", "Leave without saving?")
        self.press(Keys.ESCAPE)
        self.see(".editor textarea").send_keys(Keys.ESCAPE)
        self.see("dialog")
        self.press(Keys.ENTER)
        self.gone(".editor")
        self.assertEqual(self.box1.get("/keys/b")["n"], 3)
        tab_to(".document button", "Delete")
        self.press(Keys.ENTER)
        self.see("dialog", "Delete b?")
        self.press(Keys.ESCAPE)
        self.gone("dialog")
        self.press(Keys.ESCAPE)
        self.gone(".document")
        self.stage.size(360, 780)
        self.browser.find_element(By.CSS_SELECTOR, "#menu").send_keys(Keys.ENTER)
        self.see("#side a", "Federation")
        self.press(Keys.ESCAPE)
        self.gone("#side")

    def test_every_view_fits_360_and_2000_pixels_is_legible_in_light_and_dark_and_has_names(self):
        self.box1.ask("POST", "/fits/_bulk", {"docs": [
            {"id": "d", "text": "x" * 400, "list": list(range(50)), "deep": {"a": {"b": {"c": None, "d": True}}}},
            {"id": "long-" + "y" * 400}]})
        for n in range(3):
            self.box1.ask("PUT", "/fits/d", {"n": n, "text": "x" * 400})
        self.box1.ask("POST", "/fits/_query/q", {"map": "doc => emit(doc.id, doc)"})
        self.box1.federate(self.box2)
        views = {"overview": ([], "table.buckets tbody tr"),
                 "federation": (["federation"], "svg.federation .node.live"),
                 "documents": (["bucket", "fits", "documents"], ".rows li"),
                 "document": (["bucket", "fits", "documents", "d"], ".document pre.json"),
                 "long": (["bucket", "fits", "documents", "long-" + "y" * 400], ".document pre.json"),
                 "new": (["bucket", "fits", "new"], ".editor textarea"),
                 "conflicts": (["bucket", "fits", "conflicts"], ".list .hint"),
                 "queries": (["bucket", "fits", "queries", "q"], ".answer tbody tr"),
                 "activity": (["bucket", "fits", "activity"], ".activity tbody tr")}
        for name, (pieces, css) in views.items():
            self.open(*pieces)
            self.see(css)
            for width, height in ((360, 780), (2000, 1100)):
                self.stage.size(width, height)
                self.see(css)
                wide = until(lambda: self.browser.execute_script("return innerWidth") == width and
                             [self.browser.execute_script("return document.documentElement.scrollWidth")], "the size")
                self.assertLessEqual(wide[0], width, f"{name} at {width}")
                for scheme in ("dark", "light") if width == 360 else ("light", "dark"):
                    self.stage.scheme(scheme)
                    self.assertEqual(self.browser.execute_script(CONTRAST), [], f"{name} at {width}, {scheme}")
                self.picture(f"{name}-{width}")
            self.assertEqual(self.browser.execute_script(NAMELESS), [], name)
        self.box1.part(self.box2)


if __name__ == "__main__":
    with Stage(BINARY) as Console.stage:
        ran = unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2, exit=False)
    sys.exit(0 if ran.result.wasSuccessful() and ran.result.testsRun > 0 else 1)
