"""Headless Chromium, driven by the WebDriver protocol with Python's standard library alone."""
import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

OPTIONS = [
    "--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
    "--hide-scrollbars", "--force-color-profile=srgb",
]


class Failed(Exception):
    """What was expected of the page and did not come."""


def programs():
    """The browser and its driver, or None where one is missing."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    driver = shutil.which("chromedriver")
    return (chromium, driver) if chromium and driver else None


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, condition, seconds=10, pause=0.05):
    """The first true value of the condition."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s in vain for {what}")
        time.sleep(pause)


class Server:
    """A program that serves on a port of its own: `command` takes the port as its last argument."""

    def __init__(self, command):
        self.command, self.port = [str(part) for part in command], free_port()
        self.address = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([*self.command, str(self.port)], **quiet)
        wait_for(f"a server on port {self.port}", self.answers, 20)

    def answers(self):
        if self.process.poll() is not None:
            raise Failed(f"{' '.join(self.command)}: ended with status {self.process.returncode}")
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Browser:
    """One window. As a context manager, it ends with its driver and its profile."""

    def __init__(self, width=1000, height=700, options=(), mobile=None):
        chromium, driver = programs()
        self.profile = tempfile.TemporaryDirectory()
        self.downloads = os.path.join(self.profile.name, "downloads")
        os.mkdir(self.downloads)
        self.driver = Server([*self.driver_command(driver)])
        arguments = [*OPTIONS, *options, f"--window-size={width},{height}", f"--user-data-dir={self.profile.name}/profile"]
        if os.getuid() == 0:
            arguments += ["--no-sandbox"]
        chrome = {"binary": chromium, "args": arguments, "prefs": {"download.default_directory": self.downloads}}
        if mobile:
            chrome["mobileEmulation"] = mobile
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": chrome,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        self.session = None
        try:
            made = self.call("POST", "session", {"capabilities": {"alwaysMatch": wanted}})
        except Exception:
            self.close()
            raise
        self.session, self.version = made["sessionId"], made["capabilities"]["browserVersion"]

    @staticmethod
    def driver_command(driver):
        # Server appends the port.
        return ["sh", "-c", f'exec "{driver}" --port="$0" --allowed-ips=127.0.0.1']

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.session:
            self.call("DELETE", f"session/{self.session}")
        self.driver.stop()
        self.profile.cleanup()

    def call(self, method, path, body=None):
        data = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.driver.address + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=600) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise Failed(f"{path}: {json.load(error)['value']['message']}") from None

    def post(self, path, body=None):
        return self.call("POST", f"session/{self.session}/{path}", body)

    def open(self, address):
        self.post("url", {"url": address})

    def run(self, script, *arguments):
        """The value that the body of a function returns; it may return a promise."""
        return self.post("execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, command, **parameters):
        return self.post("goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self, kind):
        return self.post("se/log", {"type": kind})

    def pointer(self, points, kind="mouse", pause=8):
        """A stroke through points of the page, in CSS pixels."""
        moves = [{"type": "pointerMove", "duration": 0 if at == 0 else pause, "x": round(x), "y": round(y)} for at, (x, y) in enumerate(points)]
        actions = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        self.post("actions", {"actions": [{"type": "pointer", "id": kind, "parameters": {"pointerType": kind}, "actions": actions}]})

    def keys(self, *keys):
        """Presses and releases keys, one after the other; a tuple is held together."""
        actions = []
        for key in keys:
            held = key if isinstance(key, tuple) else (key,)
            actions += [{"type": "keyDown", "value": part} for part in held]
            actions += [{"type": "keyUp", "value": part} for part in reversed(held)]
        self.post("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def screenshot(self, file):
        picture = self.call("GET", f"session/{self.session}/screenshot")
        with open(file, "wb") as out:
            out.write(base64.b64decode(picture))

    def size(self, width, height, ratio=1, mobile=False):
        """Emulates a screen of that many CSS pixels, until `size` is called again."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=ratio, mobile=mobile)
        self.devtools("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def media(self, **features):
        """Emulates media features, as `prefers_color_scheme="light"`."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.devtools("Emulation.setEmulatedMedia", features=named)
