"""Contracts: frozen dataclasses that packages hand to one another, as plain data in a JSON file and back."""

from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from kogen.common.files import jsonable

Contract = TypeVar("Contract")


def to_plain(contract: Any) -> dict[str, Any]:
    """A contract as JSON holds it: plain Python values, None for what is missing (NaN)."""
    return jsonable(adapter_of(type(contract)).dump_python(contract, by_alias=True, warnings=False))


def from_plain(kind: type[Contract], data: Any, where: str) -> Contract:
    """A contract from the plain data of `where`. ValueError names the key that is missing or not of its type."""
    try:
        return adapter_of(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where} does not hold what is wanted, at {key!r}: {first['msg']}; make it again") from error


@cache
def adapter_of(kind: type[Any]) -> TypeAdapter[Any]:
    """What converts a dataclass; it takes a while to make."""
    return TypeAdapter(kind)
