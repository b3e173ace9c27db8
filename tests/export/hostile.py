"""Bundles made by somebody who means harm, or damaged ones that look as if: each with what has to be said of it.

`python -m tests.export.hostile FOLDER` writes them all.
"""

import io
import json
import os
import pickle
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy

from autoproc.export.card import CARD, FILES, NETWORK, PREPROCESSING, WEIGHTS, list_files, sealed_card
from autoproc.network.arrays import TARGET_STATISTICS, expected_shapes
from autoproc.spec import NetworkSpec
from tests.export import bundles

TRACE = "code-was-run"
"""The file that the code in these bundles would make in the working directory."""

HUGE = 2**30


class Hostile(NamedTuple):
    """`told` is part of what is said of the bundle that `write` makes at a path where nothing is."""

    told: str
    write: Callable[[Path], None]


class _Pickled:
    def __reduce__(self) -> tuple[Any, ...]:
        return open, (TRACE, "w")


PICKLE = pickle.dumps(_Pickled())


def whole() -> dict[str, bytes]:
    """The files of a sound bundle, the card last."""
    return dict(_whole())


@cache
def _whole() -> dict[str, bytes]:
    made = bundles.make("binary")
    contents = {
        PREPROCESSING: json.dumps(bundles.SCHEMA.to_json()).encode(),
        NETWORK: json.dumps({"depth": 2, "width": 3, "members": 2, "pieces": 3, "temperature": 1.0}).encode(),
        WEIGHTS: safetensors.numpy.save(made.weights),
    }
    return {**contents, CARD: sealed_card(made.card, list_files(contents))}


def sealed(**changed: bytes) -> dict[str, bytes]:
    """A bundle whose card vouches for changed files, named by their first word."""
    contents = whole()
    contents |= {name: changed[name.partition(".")[0]] for name in FILES[1:] if name.partition(".")[0] in changed}
    card = json.loads(contents.pop(CARD))
    return {**contents, CARD: changed.get("card") or sealed_card(card, list_files(contents))}


def carded(**changes: Any) -> dict[str, bytes]:
    """A bundle whose card has been changed and vouches for itself again."""
    contents = whole()
    card = {**json.loads(contents.pop(CARD)), **changes}
    return {**contents, CARD: sealed_card(card, card["files"])}


# Writers


def folder(contents: dict[str, bytes], then: Callable[[Path], object] = lambda path: None) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.mkdir()
        for name, content in contents.items():
            (path / name).write_bytes(content)
        then(path)

    return write


class Entry(NamedTuple):
    """A member of an archive, with whatever its two headers say of it."""

    name: str
    content: bytes
    method: int = zipfile.ZIP_STORED
    flags: int = 0
    mode: int = stat.S_IFREG | 0o644
    n_bytes: int | None = None
    packed: bytes | None = None


def archive(entries: Iterable[Entry | tuple[str, bytes]]) -> bytes:
    """A zip archive of exactly these members, however little they fit each other."""
    body, listed, count = io.BytesIO(), io.BytesIO(), 0
    for entry in (Entry(*entry) for entry in entries):
        packed = entry.content if entry.packed is None else entry.packed
        size = len(entry.content) if entry.n_bytes is None else entry.n_bytes
        name = entry.name.encode()
        facts = (entry.flags, entry.method, 0, 33, zlib.crc32(entry.content), len(packed), size, len(name), 0)
        header = struct.pack("<HHHHHHIIIHHHHHII", 0x31E, 20, *facts, 0, 0, 0, entry.mode << 16, body.tell())
        listed.write(b"PK\x01\x02" + header + name)
        body.write(b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", 20, *facts) + name + packed)
        count += 1
    end = struct.pack("<HHHHIIH", 0, 0, count % 2**16, count % 2**16, len(listed.getvalue()), body.tell(), 0)
    return body.getvalue() + listed.getvalue() + b"PK\x05\x06" + end


def zipped(*further: Entry, without: str = "", contents: dict[str, bytes] | None = None) -> Callable[[Path], None]:
    """A sound bundle as an archive, with further members, and without one of its own."""
    members = [pair for pair in (contents or whole()).items() if pair[0] != without]
    return file(archive([*members, *further]))


def file(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


LINK = Entry(WEIGHTS, b"/etc/passwd", mode=stat.S_IFLNK | 0o777)


def empty(n_members: int) -> Iterable[Entry]:
    return (Entry(f"x{number}", b"") for number in range(n_members))


def bomb(name: str, n_bytes: int, claimed: int | None = None) -> Entry:
    """A member of `n_bytes` zeros in a thousandth of the space."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = block * (n_bytes // 2**20) + packer.flush()
    return Entry(name, b"", zipfile.ZIP_DEFLATED, n_bytes=n_bytes if claimed is None else claimed, packed=packed)


# Contents


def tensors(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def swapped(**changes: object) -> dict[str, bytes]:
    """A bundle whose weights have another header entry for one array."""
    content = whole()[WEIGHTS]
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header["output.bias"] |= changes
    return sealed(weights=tensors(header, content[8 + length :]))


def dated(date_format: str) -> dict[str, bytes]:
    column = {"kind": "datetime", "name": "x", "indicator": True, "cycles": [], "format": date_format}
    return sealed(preprocessing=json.dumps({"encoders": [column]}).encode())


def numbers(**changed: object) -> bytes:
    """Weights of which some arrays, `.` written as `_`, are filled with something else."""
    made = dict(bundles.make("binary").weights)
    for name, value in changed.items():
        made[name.replace("_", ".")] = np.full_like(made[name.replace("_", ".")], value)
    return safetensors.numpy.save(made)


def network(**changes: object) -> bytes:
    return json.dumps({**json.loads(whole()[NETWORK]), **changes}).encode()


def listing(name: str, **changes: object) -> dict[str, bytes]:
    """A bundle whose card lists one more file, or says something else of one."""
    contents = whole()
    files = json.loads(contents[CARD])["files"]
    entry = {"sha256": "0" * 64, "bytes": 3, **files.get(name, {}), **changes}
    return carded(files={**files, name: entry})


def sparse(path: Path) -> None:
    with (path / WEIGHTS).open("r+b") as made:
        made.truncate(2**40)


def linked(name: str, to: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        (path / name).unlink()
        (path / name).symlink_to(to)

    return write


def instead(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        (path / name).unlink()
        make(path / name)

    return write


def damaged(name: str) -> dict[str, bytes]:
    """A bundle in which one bit of a file has changed."""
    contents = whole()
    content = bytearray(contents[name])
    content[len(content) * 2 // 3] ^= 1
    return {**contents, name: bytes(content)}


def large_with_nan() -> dict[str, bytes]:
    """A bundle of 200 MB that is right in all but its last number."""
    shapes = expected_shapes(NetworkSpec(2, 3_500), bundles.SCHEMA.layout, "binary", 1, 4)
    arrays = {
        name: np.zeros(shape, np.float64 if name in TARGET_STATISTICS else np.float32) for name, shape in shapes.items()
    }
    content = bytearray(safetensors.numpy.save(arrays))
    content[-4:] = np.float32(np.nan).tobytes()
    return sealed(network=network(width=3_500, members=4, pieces=0), weights=bytes(content))


def many_values() -> dict[str, bytes]:
    """A bundle with a card of almost as many values as it may have, in little space."""
    return {**whole(), CARD: b'{"format": 5, "more": [' + b"{}," * 499_000 + b"{}]}"}


def wide_text() -> dict[str, bytes]:
    """A bundle with a card of almost as much text as it may have, and characters that take the most memory."""
    return {**whole(), CARD: b'{"format": 5, "more": "' + "\N{SNAKE}".encode() + b"x" * (8 * 2**20 - 100) + b'"}'}


def deflated(contents: dict[str, bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
            for name, content in contents.items():
                made.writestr(name, content)

    return write


def _moved(content: bytes) -> bytes:
    """The second member's place in the archive is the first one's."""
    start = content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x01\x02")))
    return content[: start + 42] + bytes(4) + content[start + 46 :]


ARCHIVES: dict[str, Hostile] = {
    "a name that climbs": Hostile("'../card.json'", zipped(Entry("../card.json", b"{}"))),
    "a name from the root": Hostile("'/tmp/autoproc'", zipped(Entry("/tmp/autoproc", b"{}"))),
    "a name that climbs in Windows": Hostile(r"'..\\card.json'", zipped(Entry("..\\card.json", b"{}"))),
    "a name with a drive": Hostile("'C:card.json'", zipped(Entry("C:card.json", b"{}"))),
    "a name that is cut off by a zero": Hostile(r"'card.json\x00.txt'", zipped(Entry("card.json\0.txt", b"{}"))),
    "a name that moves the cursor": Hostile(r"'\x1b[2J'", zipped(Entry("\x1b[2J", b""))),
    "a folder": Hostile("'inside/'", zipped(Entry("inside/", b""))),
    "a link in the place of a file": Hostile(
        f"{WEIGHTS} must be a file",
        zipped(LINK, without=WEIGHTS),
    ),
    "a link beside the files": Hostile("x must be a file", zipped(LINK._replace(name="x"))),
    "a device": Hostile("x must be a file", zipped(Entry("x", b"", mode=stat.S_IFCHR))),
    "a member twice": Hostile(f"{CARD} is in it twice", zipped(Entry(CARD, b"{}"))),
    "a member with a password": Hostile(f"{CARD} is encrypted", zipped(Entry(CARD, b"{}", flags=1), without=CARD)),
    "a method that is not read": Hostile(f"{CARD} is packed", zipped(Entry(CARD, b"", method=14), without=CARD)),
    "a bomb of weights": Hostile("must not have more than 268,435,456", zipped(bomb(WEIGHTS, HUGE), without=WEIGHTS)),
    "a bomb that is not even listed": Hostile("must not have more than 268,435,456", zipped(bomb("bomb", HUGE))),
    "a bomb that says it is none": Hostile(WEIGHTS, zipped(bomb(WEIGHTS, HUGE, claimed=2656), without=WEIGHTS)),
    "a bomb of a card": Hostile(f"{CARD} has 209,715,200 bytes", zipped(bomb(CARD, 200 * 2**20), without=CARD)),
    "many members": Hostile("it has 1,004 members", zipped(*empty(1_000))),
    "a list of members that is too long": Hostile("the list", zipped(*empty(30_000))),
    "two members in one place": Hostile("cannot be read", file(_moved(archive(whole().items())))),
    "a list that begins elsewhere": Hostile("cannot be read", file(archive(whole().items())[:-6] + b"\xff" * 6)),
    "an archive that was cut off": Hostile("cannot be read", file(archive(whole().items())[:-40])),
    "an archive of nothing": Hostile(f"has no {CARD}", file(archive([]))),
    "a pickle as an archive": Hostile("cannot be read", file(PICKLE)),
    "a pickle in an archive": Hostile(f"{CARD} is not valid JSON", zipped(Entry(CARD, PICKLE), without=CARD)),
}


FOLDERS: dict[str, Hostile] = {
    "a link to a file": Hostile(f"{NETWORK} is a symbolic link", folder(whole(), linked(NETWORK, "/etc/passwd"))),
    "a link to endless zeros": Hostile(f"{WEIGHTS} is a symbolic link", folder(whole(), linked(WEIGHTS, "/dev/zero"))),
    "a link to itself": Hostile(f"{CARD} is a symbolic link", folder(whole(), linked(CARD, CARD))),
    "a pipe": Hostile(f"{CARD} must be a file", folder(whole(), instead(CARD, lambda path: os.mkfifo(path)))),
    "a folder": Hostile(f"{NETWORK} must be a file", folder(whole(), instead(NETWORK, Path.mkdir))),
    "a file without its zeros": Hostile(f"{WEIGHTS} has 1,099,511,627,776 bytes", folder(whole(), sparse)),
    "a pickle as weights": Hostile(f"{WEIGHTS} cannot be read", folder(sealed(weights=PICKLE))),
    "a pickle as the schema": Hostile(f"{PREPROCESSING} is not valid JSON", folder(sealed(preprocessing=PICKLE))),
    "a newer format": Hostile("A newer autoproc wrote it", folder(carded(format=6))),
    "a format of another type": Hostile(f"{CARD} must give the format", folder(carded(format="5"))),
    "a card that was edited": Hostile(
        f"{CARD} has been changed", folder(whole() | {CARD: whole()[CARD].replace(b"0.5", b"0.4")})
    ),
    **{f"a bit of {name}": Hostile(f"{name} has been changed", folder(damaged(name))) for name in FILES},
    "a file that is missing": Hostile("more.json, which card.json lists, is missing", folder(listing("more.json"))),
    "a listed path": Hostile("names of files", folder(listing("../../etc/passwd"))),
    "a card that lists itself": Hostile("names of files", folder(listing(CARD))),
    "a size that is none": Hostile("names of files", folder(listing(WEIGHTS, bytes=-1))),
    "a checksum that is none": Hostile("names of files", folder(listing(WEIGHTS, sha256=["0" * 64]))),
    "files that are no list": Hostile(f"{CARD} must list the files", folder(carded(files=[CARD]))),
    "a header that is longer than the file": Hostile(WEIGHTS, folder(sealed(weights=struct.pack("<Q", 2**40) + b"{}"))),
    "a header of the greatest length": Hostile(WEIGHTS, folder(sealed(weights=b"\xff" * 8 + b"{}"))),
    "a header of 5 MB": Hostile(WEIGHTS, folder(sealed(weights=tensors(b" " * (5 * 2**20))))),
    "a header that is no object": Hostile(WEIGHTS, folder(sealed(weights=tensors([1])))),
    "an array twice": Hostile("twice", folder(sealed(weights=tensors(b'{"a": {}, "a": {}}')))),
    "arrays over each other": Hostile("does not follow", folder(swapped(data_offsets=[0, 8]))),
    "an array behind the end": Hostile(
        "does not follow",
        folder(swapped(data_offsets=[2**50, 2**50 + 8])),
    ),
    "an array before the start": Hostile("that is none", folder(swapped(data_offsets=[-8, 0]))),
    "an array without a place": Hostile(
        "a type, a shape and a place",
        folder(swapped(more=None)),
    ),
    "an array of a huge shape": Hostile("output.bias", folder(swapped(shape=[2**40, 2**40]))),
    "an array of another type": Hostile("output.bias", folder(swapped(dtype="BF16"))),
    "an array of a type that is none": Hostile("output.bias", folder(swapped(dtype={"os": "system"}))),
    "a huge network": Hostile(
        WEIGHTS, folder(sealed(network=network(depth=1_000, width=100_000, members=100_000, pieces=1_000)))
    ),
    "a network without end": Hostile(f"{NETWORK} must give depth", folder(sealed(network=network(depth=10**18)))),
    "NaN in the weights": Hostile("not finite", folder(sealed(weights=numbers(output_bias=np.nan)))),
    "an infinity in the weights": Hostile("not finite", folder(sealed(weights=numbers(input_center=np.inf)))),
    "shares of nothing": Hostile("member.share", folder(sealed(weights=numbers(member_share=0)))),
    "a spread of nothing": Hostile("input.spread", folder(sealed(weights=numbers(input_spread=0)))),
    "a deep nesting": Hostile(CARD, folder(sealed(card=b"[" * 900_000))),
    "a nesting that Python still reads": Hostile(
        "levels deep", folder(sealed(preprocessing=b'{"a": ' * 200 + b"1" + b"}" * 200))
    ),
    "NaN in JSON": Hostile(f"{NETWORK} is not valid JSON", folder(sealed(network=b'{"temperature": NaN}'))),
    "a number beyond all measure": Hostile("beyond all measure", folder(sealed(network=b'{"temperature": 1e999}'))),
    "a number of many digits": Hostile("19 digits", folder(sealed(network=b'{"depth": ' + b"9" * 1_000_000 + b"}"))),
    "a key twice": Hostile("twice", folder(sealed(network=b'{"depth": 1, "depth": 2}'))),
    "a card with a key twice": Hostile("twice", folder(whole() | {CARD: b'{"format": 5, "format": 6}'})),
    "text of another encoding": Hostile(NETWORK, folder(sealed(network=network().decode().encode("utf-16")))),
    "half a character": Hostile(PREPROCESSING, folder(sealed(preprocessing=rb'{"missing": ["\ud800"]}'))),
    "millions of values": Hostile("1,000,000 values", folder(sealed(preprocessing=b"[" + b"[]," * 2_600_000 + b"[]]"))),
    "a text without end": Hostile("8,388,608", folder(sealed(preprocessing=b'{"missing": ["' + b"x" * 2**23 + b'"]}'))),
    "many wrong columns": Hostile(
        PREPROCESSING, folder(sealed(preprocessing=b'{"encoders": [' + b"1," * 499_000 + b"1]}"))
    ),
    "many unknown keys": Hostile(
        "10,000 keys",
        folder(sealed(preprocessing=json.dumps(dict.fromkeys(map(str, range(90_000)))).encode())),
    ),
    "code as a format of dates": Hostile(
        PREPROCESSING,
        folder(
            sealed(
                preprocessing=json.dumps(
                    {
                        "encoders": [
                            {"kind": "datetime", "name": "x", "indicator": True, "cycles": [], "format": "__import__"}
                        ]
                    }
                ).encode()
            )
        ),
    ),
    "a task of another type": Hostile("unknown task", folder(carded(task={"binary": 1}))),
    "a class whose probability is called like the label": Hostile(
        "two columns of one name", folder(carded(targets=["probability_yes"]))
    ),
    "a class twice": Hostile("two columns of one name", folder(carded(classes=["no", "no"]))),
    "classes of another type": Hostile("'classes'", folder(carded(classes={"no": 0, "yes": 1}))),
}

WORST: dict[str, Hostile] = {
    "large, with NaN at the end": Hostile("not finite", lambda path: deflated(large_with_nan())(path)),
    "a card of many values": Hostile("has been changed", folder(many_values())),
    "a card of wide text": Hostile("has been changed", folder(wide_text())),
    **{name: ARCHIVES[name] for name in ("a bomb of weights", "a bomb that says it is none", "a bomb of a card")},
    **{name: FOLDERS[name] for name in ("millions of values", "many wrong columns", "many unknown keys")},
}
"""Those that might take the most time and memory."""


def main(place: Path) -> None:
    for number, (name, bundle) in enumerate({**ARCHIVES, **FOLDERS, **WORST}.items()):
        path = place / f"{number:02} {name}"
        bundle.write(path)
        print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
