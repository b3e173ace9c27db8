"""What is secret in an address is in nothing that is kept or told."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoproc.errors import PlanError
from autoproc.tracking.addresses import check_address, public_address, without_secrets
from autoproc.tracking.connection import connect


@given(st.text(st.characters(codec="ascii"), min_size=8))
def test_no_password_stays_in_an_address_or_in_a_text_that_quotes_it(password: str) -> None:
    secret = quote(password, safe="")
    for address in (f"https://ann:{secret}@host:5000/team", f"postgresql://ann:{secret}@host/record"):
        assert public_address(address) == address.replace(f"ann:{secret}@", "")
        assert without_secrets(f"HTTP 500 from {address}: no") == f"HTTP 500 from {public_address(address)}: no"


@pytest.mark.parametrize("password", ["pa/ss", "pa?ss", "pa#ss"])
def test_nor_one_of_a_database_that_nobody_has_quoted(password: str) -> None:
    """SQLAlchemy takes it as it is."""
    assert public_address(f"postgresql://ann:{password}@host/record") == "postgresql://host/record"
    assert password not in without_secrets(f"cannot reach postgresql+psycopg://ann:{password}@host/record")


@pytest.mark.parametrize(
    "address",
    [
        "http://ann:pa/ss@host:5000",
        "http://ann:12/34@host",
        "https://ann:pa?ss@host",
        "http://ann:pa#ss@host/team",
        "postgresql://ann:p@ss@host/record",
    ],
)
def test_an_address_in_which_nobody_can_tell_where_the_password_ends_is_refused_without_repeating_it(
    address: str,
) -> None:
    with pytest.raises(PlanError, match="%40") as refused:
        connect(address)
    assert "ann:" not in str(refused.value) and "@host" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["http://ann:p%40ss@host:5000/team", "http://h/a@b", "sqlite:////home/a@b/mlflow.db", "databricks"]
)
def test_others_are_not(address: str) -> None:
    check_address(address)


def test_a_file_has_no_users() -> None:
    assert public_address("sqlite:////home/a@b/mlflow.db") == "sqlite:////home/a@b/mlflow.db"


def test_what_is_no_address_is_left_to_whoever_uses_it() -> None:
    assert public_address("http://[::1:5000") == "http://[::1:5000"


@pytest.mark.parametrize("name", ["password", "api_token", "sslkey", "user", "PASSWD"])
def test_nor_what_a_query_names_as_secret(name: str) -> None:
    address = f"postgresql://host/record?sslmode=require&{name}=s3cret"
    assert public_address(address) == "postgresql://host/record?sslmode=require"
    assert without_secrets(f"'{address}' failed") == f"'postgresql://host/record?sslmode=require&{name}=***' failed"


@pytest.mark.parametrize("address", ["http://127.0.0.1:5000", "sqlite:////tmp/mlflow.db", "databricks", "http://h/a@b"])
def test_an_address_without_secrets_stays_as_it_is(address: str) -> None:
    assert public_address(address) == without_secrets(address) == address
