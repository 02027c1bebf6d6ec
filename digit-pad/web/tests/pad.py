#!/usr/bin/env python3
"""pad.py [--pictures FOLDER]: uses the page in `dist` as people do, in headless Chromium, and fails where it disappoints."""
import argparse
import sys
import time
from pathlib import Path

from browser import Browser, Failed, Server, programs, wait_for
from files import files_come_and_go
from page import Pad, expect
from tasks import tasks_take_few_actions, touches_draw_and_nothing_else, works_without_simd

HERE = Path(__file__).resolve().parent
# Whatever asks for another host fails, and says so in the console.
ALONE = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
SIZES = {"desktop": (1280, 800, 1, False), "portrait": (390, 844, 3, True), "landscape": (844, 390, 3, True)}
TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"


def tell(use):
    print(f"-- {use.__name__.replace('_', ' ')}", flush=True)


def draws_and_reads(pad):
    pad.draw(1)
    pad.expect_answer("1")
    pad.click("clear")
    wait_for("the canvas to be cleared", lambda: pad.text("answer") == "")
    pad.draw(0)
    pad.expect_answer("0")


def answers_a_sum(pad):
    pad.click("clear")
    pad.browser.keys(*"--------")
    pad.draw_sum()
    pad.expect_answer("3 + 4 = 7")
    pad.click("clear")
    pad.draw(0)
    pad.expect_answer("0")


def names_a_sign(pad):
    pad.click("wrong")
    pad.click("name-sign")
    wait_for("the field for a name", lambda: not pad.browser.run("return document.getElementById('field').hidden"))
    pad.browser.keys(*"star", ENTER)
    pad.expect_status("Fine-tuned on 1 example", 300)
    pad.expect_answer("star")
    pad.browser.keys("u")
    pad.expect_answer("0", 300)


def finds_a_misread_digit(pad):
    pad.click("next-misclassified")
    label = pad.expect_status(r"Test digit \d+: label (\d)", 120)[1]
    wait_for("a reading other than the label", lambda: pad.text("answer") and label not in pad.text("answer").split(",")[0])
    pad.click("clear")
    pad.draw(0)
    pad.expect_answer("0")


def teaches_and_remembers(pad):
    # The zero is called an 8: it is then read as one, also after a reload.
    pad.browser.keys("8")
    pad.expect_status("Fine-tuned on 1 example", 300)
    pad.expect_answer("8")
    pad.open()
    pad.expect_answer("8", 300)
    # Its removal is undone and done again.
    pad.browser.keys("n")
    pad.click("example-0")
    pad.expect_status("none left", 10)
    pad.browser.keys(ESCAPE)
    pad.expect_answer("0", 300)
    pad.click("restore-examples")
    pad.expect_answer("8", 300)
    pad.browser.keys("u")
    pad.expect_answer("0", 300)


def trains_from_scratch(pad):
    begin = time.monotonic()
    pad.click("train")
    found = pad.expect_status(r"Test accuracy: ([\d.]+)%", 600)
    expect(float(found[1]) >= 98, f"{found[1]} % on the test set, and 98 was expected")
    print(f"  {time.monotonic() - begin:.1f} s with the images' way to the page", flush=True)
    pad.click("restore-built-in")


def is_used_by_keyboard_alone(pad):
    pad.browser.run("document.activeElement.blur()")
    reached = set()
    for _ in range(80):
        pad.browser.keys(TAB)
        reached.add(pad.browser.run("return document.activeElement.dataset.id ?? document.activeElement.id"))
    enabled = {name for name, control in pad.controls().items() if control["enabled"]}
    expect(enabled <= reached, f"Tab does not reach {sorted(enabled - reached)}")
    expect(all(control["label"] for control in pad.controls().values()), "a control has no label")
    pad.browser.run("document.querySelector('[data-id=clear]').focus()")
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
                page = Pad(browser, pad.address, "touch" if is_mobile else "mouse")
                page.open()
                browser.screenshot(folder / f"{name}-{scheme}-blank.png")
                page.draw(0)
                page.expect_answer("0")
                browser.screenshot(folder / f"{name}-{scheme}.png")
                for name_of_view in ("why", "layers", "help"):
                    page.click(name_of_view)
                    time.sleep(0.5)
                    browser.screenshot(folder / f"{name}-{scheme}-{name_of_view}.png")
                page.browser.keys(ESCAPE, ESCAPE, "k")
                page.click("clear")
                page.browser.keys(*"--------")
                page.draw_sum()
                page.expect_answer("3 + 4 = 7")
                browser.screenshot(folder / f"{name}-{scheme}-sum.png")
                page.click("train")
                page.expect_status("Test accuracy", 600)
                browser.screenshot(folder / f"{name}-{scheme}-train.png")
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
            uses = (draws_and_reads, answers_a_sum, names_a_sign, teaches_and_remembers, files_come_and_go, finds_a_misread_digit)
            for use in (*uses, trains_from_scratch, is_used_by_keyboard_alone, keeps_to_itself, is_quiet):
                tell(use)
                use(pad)
            tell(works_offline)
            works_offline(pad, server)
        for size in SIZES.values():
            tell(tasks_take_few_actions)
            with Browser(options=ALONE) as browser:
                tasks_take_few_actions(browser, server.address, size)
        tell(touches_draw_and_nothing_else)
        with Browser(options=ALONE) as browser:
            touches_draw_and_nothing_else(browser, server.address, SIZES["portrait"])
        tell(works_without_simd)
        works_without_simd(ALONE, HERE.parent / "dist")
        if pictures:
            pictures.mkdir(parents=True, exist_ok=True)
            photographs(pad, pictures)
    except Failed as failed:
        sys.exit(f"pad.py: {failed}")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
