#!/usr/bin/env python3
"""pad.py [--pictures FOLDER]: uses the page in `dist` as people do, in headless Chromium, and fails where it disappoints."""
import argparse
import math
import re
import sys
import time
from pathlib import Path

from browser import Browser, Failed, Server, programs, wait_for

HERE = Path(__file__).resolve().parent
# Whatever asks for another host fails, and says so in the console.
ALONE = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
SIZES = {"desktop": (1280, 800, 1, False), "portrait": (390, 844, 3, True), "landscape": (844, 390, 3, True)}
# The strokes of 3 + 4 =, within a square from -1 to 1.
SUM = [
    [(-0.86, -0.24), (-0.77, -0.29), (-0.66, -0.23), (-0.71, -0.11), (-0.78, -0.07), (-0.67, -0.03), (-0.63, 0.09), (-0.75, 0.18), (-0.88, 0.11)],
    [(-0.44, -0.15), (-0.44, 0.05)],
    [(-0.54, -0.05), (-0.34, -0.05)],
    [(-0.08, -0.29), (-0.24, 0.01), (0.04, 0.0)],
    [(-0.04, -0.13), (-0.06, 0.18)],
    [(0.13, -0.1), (0.31, -0.11)],
    [(0.13, 0.01), (0.31, 0.0)],
]
TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"


def expect(truth, what):
    if not truth:
        raise Failed(what)


class Pad:
    """The page in a browser."""

    def __init__(self, browser, address):
        self.browser, self.address = browser, address

    def open(self):
        self.browser.open(self.address)
        self.wait_until_ready()

    def wait_until_ready(self):
        wait_for("the pad to start", lambda: self.browser.run("return document.querySelector('main').ariaBusy === 'false'"), 60)
        notice = self.browser.run("return document.getElementById('notice').textContent")
        expect(notice == "", f"the page says: {notice}")

    def text(self, region):
        return self.browser.run("return document.getElementById(arguments[0]).textContent", region)

    def controls(self):
        script = """return Object.fromEntries([...document.querySelectorAll('#controls button')].map((button) => {
          const { x, y, width, height } = button.getBoundingClientRect();
          return [button.dataset.id, { x, y, width, height, enabled: !button.disabled, label: button.textContent }];
        }))"""
        return self.browser.run(script)

    def click(self, name, kind="mouse"):
        """Presses what is drawn where the button is: by a pointer, so that it goes to the canvas."""
        control = wait_for(f"the control {name}", lambda: self.controls().get(name))
        expect(control["enabled"], f"the control {name} is disabled")
        middle = (control["x"] + control["width"] / 2, control["y"] + control["height"] / 2)
        self.browser.pointer([middle], kind)

    def canvas(self):
        """The middle and half the side of the canvas, from the controls around it."""
        controls = self.controls()
        left, right = controls["Undo"], controls["Clear"]
        x = (left["x"] + right["x"] + right["width"]) / 2
        half = (right["x"] + right["width"] - left["x"]) / 2
        above = [c["y"] + c["height"] for c in controls.values() if c["y"] + c["height"] <= left["y"] - 60]
        top, bottom = min(above, default=0), left["y"]
        half = min(half, (bottom - top) / 2)
        return x, bottom - half, half

    def draw(self, digit, kind="mouse"):
        x, y, half = self.canvas()
        half *= 0.6
        if digit == 1:
            points = [(x, y - half + 2 * half * at / 20) for at in range(21)]
        else:
            turns = [2 * math.pi * at / 32 for at in range(33)]
            points = [(x - 0.6 * half * math.sin(turn), y - half * math.cos(turn)) for turn in turns]
        self.browser.pointer(points, kind)

    def draw_sum(self, kind="mouse"):
        x, y, half = self.canvas()
        for stroke in SUM:
            self.browser.pointer([(x + half * right, y + half * down) for right, down in stroke], kind)

    def expect_answer(self, start, seconds=10):
        reads = lambda: self.text("answer").startswith(start)
        try:
            wait_for(f"a reading of {start}", reads, seconds)
        except Failed as failed:
            raise Failed(f"{failed}; the page reads {self.text('answer')!r}") from None
        print(f"  reads: {self.text('answer')}", flush=True)

    def expect_status(self, pattern, seconds):
        found = wait_for(f"the message {pattern!r}", lambda: re.search(pattern, self.text("status")), seconds)
        print(f"  says: {self.text('status')}", flush=True)
        return found


def draws_and_reads(pad):
    pad.draw(1)
    pad.expect_answer("1")
    pad.click("Clear")
    wait_for("the canvas to be cleared", lambda: pad.text("answer") == "")
    pad.draw(0)
    pad.expect_answer("0")


def answers_a_sum(pad):
    pad.click("Clear")
    pad.browser.keys(*"--------")
    pad.draw_sum()
    pad.expect_answer("3 + 4 = 7")
    pad.click("Clear")
    pad.draw(0)
    pad.expect_answer("0")


def teaches_and_remembers(pad):
    # The zero is called an 8: it is then read as one, also after a reload.
    pad.browser.keys("8")
    pad.expect_status("Fine-tuned on 1 example", 300)
    pad.expect_answer("8")
    pad.open()
    pad.expect_answer("8", 300)
    pad.browser.keys("u")
    pad.expect_answer("0", 300)


def trains_from_scratch(pad):
    begin = time.monotonic()
    pad.click("Train")
    found = pad.expect_status(r"Test accuracy: ([\d.]+)%", 600)
    expect(float(found[1]) >= 98, f"{found[1]} % on the test set, and 98 was expected")
    print(f"  {time.monotonic() - begin:.1f} s with the images' way to the page", flush=True)
    pad.click("RestoreBuiltIn")


def is_used_by_keyboard_alone(pad):
    pad.browser.run("document.activeElement.blur()")
    reached = set()
    for _ in range(80):
        pad.browser.keys(TAB)
        reached.add(pad.browser.run("return document.activeElement.dataset.id ?? document.activeElement.id"))
    enabled = {name for name, control in pad.controls().items() if control["enabled"]}
    expect(enabled <= reached, f"Tab does not reach {sorted(enabled - reached)}")
    expect(all(control["label"] for control in pad.controls().values()), "a control has no label")
    pad.browser.run("document.querySelector('[data-id=Clear]').focus()")
    pad.browser.keys(ENTER)
    wait_for("Enter on Clear to clear the canvas", lambda: pad.text("answer") == "")


def keeps_to_itself(pad):
    policy = pad.browser.run("return document.querySelector('meta[http-equiv=Content-Security-Policy]').content")
    for part in ("default-src 'self'", "script-src 'self' 'wasm-unsafe-eval'"):
        expect(part in policy, f"the policy lacks {part}: {policy}")
    # A driver's script may evaluate text; what the page calls later may not.
    evaluate = "try { resolve(Function('return 1')()) } catch (error) { resolve(error.name) }"
    refused = pad.browser.run(f"return new Promise((resolve) => setTimeout(() => {{ {evaluate} }}))")
    expect(refused == "EvalError", "the page evaluates text as a program")


def is_quiet(pad):
    lines = [line["message"] for line in pad.browser.log("browser") if line["level"] in ("SEVERE", "WARNING")]
    # What `keeps_to_itself` tried.
    lines = [line for line in lines if "Evaluating a string as JavaScript violates" not in line]
    expect(not lines, "the console has:\n" + "\n".join(lines))


def works_offline(pad, server):
    active = "return navigator.serviceWorker.ready.then((registration) => registration.active.state)"
    wait_for("the service worker", lambda: pad.browser.run(active) == "activated", 60)
    server.stop()
    pad.open()
    pad.draw(1)
    pad.expect_answer("1")
    server.start()


def photographs(pad, folder):
    for scheme in ("dark", "light"):
        for name, (width, height, ratio, is_mobile) in SIZES.items():
            with Browser(options=ALONE) as browser:
                browser.size(width, height, ratio, is_mobile)
                browser.media(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
                page = Pad(browser, pad.address)
                page.open()
                browser.screenshot(folder / f"{name}-{scheme}-blank.png")
                kind = "touch" if is_mobile else "mouse"
                page.draw(0, kind)
                page.expect_answer("0")
                browser.screenshot(folder / f"{name}-{scheme}.png")
                page.click("Clear", kind)
                page.browser.keys(*"--------")
                page.draw_sum(kind)
                page.expect_answer("3 + 4 = 7")
                browser.screenshot(folder / f"{name}-{scheme}-sum.png")
                is_quiet(page)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="folder for screenshots at three sizes in both themes")
    pictures = parser.parse_args().pictures
    if not programs():
        sys.exit("pad.py: needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)")
    server = Server([HERE.parent / "serve"])
    try:
        with Browser(options=ALONE) as browser:
            pad = Pad(browser, server.address)
            begin = time.monotonic()
            pad.open()
            print(f"Chromium {browser.version}; usable after {time.monotonic() - begin:.2f} s", flush=True)
            for use in (draws_and_reads, answers_a_sum, teaches_and_remembers, trains_from_scratch, is_used_by_keyboard_alone, keeps_to_itself, is_quiet):
                print(f"-- {use.__name__.replace('_', ' ')}", flush=True)
                use(pad)
            print("-- works offline", flush=True)
            works_offline(pad, server)
        if pictures:
            pictures.mkdir(parents=True, exist_ok=True)
            photographs(pad, pictures)
    except Failed as failed:
        sys.exit(f"pad.py: {failed}")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
