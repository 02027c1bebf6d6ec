"""What people come for, each in at most three actions; touch; and a browser without SIMD."""
import shutil
import tempfile
from pathlib import Path

from browser import Browser, Failed, Server, wait_for
from files import PHOTO, choose
from page import Pad, expect

MOST_ACTIONS = 3
# What is pressed often is as large as a finger, and the rest can still be told apart (WCAG 2.5.8).
OFTEN = {"undo", "redo", "eraser", "clear"}
FINGER, LEAST = 43.5, 23.5


def reads_a_drawing(pad):
    pad.draw(7)
    pad.expect_answer("7")


def teaches_an_8(pad, *controls):
    """Draws a 0, calls it an 8 by clicks on these controls, and takes that back."""
    pad.draw(0)
    pad.expect_answer("0")
    for control in controls:
        pad.click(control)
    pad.expect_status("Fine-tuned on 1 example", 300)
    pad.expect_answer("8")
    pad.browser.keys("u")
    pad.expect_answer("0", 300)


def corrects_a_reading(pad):
    teaches_an_8(pad, "bar-8")


def calls_a_reading_wrong(pad):
    teaches_an_8(pad, "wrong", "answer-8")


def reads_a_photo(pad):
    choose(pad, PHOTO)
    pad.expect_answer("7", 60)


def says_why_it_reads_a_7(pad):
    pad.draw(7)
    pad.expect_answer("7")
    pad.click("why")
    pad.expect_status("Blue ink speaks for 7, amber ink against it. With the amber line, it would read as [0-9]", 60)


def trains_and_goes_back(pad):
    pad.click("train")
    pad.expect_status("Test accuracy: 9[89]", 600)
    pad.click("restore-built-in")
    wait_for("the panel of predictions", lambda: not pad.controls().get("restore-built-in"))
    expect(pad.browser.run("return JSON.stringify([...document.querySelectorAll('#controls button')].map((b) => b.dataset.id))"), "no control")


TASKS = (
    reads_a_drawing,
    corrects_a_reading,
    calls_a_reading_wrong,
    reads_a_photo,
    says_why_it_reads_a_7,
    trains_and_goes_back,
)


def tasks_take_few_actions(browser, address, size):
    *screen, has_touch = size
    browser.size(*screen, has_touch)
    pad = Pad(browser, address, "touch" if has_touch else "mouse")
    pad.open()
    for task in TASKS:
        pad.actions = 0
        task(pad)
        print(f"  {task.__name__.replace('_', ' ')}, {screen[0]}×{screen[1]}: {pad.actions} actions", flush=True)
        expect(pad.actions <= MOST_ACTIONS, f"{task.__name__} took {pad.actions} actions")
        if has_touch:
            expect_large_targets(pad)
        if pad.text("answer"):
            pad.click("clear")
            wait_for("the canvas to be cleared", lambda: pad.text("answer") == "")


def expect_large_targets(pad):
    for name, control in pad.controls().items():
        least = FINGER if name in OFTEN else LEAST
        expect(min(control["width"], control["height"]) >= least, f"{name} is too small for a finger: {control}")


def touch(browser, kind, *points):
    browser.devtools("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)])


def touches_draw_and_nothing_else(browser, address, size):
    browser.size(*size)
    pad = Pad(browser, address, "touch")
    pad.open()
    x, y, half = pad.canvas()
    # A long press opens no menu of the browser, and two fingers neither scroll nor zoom the page.
    browser.run("globalThis.menus = 0; addEventListener('contextmenu', (event) => (menus += !event.defaultPrevented))")
    touch(browser, "touchStart", (x, y - half / 2))
    browser.run("return new Promise((resolve) => setTimeout(resolve, 900))")
    for at in range(11):
        touch(browser, "touchMove", (x, y - half / 2 + half * at / 10))
    touch(browser, "touchStart", (x, y + half / 2), (x + 40, y))
    for at in range(8):
        touch(browser, "touchMove", (x, y + half / 2), (x + 40 + 12 * at, y - 12 * at))
    touch(browser, "touchEnd")
    pad.expect_answer("1")
    menus, scale, scrolled = browser.run("return [menus, visualViewport.scale, scrollY]")
    expect((menus, scale, scrolled) == (0, 1, 0), f"{menus} menus, the page at scale {scale}, scrolled by {scrolled}")
    expect(browser.run("return getSelection().toString()") == "", "a touch has selected text")


def works_without_simd(options, dist):
    """The build without SIMD, alone on its server, in a browser that refuses SIMD."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        shutil.copytree(dist, site, ignore=lambda folder, names: {"simd", "mnist"} & set(names))
        server = Server(["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", site])
        try:
            with Browser(options=[*options, "--js-flags=--no-enable-sse4-1 --no-enable-avx"]) as browser:
                pad = Pad(browser, server.address)
                pad.open()
                name = browser.run("return import('./build.js').then(({ build }) => build())")
                if name != "plain":
                    raise Failed(f"the browser was to refuse SIMD, and the page chose the build {name}")
                reads_a_drawing(pad)
        finally:
            server.stop()
