from svix.webhooks import Webhook

EXAMPLE = {"secret": "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", "event": "invoice.paid", "id": "msg_oracle_8"}


def verify(request):
    Webhook(request.secret).verify(request.body, request.headers)
    return True
