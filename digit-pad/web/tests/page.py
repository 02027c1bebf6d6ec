"""The page as people see it: what is drawn, pressed and read, with each action counted."""
import math
import re

from browser import Failed, wait_for

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
# The strokes of a 7, as above.
SEVEN = [(-0.35, -0.5), (-0.1, -0.5), (0.15, -0.5), (0.35, -0.5), (0.2, -0.2), (0.05, 0.1), (-0.1, 0.5)]


def expect(truth, what):
    if not truth:
        raise Failed(what)


class Pad:
    """The page in a browser, used by a mouse or by touch."""

    def __init__(self, browser, address, kind="mouse"):
        self.browser, self.address, self.kind, self.actions = browser, address, kind, 0

    def act(self, points):
        """An action of the pointer: a press, or a stroke."""
        self.actions += 1
        self.browser.pointer(points, self.kind)

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

    def click(self, name):
        """Presses what is drawn where the button is: by a pointer, so that it goes to the canvas."""
        usable = lambda: (self.controls().get(name) or {}).get("enabled")
        wait_for(f"the control {name} to be usable", usable)
        control = self.controls()[name]
        self.act([(control["x"] + control["width"] / 2, control["y"] + control["height"] / 2)])

    def canvas(self):
        """The middle and half the side of the canvas, from the controls around it."""
        controls = self.controls()
        left, right = controls["undo"], controls["clear"]
        x = (left["x"] + right["x"] + right["width"]) / 2
        half = (right["x"] + right["width"] - left["x"]) / 2
        above = [c["y"] + c["height"] for c in controls.values() if c["y"] + c["height"] <= left["y"] - 60]
        top, bottom = min(above, default=0), left["y"]
        half = min(half, (bottom - top) / 2)
        return x, bottom - half, half

    def draw(self, digit):
        x, y, half = self.canvas()
        half *= 0.6
        if digit == 1:
            points = [(x, y - half + 2 * half * at / 20) for at in range(21)]
        elif digit == 7:
            points = [(x + 2 * half * right, y + 2 * half * down) for right, down in SEVEN]
        else:
            turns = [2 * math.pi * at / 32 for at in range(33)]
            points = [(x - 0.6 * half * math.sin(turn), y - half * math.cos(turn)) for turn in turns]
        self.act(points)

    def draw_sum(self):
        x, y, half = self.canvas()
        for stroke in SUM:
            self.act([(x + half * right, y + half * down) for right, down in stroke])

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
