"""Standard Webhooks with Svix's header names: signed and checked by Svix's library."""

import base64
from datetime import datetime, timezone
from unittest.mock import patch

import standardwebhooks.webhooks
from svix.webhooks import Webhook

from vector import DATE, NOW, compact, write

SECRET = "whsec_" + base64.b64encode(b"jethook oracle, a test secret...").decode()
AT = datetime.fromtimestamp(NOW, tz=timezone.utc)


class Fixed(datetime):
    @classmethod
    def now(cls, tz=None):
        return AT


body = compact({"type": "invoice.paid", "timestamp": "2026-11-23T23:59:58Z", "data": {"total": 1200, "name": "Zoë ☃"}})
headers = [
    ["Content-Type", "application/json"],
    ["svix-id", "msg_oracle_svix_1"],
    ["svix-timestamp", str(NOW)],
    ["svix-signature", Webhook(SECRET).sign("msg_oracle_svix_1", AT, body)],
]
with patch.object(standardwebhooks.webhooks, "datetime", Fixed):
    Webhook(SECRET).verify(body, dict(headers))

write(
    "standard-webhooks",
    "sdk-svix-headers",
    {
        "from": {"kind": "sdk", "name": "svix (PyPI) 2.9.1", "date": DATE},
        "now": NOW,
        "secrets": [SECRET],
        "request": {"method": "POST", "url": "/shop/crm", "headers": headers, "body": body},
        "expect": {"event": "invoice.paid", "id": "msg_oracle_svix_1", "time": "2026-11-23T23:59:58Z"},
    },
)
