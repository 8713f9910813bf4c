from slack_sdk.signature import SignatureVerifier

EXAMPLE = {"secret": "oracle slack signing secret", "event": "message", "id": "Ev9ORACLE"}


def verify(request):
    return SignatureVerifier(request.secret).is_valid_request(request.body, request.headers)
