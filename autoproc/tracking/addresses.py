"""Addresses of tracking servers, which may hold a user and a password: nothing that is kept or told has them."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

# In an address of the web credentials end before the first slash; those of a database may have one in the password.
_CREDENTIALS = re.compile(r"(?:(?<=http://)|(?<=https://))[^\s/?#]*@|(?<=://)(?<!http://)(?<!https://)[^\s@]*@")
_SECRET_NAMES = re.compile(r"pass|pwd|secret|token|key|user|auth|credential", re.IGNORECASE)
_SECRET_QUERY = re.compile(rf"(?<=[?&])(?P<name>[^=&\s]*(?:{_SECRET_NAMES.pattern})[^=&\s]*)=[^&\s'\"]*", re.IGNORECASE)


def public_address(address: str) -> str:
    """An address without who asks, and with what password.

    >>> public_address("https://ann:s3cret@mlflow.example.org:5000/team")
    'https://mlflow.example.org:5000/team'
    >>> public_address("postgresql://host/record?sslmode=require&password=s3cret")
    'postgresql://host/record?sslmode=require'
    """
    bare = _CREDENTIALS.sub("", address)
    try:
        parts = urlsplit(bare)
    except ValueError:  # no address at all, which whoever uses it says better
        return bare
    if not any(map(_SECRET_NAMES.search, (name for name, _ in parse_qsl(parts.query)))):
        return bare
    kept = [(name, value) for name, value in parse_qsl(parts.query) if not _SECRET_NAMES.search(name)]
    return urlunsplit(parts._replace(query=urlencode(kept)))


def without_secrets(text: str) -> str:
    """A text that may quote addresses, without what is secret in them.

    >>> without_secrets("GET http://ann:s3cret@host/api?token=abc failed")
    'GET http://host/api?token=*** failed'
    """
    return _SECRET_QUERY.sub(r"\g<name>=***", _CREDENTIALS.sub("", text))
