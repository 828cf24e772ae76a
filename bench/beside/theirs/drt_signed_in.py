"""The `drt` command, its sign-in alone replaced: it knows the user name-password flow only, which new orgs refuse.

python drt_signed_in.py run --verbose
"""

import sys
from typing import Any

import httpx
from drt.cli.main import app
from signed_in import assertion

_post = httpx.Client.post


def _signed_in(self: httpx.Client, url: str, **asked: Any) -> httpx.Response:
    if str(url).endswith("/services/oauth2/token"):
        asked["data"] = assertion()
    return _post(self, url, **asked)


if __name__ == "__main__":
    httpx.Client.post = _signed_in
    sys.exit(app())
