"""Addresses of tracking servers, which may hold a user and a password: nothing that is kept or told has them."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from autoproc.errors import PlanError

# In an address of the web credentials end before the first slash; those of a database may have one in the password.
_CREDENTIALS = re.compile(r"(?:(?<=http://)|(?<=https://))[^\s/?#]*@|(?<=://)(?<!http://)(?<!https://)[^\s@]*@")
_FILES = ("sqlite", "file")
_SECRET_NAMES = re.compile(r"pass|pwd|secret|token|key|user|auth|credential|odbc_connect", re.IGNORECASE)
_SECRET_QUERY = re.compile(rf"(?<=[?&])(?P<name>[^=&\s]*(?:{_SECRET_NAMES.pattern})[^=&\s]*)=[^&\s'\"]*", re.IGNORECASE)


def check_address(address: str) -> None:
    """Raises PlanError, which does not repeat it, for an address in which nobody can tell where a password ends."""
    scheme, _, rest = public_address(address).partition("://")
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" in rest and scheme not in _FILES and (":" in host or scheme not in ("http", "https")):
        raise PlanError(
            "The address of the MLflow server is not clear: it has an '@' behind its host. In a user's name and "
            "a password the characters @ / ? # : must be written as %40 %2F %3F %23 %3A. Or leave both out, and give "
            "them to MLflow as MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment."
        )


def public_address(address: str) -> str:
    """An address without who asks, and with what password.

    >>> public_address("https://ann:s3cret@mlflow.example.org:5000/team")
    'https://mlflow.example.org:5000/team'
    >>> public_address("postgresql://host/record?sslmode=require&password=s3cret")
    'postgresql://host/record?sslmode=require'
    """
    if address.partition(":")[0] in _FILES:  # which have no users
        return address
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
