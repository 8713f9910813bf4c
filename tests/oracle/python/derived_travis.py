"""Travis CI: RSA with SHA-1 over the decoded form field, by a key of our own whose public half stands for the fetched one."""

import base64
import hashlib
from urllib.parse import urlencode

from vector import DATE, NOW, compact, write

URL = "https://api.travis-ci.com/config"
# AlgorithmIdentifier of rsaEncryption, and DigestInfo of SHA-1 up to the digest (RFC 8017, 9.2).
RSA = bytes.fromhex("300d06092a864886f70d0101010500")
SHA1 = bytes.fromhex("3021300906052b0e03021a05000414")


def is_prime(number):
    """Miller and Rabin's test to fixed bases: enough for a number that nobody chose against it."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        power = pow(base, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def prime(seed):
    """The first prime of 1024 bits from a fixed place on, so that each run has the same key."""
    start = b"".join(hashlib.sha256(seed + bytes([part])).digest() for part in range(4))
    number = int.from_bytes(start, "big") | 3 << 1022 | 1
    while not is_prime(number):
        number += 2
    return number


def der(tag, content):
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def integer(number):
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


P, Q, E = prime(b"jethook oracle p"), prime(b"jethook oracle q"), 65537
N, D = P * Q, pow(E, -1, (P - 1) * (Q - 1))


def public_key():
    info = der(0x30, RSA + der(3, b"\0" + der(0x30, integer(N) + integer(E))))
    text = base64.b64encode(info).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"


def sign(message):
    digest = SHA1 + hashlib.sha1(message).digest()
    block = b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest
    return base64.b64encode(pow(int.from_bytes(block, "big"), D, N).to_bytes(256, "big")).decode()


repository = {"id": 1, "name": "lamp", "owner_name": "acme"}
for state in ("passed", "failed"):
    build = {"id": 7, "number": "7", "type": "push", "state": state, "message": "Brighter — ☀ & 100 %", "repository": repository}
    payload = compact(build)
    headers = [
        ["Content-Type", "application/x-www-form-urlencoded"],
        ["Signature", sign(payload.encode())],
        ["Travis-Repo-Slug", "acme/lamp"],
    ]
    write(
        "travis-ci",
        f"derived-{state}",
        {
            "from": {"kind": "derived", "name": "docs.travis-ci.com, verifying webhook requests", "date": DATE},
            "now": NOW,
            "parameters": {"repository": "acme/lamp"},
            "secrets": [],
            "fetched": {URL: {"config": {"notifications": {"webhook": {"public_key": public_key()}}}}},
            "request": {"method": "POST", "url": "/shop/travis", "headers": headers, "body": urlencode({"payload": payload})},
            "expect": {"event": f"push.{state}", "id": f"7.{state}"},
        },
    )
