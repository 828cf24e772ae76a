"""Signing in at the sandbox as the contenders cannot by themselves: by a signed assertion, trusting its certificate.

Runs in the contenders' environment: nothing of ours is there.
"""

import os
import time
from pathlib import Path

import jwt
import requests
from simple_salesforce import Salesforce


def assertion() -> dict[str, str]:
    """The form of an OAuth JWT bearer sign-in, as the sandbox's settings have it."""
    told = {
        "iss": os.environ["SALESFORCE_CONSUMER_KEY"],
        "sub": os.environ["SALESFORCE_USERNAME"],
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 180,
    }
    key = Path(os.environ["SALESFORCE_PRIVATE_KEY"]).read_text()
    return {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": jwt.encode(told, key, algorithm="RS256"),
    }


def simple_salesforce() -> Salesforce:
    """simple-salesforce with a session of the sandbox."""
    session = requests.Session()
    session.trust_env = False
    session.verify = os.environ["CLAIMS_CA_BUNDLE"]
    url = os.environ["SALESFORCE_DOMAIN"]
    answer = session.post(f"{url}/services/oauth2/token", data=assertion(), timeout=60)
    answer.raise_for_status()
    return Salesforce(session_id=answer.json()["access_token"], instance_url=url, session=session)
