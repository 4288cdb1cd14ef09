"""Damages the bytes of files: anyhow, and in ways that leave what is around whole, so that what is within is reached.

A byte that is wrong in a zip shows in its checksum, and nobody reads on; so what is in an archive is damaged and packed
again, a header gets the checksum that it asks for, and JSON stays JSON with another value in it.
"""

import gzip
import io
import json
import random
import re
import tempfile
import zipfile
import zlib
from copy import deepcopy
from pathlib import Path
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, "", "x", "\ud800", "\0", "\x1b[2J", "[/bold]", "../../etc", "~nosuchuser/x", "名" * 300, "1e5"),
    *(0, 1, -1, 2**31, 2**63, -(2**63), 2**70, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf")),
    *([], {}, [[]], [None], {"": None}, [1, 2, 3], {"x": 1}),
)
ODD_WORDS = (
    *("", "0", "-1", "1e999", "nan", "inf", str(2**63), "9" * 5000, "true", "[]", "{}", '""', '"\ud800"', "'", '"'),
    *("\0", "\x1b[2J", "U+D800", "U+110000", "../..", "~nosuchuser", "<x/>", "&x;", "[" * 9000, "[[x]]", "名" * 300),
)
_WORD = re.compile(r"-?\d+(?:\.\d+)?|\"[^\"\n]*\"|[^\W\d]\w*|[^\w\s]")


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The bytes of a file after something has happened to it."""
    if chance.random() < 0.75:
        for knows, within in _WITHIN:
            if knows(content):
                return within(content, chance)
    return _anyhow(content, chance)


def _anyhow(content: bytes, chance: random.Random) -> bytes:
    """Bits flipped, bytes written over, cut out, put in, doubled or cut off."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        size = len(changed)
        # What decides stands at the beginning.
        place = chance.randrange(min(size, chance.choice((16, 256, 1 << 30)))) if size else 0
        length = chance.choice((1, 1, 2, 4, 8, 100))
        match chance.randrange(7):
            case 0 if size:
                changed[place] ^= 1 << chance.randrange(8)
            case 1:
                changed[place : place + length] = bytes([chance.choice((0, 1, 0x7F, 0x80, 0xFF))]) * length
            case 2:
                changed[place : place + length] = chance.randbytes(length)
            case 3:
                del changed[place : place + length]
            case 4:
                changed[place:place] = chance.randbytes(length)
            case 5:
                changed[place:place] = changed[place : place + 10 * length]
            case 6:
                del changed[chance.randrange(size + 1) :]
    return bytes(changed)


def _in_zip(content: bytes, chance: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(each, archive.read(each)) for each in archive.infolist()]
    chosen = chance.randrange(len(members))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, (member, inside) in enumerate(members):
            name = member.filename
            if number == chosen:
                if chance.random() < 0.1:
                    name = chance.choice(
                        ("", "/x.npy", "../x.npy", name + "x", name[1:], "名" * 200, "x/" * 300 + name)
                    )
                inside = damaged(inside, chance)
            written = zipfile.ZipInfo(name)
            written.compress_type = member.compress_type
            archive.writestr(written, inside)
    return packed.getvalue()


def _in_gzip(content: bytes, chance: random.Random) -> bytes:
    return gzip.compress(_anyhow(gzip.decompress(content), chance), 1)


def _in_png(content: bytes, chance: random.Random) -> bytes:
    """A chunk damaged, doubled or left out, with the checksum that it ought to have."""
    chunks, start = [], 8
    while start < len(content):
        end = start + 12 + int.from_bytes(content[start : start + 4])
        chunks.append(content[start + 4 : end - 4])
        start = end
    number = chance.randrange(len(chunks))
    kind, data = chunks[number][:4], chunks[number][4:]
    match chance.randrange(4):
        case 0:
            chunks.insert(number, chunks[number])
        case 1:
            del chunks[number]
        case _:
            chunks[number] = kind + _anyhow(data, chance)
    return content[:8] + b"".join(len(each[4:]).to_bytes(4) + each + zlib.crc32(each).to_bytes(4) for each in chunks)


def _in_tar(content: bytes, chance: random.Random) -> bytes:
    """A field of a header damaged, with the checksum that it ought to have."""
    heads = [start for start in range(0, len(content), 512) if content[start + 257 : start + 262] == b"ustar"]
    start = chance.choice(heads)
    head = bytearray(content[start : start + 512])
    field = chance.choice(((0, 100), (124, 136), (124, 136), (156, 157), (345, 500)))
    odd = (b"\xff" * 12, b"\x80" + b"\0" * 3 + b"\xff" * 8, b"-0000000777\0", b"77777777777\0", b"0" * 12)
    match chance.randrange(3):
        case 0:
            head[field[0] : field[1]] = chance.choice(odd)[: field[1] - field[0]].ljust(field[1] - field[0], b"\0")
        case 1:
            head[field[0] : field[1]] = _anyhow(bytes(head[field[0] : field[1]]), chance)[: field[1] - field[0]].ljust(
                field[1] - field[0], b"\0"
            )
        case 2:
            head[156] = chance.choice(b"01234567LKSxgX\0")
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return content[:start] + bytes(head) + content[start + 512 :]


def _in_json(content: bytes, chance: random.Random) -> bytes:
    """A value of one of its lines exchanged, left out, put elsewhere, or nested too deep."""
    lines = content.decode().splitlines()
    try:
        json.loads(content)
        number, chosen, rest = 0, content.decode(), None
    except ValueError:
        number = chance.randrange(len(lines))
        chosen, rest = lines[number], lines
    try:
        values = json.loads(chosen)
    except ValueError:
        return _in_text(content, chance)
    values = changed(values, chance)
    written = json.dumps(values)
    if chance.random() < 0.03:
        written = "[" * 100_000 + written
    if rest is None:
        return written.encode()
    return "\n".join([*rest[:number], written, *rest[number + 1 :], ""]).encode()


def changed(values: Any, chance: random.Random) -> Any:
    """Nested lists and mappings with another value, somewhere in them."""
    spots = list(_spots(values))
    if not spots or chance.random() < 0.02:
        return chance.choice(ODD_VALUES)
    holder, key = chance.choice(spots)
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[str(chance.choice(ODD_VALUES))] = holder.pop(key)
        case 2:
            other, place = chance.choice(spots)
            if (isinstance(other, dict) and place in other) or (isinstance(other, list) and place < len(other)):
                holder[key] = deepcopy(other[place])
        case _:
            holder[key] = chance.choice(ODD_VALUES)
    return values


def _spots(values: Any) -> Any:
    """Everything that can be exchanged: what holds it, and its key there."""
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in list(pairs):
        yield values, key
        yield from _spots(value)


def _in_text(content: bytes, chance: random.Random) -> bytes:
    """A word exchanged, a line left out or doubled."""
    text = content.decode(errors="surrogateescape")
    lines = text.splitlines(keepends=True)
    match chance.randrange(6):
        case 0 if lines:
            del lines[chance.randrange(len(lines))]
            text = "".join(lines)
        case 1 if lines:
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            text = "".join(lines)
        case _:
            words = list(_WORD.finditer(text))
            if words:
                word = chance.choice(words)
                other = chance.choice((chance.choice(ODD_WORDS), chance.choice(words)[0]))
                text = text[: word.start()] + other + text[word.end() :]
    return text.encode(errors="surrogatepass" if chance.random() < 0.5 else "replace")


def _in_safetensors(content: bytes, chance: random.Random) -> bytes:
    """The header damaged, as JSON and in the JSON that it holds, with the length that it ought to have."""
    size = int.from_bytes(content[:8], "little")
    head, rest = json.loads(content[8 : 8 + size]), content[8 + size :]
    texts = head.get("__metadata__", {})
    texts.pop("sha256", None)  # as older versions wrote it, or what follows would not be reached
    if "kuzushiji" in texts and chance.random() < 0.6:
        texts["kuzushiji"] = damaged(texts["kuzushiji"].encode(), chance).decode(errors="replace")
    else:
        head = changed(head, chance)
    written = json.dumps(head).encode()
    return len(written).to_bytes(8, "little") + written + rest


def _in_checkpoint(content: bytes, chance: random.Random) -> bytes:
    """A value of the state exchanged, with the checksum that it ought to have."""
    import torch

    from kuzushiji.training.checkpoint import load_checkpoint, save_checkpoint

    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(content)
        state = changed(load_checkpoint(path), chance)
        if not isinstance(state, dict):
            torch.save(state, path)
        else:
            save_checkpoint(path, state)
        return path.read_bytes()


def _in_onnx(content: bytes, chance: random.Random) -> bytes:
    """A text of the description, an operator, an attribute or a shape exchanged."""
    import onnx

    from kuzushiji.protobuf import sealed

    model = onnx.load_from_string(content)
    node = chance.choice(model.graph.node)
    match chance.randrange(5):
        case 0 | 1:
            text = chance.choice(model.metadata_props)
            text.value = _in_text(text.value.encode(), chance).decode(errors="replace")
        case 2:
            node.op_type = chance.choice(("Loop", "If", "Exp", "Conv", "ConstantOfShape", "Scan", "", "名"))
        case 3 if node.attribute:
            number = chance.choice((0, -1, 1 << 31, (1 << 63) - 1, 1 << 40))
            attribute = chance.choice(node.attribute)
            if attribute.ints:
                attribute.ints[0] = number
            attribute.i = number
        case _:
            weights = chance.choice(model.graph.initializer)
            weights.dims[:] = [chance.choice((0, 1, -1, 1 << 40, 1 << 62))] * len(weights.dims)
    others = [text for text in model.metadata_props if text.key != "sha256"]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    return sealed(model.SerializeToString())


def _is_onnx(content: bytes) -> bool:
    return content[:1] == b"\x08" and b"kuzushiji" in content[:64]


def _is_text(content: bytes) -> bool:
    return b"\0" not in content[:512] and not content.startswith((b"\xff\xd8", b"GIF", b"\x89", b"RIFF"))


_WITHIN = (
    (lambda content: content.startswith(b"kuzushiji checkpoint"), _in_checkpoint),
    (lambda content: content[:2] == b"PK", _in_zip),
    (lambda content: content[:2] == b"\x1f\x8b", _in_gzip),
    (lambda content: content[:4] == b"\x89PNG", _in_png),
    (lambda content: content[257:262] == b"ustar", _in_tar),
    (lambda content: content[8:9] == b"{" and content[2:8] == bytes(6), _in_safetensors),
    (_is_onnx, _in_onnx),
    (lambda content: content[:1] in (b"{", b"[") and b'"' in content[:5000], _in_json),
    (_is_text, _in_text),
)
