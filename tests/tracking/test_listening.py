"""Where `autoproc ui` listens, and what it may be called there."""

import socket

import pytest

from autoproc.errors import PlanError
from autoproc.tracking import server
from autoproc.tracking.home import Home
from autoproc.tracking.listening import Place, any_free_port


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
def test_this_machine_alone_is_private(host: str) -> None:
    place = Place(host, 5000)
    assert place.is_private
    assert place.url == f"http://{host}:5000"
    assert "MLFLOW_SERVER_ALLOWED_HOSTS" not in server._environment(place), (
        "MLflow's own list, which this machine is on"
    )


def test_nothing_is_said_of_where_to_listen_and_it_is_this_machine_alone(home: Home) -> None:
    command = server._command(home, Place())
    assert command[command.index("--host") + 1] == "127.0.0.1"


def test_a_server_for_others_is_called_by_its_own_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-box")
    monkeypatch.setattr(socket, "getfqdn", lambda: "gpu-box.example.org")
    monkeypatch.setattr("autoproc.tracking.listening._own_addresses", lambda: ["10.1.2.3", "fd00::7"])
    place = Place("0.0.0.0", 5017)
    assert not place.is_private
    assert place.url == "http://127.0.0.1:5017", "what is typed on this machine"
    told = server._environment(place)
    names = ["gpu-box:5017", "gpu-box.example.org:5017", "10.1.2.3:5017", "[fd00::7]:5017"]
    assert told["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",") == [*names, "localhost:*", "127.0.0.1:*"]
    assert told["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"].split(",") == [f"http://{name}" for name in names]


def test_an_address_of_another_machine_is_refused() -> None:
    """One of those that are set aside for documentation."""
    with pytest.raises(PlanError, match="--host must be an address or a name of this machine"):
        Place("192.0.2.1", any_free_port()).check()


def test_a_port_that_is_taken_at_one_address_is_taken_at_all() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "0.0.0.0"):
            with pytest.raises(PlanError, match=f"Port {port} is taken.*--port"):
                Place(host, port).check()
