"""Convoy's simple signatures: signed and checked by convoy-python. Its advanced ones disagree with the server and are not used."""

from convoy.utils.webhook import Webhook

from vector import DATE, NOW, compact, write

SECRET = "oracle convoy endpoint secret"


def make(name, payload, blanks=False, header="X-Convoy-Signature"):
    body = compact(payload)
    library = Webhook(SECRET)
    signature = library.create_signature(body)
    assert library.verify_signature(body, signature) is True, name
    vector = {"from": {"kind": "sdk", "name": "convoy-python 0.2.0", "date": DATE}, "now": NOW}
    if header != "X-Convoy-Signature":
        vector["parameters"] = {"header": header}
    # The server signs the JSON without blanks and sends it as it was given.
    sent = body.replace('":', '": ') if blanks else body
    write(
        "convoy-simple",
        name,
        {
            **vector,
            "secrets": [SECRET],
            "request": {"method": "POST", "url": "/shop/convoy-simple", "headers": [["Content-Type", "application/json"], [header, signature]], "body": sent},
            "expect": {"event": None, "id": None},
        },
    )


make("sdk-event", {"event_type": "payment.success", "data": {"note": "größer ☀"}})
make("sdk-blanks", {"event_type": "payment.success", "data": {"amount": 7}}, blanks=True)
make("sdk-own-header", {"lamp": 7}, header="X-Acme-Signature")
