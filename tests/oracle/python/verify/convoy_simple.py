from convoy.utils.webhook import Webhook

EXAMPLE = {"secret": "example endpoint secret", "body": '{"lamp":7}'}


def verify(request):
    return Webhook(request.secret).verify_signature(request.body.decode(), request.headers["x-convoy-signature"]) is True
