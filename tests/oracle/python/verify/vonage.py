"""Vonage's own library. It checks the token and leaves the body's digest in it to the reader."""

from vonage_jwt.verify_jwt import verify_signature

EXAMPLE = {"secret": "oracle vonage signature secret, 32 bytes and more", "event": "delivered", "altered": "header:authorization"}


def verify(request):
    return verify_signature(request.headers["authorization"].removeprefix("Bearer "), request.secret)
