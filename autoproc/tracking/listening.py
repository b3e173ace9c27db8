"""Where the server of `autoproc ui` listens: on this machine alone, unless somebody asks for more."""

import ipaddress
import os
import socket
from contextlib import suppress
from dataclasses import dataclass

from autoproc.errors import PlanError

LOOPBACK = "127.0.0.1"
PORTS_TRIED = 50
_ELSEWHERE = ("192.0.2.1", 9)  # an address that is set aside for documentation


@dataclass(frozen=True)
class Place:
    """A port of this machine at the address, or name, `host`."""

    host: str = LOOPBACK
    port: int = 5000

    @property
    def is_private(self) -> bool:
        """Whether nobody but those on this machine can reach it. Raises PlanError for a name that nobody knows."""
        return all(ipaddress.ip_address(_bare(address)).is_loopback for _, address in self._resolved)

    @property
    def url(self) -> str:
        """The address to type on this machine."""
        return self._url(LOOPBACK if self._is_everywhere else self.host)

    @property
    def hosts(self) -> list[str]:
        """What a browser elsewhere may call this server. Requests that name another host are refused: they may come
        from a page that has made its own name lead here."""
        own = [self.host]
        if self._is_everywhere:
            own = [socket.gethostname(), socket.getfqdn(), *_own_addresses()]
        return [f"{_in_url(name)}:{self.port}" for name in dict.fromkeys(own)]

    @property
    def is_free(self) -> bool:
        """Whether a server could listen here just now. Raises PlanError for an address that is none of ours."""
        return all(_can_listen(family, address, self.port) for family, address in self._resolved)

    def check(self) -> None:
        """Raises PlanError where it is taken, with a port that is free, or where the address is none of ours."""
        if not self.is_free:
            raise PlanError(self.taken)

    @property
    def taken(self) -> str:
        return (
            f"Port {self.port} is taken, maybe by another `autoproc ui`. Choose one that is free: --port {self.next}."
        )

    @property
    def next(self) -> int:
        """The next port that is free, or any one that is."""
        near = range(self.port + 1, min(self.port + PORTS_TRIED, 65_535) + 1)
        return next((port for port in near if Place(self.host, port).is_free), 0) or any_free_port()

    @property
    def _is_everywhere(self) -> bool:
        return any(ipaddress.ip_address(_bare(address)).is_unspecified for _, address in self._resolved)

    @property
    def _resolved(self) -> list[tuple[socket.AddressFamily, str]]:
        """The addresses that the host has."""
        try:
            found = socket.getaddrinfo(self.host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError):
            raise PlanError(_unknown(self.host)) from None
        usable = ((family, str(address[0])) for family, _, _, _, address in found if _speaks(family))
        return list(dict.fromkeys(usable))

    def _url(self, host: str) -> str:
        return f"http://{_in_url(host)}:{self.port}"


def any_free_port() -> int:
    """A port of this machine that nobody else is given at the same moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _speaks(family: socket.AddressFamily) -> bool:
    """Whether this machine has addresses of a family: names have IPv6 ones also where that is switched off."""
    try:
        socket.socket(family, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True


def _can_listen(family: socket.AddressFamily, address: str, port: int) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name == "posix":  # elsewhere the option would let us share another server's port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if not _is_ours(family, address):
                raise PlanError(_unknown(address)) from error
            return False
        return True


def _is_ours(family: socket.AddressFamily, address: str) -> bool:
    """Whether this machine has the address: whatever is wrong with a port, any other one would do."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def _own_addresses() -> list[str]:
    """Those by which others may know this machine: its name's, and that from which it would speak to others."""
    found: list[str] = []
    with suppress(OSError):
        found += [str(known[4][0]) for known in socket.getaddrinfo(socket.gethostname(), None)]
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(_ELSEWHERE)  # which sends nothing
        found.append(str(probe.getsockname()[0]))
    return [address for address in found if not ipaddress.ip_address(_bare(address)).is_loopback]


def _unknown(host: str) -> str:
    return (
        f"--host must be an address or a name of this machine, or 0.0.0.0 for all of its addresses, but is {host!r}. "
        "Leave it out to listen on this machine alone."
    )


def _bare(address: str) -> str:
    """Without the network interface that an IPv6 address may name."""
    return address.partition("%")[0]


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
