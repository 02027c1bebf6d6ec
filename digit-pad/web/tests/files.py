"""Images that come into the page by a chooser, a drop and the clipboard, and files that leave it."""
import base64
import json
import os
from pathlib import Path

from browser import wait_for
from page import expect

# A 7, as a picture.
PHOTO = Path(__file__).resolve().parents[3] / "docs/digit.png"
CONTROL, V = 2, {"key": "v", "code": "KeyV", "windowsVirtualKeyCode": 86}


def choose(pad, file):
    """Presses the button, and gives its file chooser a file, which is one action more."""
    pad.browser.devtools("Page.setInterceptFileChooserDialog", enabled=True)
    pad.browser.log("performance")
    pad.click("open")
    found = []

    def opened():
        messages = [json.loads(line["message"])["message"] for line in pad.browser.log("performance")]
        found.extend(message["params"] for message in messages if message["method"] == "Page.fileChooserOpened")
        return found

    wait_for("a file chooser", opened)
    pad.actions += 1
    pad.browser.devtools("DOM.setFileInputFiles", files=[str(file)], backendNodeId=found[0]["backendNodeId"])


def drop(pad, file):
    x, y, _ = pad.canvas()
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    pad.actions += 1
    for kind in ("dragEnter", "dragOver", "drop"):
        pad.browser.devtools("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)


def paste(pad, file):
    """Copies the picture as another program would, and presses the keys that paste."""
    pad.browser.devtools("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    copy = """const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
      return navigator.clipboard.write([new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) })])"""
    pad.browser.run(copy, base64.b64encode(file.read_bytes()).decode())
    pad.actions += 1
    pad.browser.devtools("Input.dispatchKeyEvent", type="keyDown", modifiers=CONTROL, commands=["paste"], **V)
    pad.browser.devtools("Input.dispatchKeyEvent", type="keyUp", modifiers=CONTROL, **V)


def files_come_and_go(pad):
    for give in (choose, drop, paste):
        pad.click("clear")
        wait_for("the canvas to be cleared", lambda: pad.text("answer") == "")
        give(pad, PHOTO)
        print(f"  {give.__name__}:", end="")
        pad.expect_answer("7", 60)
    pad.click("save")
    saved = lambda: [name for name in os.listdir(pad.browser.downloads) if name.endswith(".png")]
    name = wait_for("the drawing among the downloads", saved)[0]
    pad.expect_status(name, 5)
    picture = (Path(pad.browser.downloads) / name).read_bytes()
    expect(picture.startswith(b"\x89PNG\r\n\x1a\n") and picture.endswith(b"IEND\xaeB`\x82"), f"{name} is no PNG file")
    # What was saved is read as what was drawn.
    pad.click("clear")
    choose(pad, Path(pad.browser.downloads) / name)
    pad.expect_answer("7", 60)
    pad.click("clear")
    pad.draw(0)
    pad.expect_answer("0")
