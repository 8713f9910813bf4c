"""Sinch's own library."""

from sinch.domains.authentication.sinch_events.v1.authentication_validation import validate_sinch_event_signature_with_nonce

EXAMPLE = {"secret": "oracle sinch webhook secret", "event": "message"}


def verify(request):
    return validate_sinch_event_signature_with_nonce(request.secret, request.headers, request.body.decode())
