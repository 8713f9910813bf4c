"""A delivery and what is expected of it, in one call."""

import hashlib
import hmac

from vector import DATE, NOW, write

SECRET = "an oracle's secret, not a real one"
JSON = "application/json"


def digest(body, hash="sha256", secret=SECRET):
    return hmac.new(secret.encode(), body.encode(), hash).hexdigest()


def make(provider, name, page, headers, body, expect, secrets=(SECRET,), url=None, kind="derived", content=JSON, **more):
    request = {"method": more.pop("method", "POST"), "url": url or f"/shop/{provider}"}
    request["headers"] = [["Content-Type", content], *([name, value] for name, value in headers.items())]
    request["body"] = body
    vector = {"from": {"kind": kind, "name": page, "date": DATE}, "now": NOW, **more}
    write(provider, f"{kind}-{name}", {**vector, "secrets": list(secrets), "request": request, "expect": expect})


def event(type, id=None, time=None):
    return {"event": type, "id": id, **({"time": time} if time else {})}


def handshake(status=200, body="", headers=None):
    answer = {"status": status, "body": body}
    if headers:
        answer["headers"] = headers
    return {"handshake": True, "answer": answer}
