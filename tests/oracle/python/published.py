"""Examples that providers published whole: key, request and signature are theirs. Each is computed again here."""

import base64
import hashlib
import hmac

from vector import DATE, write


def publish(to, name, kind, source, now, secret, headers, content_type, body, expect, parameters=None):
    vector = {"from": {"kind": kind, "name": source, "date": DATE}, "now": now}
    if parameters:
        vector["parameters"] = parameters
    vector["secrets"] = [secret]
    vector["request"] = {"method": "POST", "url": f"/shop/{to}", "headers": [["Content-Type", content_type], *headers], "body": body}
    vector["expect"] = expect
    write(to, name, vector)


def mac(key, text):
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()


# ConfigCat: the example of its page, in seven languages.
key, id, time, body = "configcat_whsk_VN3juirnVh5pNvCKd81RYRYchxUX4j3NykbZG2fAy88=", "b616ca659d154a5fb907dd8475792eeb", 1669629035, "examplebody"
signature = "Ks3cYsu9Lslfo+hVxNC3oQWnsF9e5d73TI5t94D9DRA="
assert base64.b64encode(mac(key, f"{id}{time}{body}")).decode() == signature
publish(
    "configcat",
    "documentation-example",
    "documentation",
    "configcat.com, calculating signature",
    time,
    key,
    [["X-ConfigCat-Webhook-ID", id], ["X-ConfigCat-Webhook-Timestamp", str(time)], ["X-ConfigCat-Webhook-Signature-V1", signature]],
    "text/plain",
    body,
    {"event": None, "id": id},
)

# Discourse: what its own specification expects of the job that sends; the secret is that of its fabricator.
key, body, signature = "my_lovely_secret_for_web_hook", '{"ping":"OK"}', "162f107f6b5022353274eb1a7197885cfd35744d8d08e5bcea025d309386b7d6"
assert mac(key, body).hex() == signature
publish(
    "discourse",
    "sender-ping",
    "sender",
    "discourse/discourse, emit_web_hook_event_spec.rb",
    1795478400,
    key,
    [["X-Discourse-Event-Id", "1"], ["X-Discourse-Event-Type", "ping"], ["X-Discourse-Event", "ping"], ["X-Discourse-Event-Signature", f"sha256={signature}"]],
    "application/json",
    body,
    {"event": "ping", "id": None},
)

# Convoy: what the tests of its signing package expect. The second has signatures of three secrets while one is rolled, the
# first a v2 that is SHA-512 and base64 beside the v1 that counts. Blanks are not signed.
body = '{"b": {}, "e": "123", "a": 1}'
V1 = "c97c302e4a991a7d4a72b60c3f9a0c3adb3611cd0acc632994a72ace04d6509c"
V2 = "HEfgcRgjEFAl0rS/Vig/WvanDWsBNWx7y6htFUcou5hKXj4tPKy/4K/v8HXuIl2MeiPT8bYZvYHTd5ORhvN93Q=="
ROLLED = [
    "5b255b0b867c5540679bad7dfa11be73ffd4ee248647646fb325ccbe19167439",
    "9942b27103f8f5f5ce4cd3751524dbb7087a596487c784655a33f528cd4d7400",
    "d5589c4f5e51d74e6116c8d5db2704d76cdf88521e2cdd749d2d5091e3d6183c",
]
compact = body.replace(" ", "")
assert mac("secret", f"1257894000,{compact}").hex() == V1
assert mac("new-secret", f"1257894000,{compact}").hex() == ROLLED[2]
for name, key, value in [
    ("sender-two-schemes", "secret", f"t=1257894000,v1={V1},v2={V2}"),
    ("sender-rolled", "new-secret", ",".join(["t=1257894000", *(f"v1={one}" for one in ROLLED)])),
]:
    publish(
        "convoy-advanced",
        name,
        "sender",
        "frain-dev/convoy, pkg/signature tests",
        1257894000,
        key,
        [["X-Convoy-Signature", value]],
        "application/json",
        body,
        {"event": None, "id": None},
    )
