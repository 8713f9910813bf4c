"""Sinch and Viber: checked by their own libraries, which do not sign."""

import hashlib
import hmac

from sinch.domains.authentication.sinch_events.v1.authentication_validation import (
    calculate_sinch_event_signature,
    compute_signed_data,
    validate_sinch_event_signature_with_nonce,
)
from viberbot import Api, BotConfiguration

from vector import DATE, NOW, compact, write

JSON = "application/json"
TIME = "2026-11-23T23:59:58Z"


def make(provider, name, source, secret, headers, body, expect):
    write(
        provider,
        name,
        {
            "from": {"kind": "sdk", "name": source, "date": DATE},
            "now": NOW,
            "secrets": [secret],
            "request": {"method": "POST", "url": f"/shop/{provider}", "headers": [["Content-Type", JSON], *headers.items()], "body": body},
            "expect": expect,
        },
    )


SINCH = "oracle sinch webhook secret"


def sinch(name, nonce, value, event):
    body = compact({"app_id": "01E9DQ00000000000000000000", "accepted_time": "2026-11-23T23:59:59Z", "event_time": TIME, "project_id": "p1", **value})
    headers = {
        "x-sinch-webhook-signature": calculate_sinch_event_signature(compute_signed_data(body, nonce, str(NOW)), SINCH),
        "x-sinch-webhook-signature-algorithm": "HmacSHA256",
        "x-sinch-webhook-signature-nonce": nonce,
        "x-sinch-webhook-signature-timestamp": str(NOW),
    }
    assert validate_sinch_event_signature_with_nonce(SINCH, headers, body), name
    make("sinch", name, "sinch (PyPI) 2.3.0", SINCH, headers, body, {"event": event, "id": None, "time": TIME})


sinch("sdk-message", "01FJA8B4A7BM43YGWSG9GBV067", {"message": {"id": "m1", "contact_message": {"text_message": {"text": "Zoë ☃"}}}}, "message")
sinch("sdk-delivery-report", "01FJA8B4A7BM43YGWSG9GBV068", {"message_delivery_report": {"message_id": "m2", "status": "DELIVERED"}}, "message_delivery_report")


VIBER = "445da6az1s345z78-dazcczb2542zv51a-e0vc5fva17480im9"
bot = Api(BotConfiguration(name="oracle", avatar="", auth_token=VIBER))


def viber(name, value, expect):
    body = compact({"timestamp": (NOW - 2) * 1000, **value})
    signature = hmac.new(VIBER.encode(), body.encode(), hashlib.sha256).hexdigest()
    assert bot.verify_signature(body.encode(), signature), name
    make("viber", name, "viberbot (PyPI) 1.0.12 (accepts)", VIBER, {"X-Viber-Content-Signature": signature}, body, expect)


sender = {"id": "01234567890A=", "name": "Zoë ☃", "country": "GB", "language": "en", "api_version": 1}
viber(
    "sdk-message",
    {"event": "message", "message_token": 4912661846655238145, "sender": sender, "message": {"type": "text", "text": "a message"}},
    {"event": "message", "id": "message.4912661846655238145", "time": TIME},
)
viber(
    "sdk-delivered",
    {"event": "delivered", "message_token": 4912661846655238146, "user_id": "01234567890A="},
    {"event": "delivered", "id": "delivered.4912661846655238146.01234567890A=", "time": TIME},
)
viber("sdk-webhook", {"event": "webhook", "message_token": 241256543215}, {"handshake": True, "answer": {"status": 200, "body": ""}})
