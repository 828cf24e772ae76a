"""A real browser for journeys: Debian's Chromium without a window, driven by Selenium through chromedriver.

What belongs here: starting it, with a profile of its own that trusts one certificate, and waiting for what is on the
page. Not here: what is done there. `make chromium` installs both; nothing is downloaded by the tests.
"""

import base64
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from claims_pipeline_tests.paths import REPOSITORY

PICTURES = REPOSITORY / "docs" / "pictures"
DRAW = "CLAIMS_DRAW_PICTURES"
"""Set: a journey's pictures take the place of those in the docs."""

_SECONDS_TO_WAIT = 30
_WIDTH, _HEIGHT = 1280, 1000
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--lang=en-US",
)


@contextmanager
def browsing(folder: Path, certificate: Path) -> Iterator["Browser"]:
    """A browser with an empty profile below `folder`, which trusts the server of this certificate, and no other."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and driver, "Chromium and its driver are not there: make chromium installs them"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        *_QUIET,
        f"--user-data-dir={folder / 'browser'}",
        f"--ignore-certificate-errors-spki-list={_fingerprint(certificate)}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(driver, env={**os.environ, "HOME": str(folder)})
    driven = webdriver.Chrome(options=options, service=service)
    try:
        driven.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": _WIDTH, "height": _HEIGHT, "deviceScaleFactor": 1, "mobile": False},
        )
        yield Browser(driven)
    finally:
        driven.quit()


class Browser:
    """What a journey does on a page. Everything waits until it can be done."""

    def __init__(self, driven: webdriver.Chrome) -> None:
        self.driven = driven

    def open(self, address: str) -> None:
        """Go to a page."""
        self.driven.get(address)

    def all(self, css: str) -> list[WebElement]:
        """What stands on the page now."""
        return self.driven.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str, text: str = "") -> WebElement:
        """The first thing of this kind that shows, and holds this text."""

        def showing(_: object) -> WebElement | None:
            shown = (each for each in self.all(css) if each.is_displayed() and text in each.text)
            return next(shown, None)

        return self.until(showing, f"{css} with {text!r}")

    def labelled(self, label: str) -> WebElement:
        """The button or field of this accessible name."""

        def found(_: object) -> WebElement | None:
            shown = (each for each in self.all("button, input, summary") if each.is_displayed())
            return next((each for each in shown if each.accessible_name == label), None)

        return self.until(found, f"something called {label!r}")

    def text_of(self, css: str) -> str:
        """The text of one thing."""
        return self.one(css).text

    def press(self, *keys: str) -> None:
        """On the keyboard, wherever the focus is."""
        self.driven.switch_to.active_element.send_keys(*keys)

    @property
    def focused(self) -> WebElement:
        """What has the focus."""
        return self.driven.switch_to.active_element

    def until(self, what: Callable[[Any], Any], words: str) -> Any:
        """Wait until it is so, and give it."""
        waiting = WebDriverWait(
            self.driven, _SECONDS_TO_WAIT, 0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        return waiting.until(what, f"the page never had {words}")

    def complaints(self) -> list[str]:
        """What the browser's console says: errors and warnings of the page."""
        return [str(each["message"]) for each in self.driven.get_log("browser")]

    def picture(self, name: str, folder: Path) -> Path:
        """A picture of the page: beside the test's files, and into the docs where it is asked for."""
        path = (PICTURES if os.environ.get(DRAW) else folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert self.driven.save_screenshot(str(path))
        return path


def _fingerprint(certificate: Path) -> str:
    """SHA-256 of the certificate's public key, as Chromium takes it."""
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    key = read.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


__all__ = ["PICTURES", "Browser", "Keys", "WebDriverException", "browsing"]
