#!/usr/bin/env python3
"""Reads a copy without Postern: written from docs/copy-format.md, keys.md and trust.md alone.

    read_copy.py FOLDER STATE ROOT SITE_KEY FEED

FOLDER is the copy, STATE one of its states with a base (`documents/000000000001`), ROOT a root that lists its signers,
SITE_KEY a site's private key file. Manifest, signature, trees, digest, key check and self test are checked; each row of
the feed FEED must be found with its record and id, and numbers beside them must not. Needs the package `cryptography`.
"""

import csv
import datetime
import functools
import hashlib
import hmac
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PAGE = 4096
KINDS = {"document": 1, "vin": 2, "plate": 3, "engine": 4, "part": 4, "serial": 5, "imo": 6, "hull": 6}
DATABASES = {"sltd": 1, "smv": 1, "firearms": 1, "vessels": 1, "tdawn": 2, "sad": 3}


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hkdf(secret, salt, info):
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def number(data):
    return int.from_bytes(data, "little")


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b.ljust(len(a), b"\0")))


# Trust and keys

def verified(root, state):
    text = (state / "manifest.json").read_bytes()
    keys = {}
    for key_id in root["roles"]["copy"]["keys"]:
        raw = bytes.fromhex(root["keys"][key_id].removeprefix("ed25519-public:"))
        assert hashlib.sha256(raw).hexdigest()[:16] == key_id
        keys[key_id] = Ed25519PublicKey.from_public_bytes(raw)
    good = set()
    for line in (state / "manifest.sig").read_text().splitlines():
        key_id, signature = line.split(" ")
        keys[key_id].verify(bytes.fromhex(signature), b"postern mind manifest 2\0" + text)
        good.add(key_id)
    assert len(good) >= root["roles"]["copy"]["threshold"]
    return json.loads(text)


def unwrap(folder, manifest, site_file):
    line = Path(site_file).read_text().strip()
    site = X25519PrivateKey.from_private_bytes(bytes.fromhex(line.removeprefix("x25519-private:")))
    public = site.public_key().public_bytes_raw()
    dataset, generation = manifest["dataset"], manifest["generation"]
    file = json.loads((folder / "keys" / f"{dataset}.{generation}.json").read_text())
    mine = [one for one in file["wrapped"] if one["recipient"] == hashlib.sha256(public).hexdigest()[:16]][0]
    ephemeral = bytes.fromhex(mine["ephemeral"])
    shared = site.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    info = "\0".join(["postern wrapped generation key 1", dataset, generation]).encode()
    key = hkdf(shared, ephemeral + public, info)
    return AESGCM(key).decrypt(bytes(12), bytes.fromhex(mine["sealed"]), None)


# Pages

def checked(state, name, file, said):
    data, tree = (state / f"{name}.bin").read_bytes(), (state / f"{name}.tree").read_bytes()
    assert len(data) == said["bytes"] and len(data) % PAGE == 0
    index = lambda i: i.to_bytes(8, "little")
    level = [sha(b"\0", bytes([file]), index(i), data[at:at + PAGE]) for i, at in enumerate(range(0, len(data), PAGE))]
    written, number_of_level = b"", 0
    while True:
        joined = b"".join(level)
        written += joined + bytes(-len(joined) % PAGE)
        if len(level) == 1 and number_of_level > 0:
            break
        number_of_level += 1
        level = [sha(b"\1", bytes([number_of_level]), index(i), b"".join(level[at:at + 128]))
                 for i, at in enumerate(range(0, len(level), 128))]
    assert written == tree and level[0].hex() == said["root"]
    return data


# The seal

class Seal:
    def __init__(self, generation_key):
        self.key = generation_key
        for name in ["locator", "secret", "tag", "pad", "mark", "id pad"]:
            setattr(self, "k_" + name.replace(" ", ""), self.use("copy " + name)[:16])

    def use(self, label):
        return hkdf(self.key, b"postern generation key 1", label.encode())

    @staticmethod
    def aes(key, block):
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)

    def f(self, key, kind, text):
        text = text.encode()
        if len(text) <= 14:
            data = bytes([kind, len(text)]) + text.ljust(14, b"\0")
        else:
            data = (bytes([kind + 0x80, len(text)]) + text).ljust(48, b"\0")
        c = bytes(16)
        for at in range(0, len(data), 16):
            c = self.aes(key, xor(c, data[at:at + 16]))
        return c

    def locator(self, kind, text):
        return number(self.f(self.k_locator, kind, text)) % 2**48

    def secret(self, kind, text):
        return self.f(self.k_secret, kind, text)

    def open(self, secret, tag, body):
        record = body ^ number(self.aes(self.k_pad, xor(secret, tag))) % 2**68
        again = self.aes(self.k_tag, xor(secret, record.to_bytes(9, "little")))[:8]
        return record if again == tag else None

    def mark(self, secret, database, text):
        c = self.aes(self.k_mark, xor(secret, bytes([database, len(text)])))
        for at in range(0, len(text), 16):
            c = self.aes(self.k_mark, xor(c, text[at:at + 16].encode()))
        return c[:8]

    def open_id(self, secret, database, mark, length, body):
        plain = b""
        for j, at in enumerate(range(0, len(body), 16)):
            plain += xor(body[at:at + 16], self.aes(self.k_idpad, xor(secret, mark + j.to_bytes(8, "little"))))
        text = plain.hex() if length & 0x80 else plain.decode()
        return text if self.mark(secret, database, text) == mark else None


def date(value, codes):
    if value == 0:
        return ""
    if value >= 53665:
        return codes["dates"][value - 53665]
    year, month, day = (value - 1) // (13 * 32), (value - 1) // 32 % 13, (value - 1) % 32
    part = lambda value: f"{value:02}" if value else "XX"
    return f"{1949 + year if year else 'XXXX'}-{part(month)}-{part(day)}"


def unpack(record, codes):
    fields = []
    for bits in [2, 9, 7, 5, 9, 4, 16, 16]:
        fields.append(record % 2**bits)
        record >>= bits
    assert record == 0
    database, issuer, kind, theft, country, notice, theft_date, retention = fields
    pick = lambda name, place: codes[name][place - 1] if place else ""
    epoch = datetime.date(1970, 1, 1)
    return database, {
        "issuer": pick("states", issuer), "type": pick("types", kind), "theft_type": pick("thefts", theft),
        "theft_country": pick("states", country), "notice": pick("notices", notice),
        "theft_date": date(theft_date, codes),
        "retention_date": str(epoch + datetime.timedelta(retention - 1)) if retention else "",
    }


# The table

class Table:
    def __init__(self, data, records):
        self.data, self.n = data, records
        self.b = max(1, -(-records // 23))
        self.s = self.b.bit_length() - 1
        self.slot_bytes = -(-(164 - self.s) // 8)
        self.a_page = PAGE // self.slot_bytes
        self.first_slot = 1 + -(-(self.b + 1) // 64)
        self.first_overflow = self.first_slot + -(-records // self.a_page)
        self.overflow = number(data[32:40])
        assert data[:16] == b"postern-table-2\n" and not any(data[40:PAGE])
        assert number(data[16:24]) == records and number(data[24:32]) == self.b
        assert len(data) == PAGE * (self.first_overflow + -(-2 * self.overflow // PAGE))

    def bucket(self, i):
        line = self.data[PAGE + 64 * i:PAGE + 64 * i + 64]
        return line[0], number(line[1:6]), [number(line[6 + 2 * t:8 + 2 * t]) for t in range(29)]

    def end(self, i):
        count, first, _ = self.bucket(i)
        return self.bucket(i + 1)[1] if count == 255 else first + count

    def slot(self, i):
        at = PAGE * (self.first_slot + i // self.a_page) + i % self.a_page * self.slot_bytes
        rest = number(self.data[at + 8:at + self.slot_bytes])
        return self.data[at:at + 8], rest % 2**68, rest >> 68

    def candidates(self, locator):
        product = locator * self.b
        bucket, tag, rest = product >> 48, product >> 32 & 0xffff, (product & 0xffffffff) >> self.s
        count, first, tags = self.bucket(bucket)
        slots = [first + i for i in range(min(29, count)) if tags[i] == tag]
        if count > 29 and tag >= tags[28]:
            slots += range(first + 29, self.end(bucket))
        return [(i, *self.slot(i)[:2]) for i in slots if self.slot(i)[2] == rest]

    def entries(self):
        """Each slot with its locator, which comes back from its place."""
        left = [number(self.data[at:at + 2]) for at in range(self.first_overflow * PAGE, len(self.data), 2)]
        left, slot = iter(left), 0
        for bucket in range(self.b):
            _, first, tags = self.bucket(bucket)
            assert first == slot
            while slot < self.end(bucket):
                tag = tags[slot - first] if slot - first < 29 else next(left)
                seal_tag, body, rest = self.slot(slot)
                q = bucket * 2**48 + tag * 2**32 + rest * 2**self.s
                yield -(-q // self.b), seal_tag, body
                slot += 1
        assert self.bucket(self.b) == (0, self.n, [0] * 29) and slot == self.n


def sealed_id(ids, slot):
    at = number(ids[slot // 16 * 8:slot // 16 * 8 + 8])
    for _ in range(slot % 16):
        at += 9 + (ids[at] & 0x7f)
    length = ids[at]
    return ids[at + 1:at + 9], length, ids[at + 9:at + 9 + (length & 0x7f)]


def main(folder, state, root, site_key, feed):
    folder = Path(folder)
    state = folder / state
    manifest = verified(json.loads(Path(root).read_text()), state)
    assert manifest["format"] == 2 and manifest["seal"] == "aes128-siv-68"
    key = unwrap(folder, manifest, site_key)
    seal = Seal(key)
    name = "\0".join([manifest["dataset"], manifest["generation"]]).encode()
    assert hmac.new(seal.use("key check"), name, "sha256").hexdigest()[:32] == manifest["key_check"]
    table = Table(checked(state, "table", 1, manifest["table"]), manifest["records"])
    ids = checked(state, "ids", 2, manifest["ids"])

    digest, last = hashlib.sha256(), b""
    for slot, (locator, tag, body) in enumerate(table.entries()):
        mark, length, id_body = sealed_id(ids, slot)
        key14 = locator.to_bytes(6, "big") + mark[::-1]
        assert last < key14
        last = key14
        digest.update(key14 + tag + body.to_bytes(9, "little") + bytes([length]) + id_body)
    assert digest.hexdigest() == manifest["digest"]

    @functools.cache
    def look_up(kind, text):
        secret, found = seal.secret(kind, text), []
        for slot, tag, body in table.candidates(seal.locator(kind, text)):
            record = seal.open(secret, tag, body)
            if record is not None:
                database, fields = unpack(record, manifest["codes"])
                mark, length, id_body = sealed_id(ids, slot)
                found.append((database, mark, seal.open_id(secret, database, mark, length, id_body), fields))
        return found

    rows = absent = 0
    numbers = set()
    with open(feed, newline="", encoding="utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            kind = KINDS[row.get("kind") or "document"]
            found = look_up(kind, row["number"])
            mine = [one for one in found if one[0] == DATABASES[row["database"]] and one[2] == row["record_id"]]
            assert len(mine) == 1, f"row {rows + 2} is found {len(mine)} times"
            assert all(row[name] == value for name, value in mine[0][3].items()), f"row {rows + 2} says something else"
            numbers.add((kind, row["number"]))
            rows += 1
    assert rows == manifest["records"]
    for kind, text in sorted(numbers):
        if (kind, other := (text[:-1] + "ZZ")[:25]) not in numbers:
            assert look_up(kind, other) == []
            absent += 1

    sealed = bytes.fromhex(manifest["self_test"])
    questions = json.loads(AESGCM(seal.use("copy self test")).decrypt(sealed[:12], sealed[12:], None))
    for one in questions:
        found = look_up(one["kind"], one["number"])
        there = any((f[0], number(f[1])) == (DATABASES[one["database"]], one["mark"]) for f in found)
        assert there == one["present"]
    print(f"{rows} rows found, {absent} other numbers not found, {len(questions)} questions of the self test answered")


if __name__ == "__main__":
    main(*sys.argv[1:])
