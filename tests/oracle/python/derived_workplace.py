"""Messaging, marketing, support, documents and HR: providers without a library that signs or checks.

Requests computed from what their pages, their own sources or independent receivers say. They prove our reading, not the
provider; hence `derived`.
"""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

from vector import DATE, NOW, compact, write

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
SITE = "https://hooks.example.com"
TIME = "2026-11-23T23:59:58Z"


def mac(hash, key, text, encoding="hex"):
    digest = hmac.new(key if isinstance(key, bytes) else key.encode(), text.encode(), hash).digest()
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def basic(credentials):
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


def jwt(claims, key):
    def part(value):
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    text = f"{part(compact({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{part(compact(claims).encode())}"
    return f"{text}.{part(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())}"


def make(provider, name, page, secret, body, expect, headers=None, url=None, method="POST", content_type=JSON, parameters=None):
    body = body if isinstance(body, str) else compact(body)
    vector = {"from": {"kind": "derived", "name": page, "date": DATE}, "now": NOW}
    if parameters:
        vector["parameters"] = parameters
    vector["secrets"] = [secret]
    headers = headers(body) if callable(headers) else headers or {}
    content = [["Content-Type", content_type]] if content_type else []
    vector["request"] = {
        "method": method,
        "url": url(body) if callable(url) else url or f"/shop/{provider}",
        "headers": [*content, *map(list, headers.items())],
        "body": body,
    }
    vector["expect"] = expect
    write(provider, name, vector)


def event(type, id=None, time=None, **more):
    return {"event": type, "id": id, **({"time": time} if time else {}), **more}


def greeting(status=200, content_type=None, body=""):
    answer = {"status": status, **({"contentType": content_type} if content_type else {}), "body": body}
    return {"handshake": True, "answer": answer}


# One signature over the body: header (with its prefix), hash, encoding, and the deliveries.
SIGNED = [
    ("mailerlite", "developers.mailerlite.com, webhooks", "Signature", "", "sha256", "hex", [
        ("subscriber", {"type": "subscriber.created", "email": "zoë@example.com"}, event("subscriber.created")),
        ("batch", {"events": [{"type": "campaign.open"}, {"type": "campaign.open"}], "total": 2}, event("campaign.open")),
    ]),
    ("mautic", "mautic/mautic, WebhookBundle", "Webhook-Signature", "", "sha256", "base64", [
        ("lead", {"mautic.lead_post_save_new": [{"lead": {"id": 1}, "timestamp": "2026-11-23T23:59:58+00:00"}]}, event("mautic.lead_post_save_new")),
    ]),
    ("webex", "developer.webex.com, receive and verify webhooks", "X-Spark-Signature", "", "sha1", "hex", [
        ("message", {"id": "hook", "name": "Zoë ☃", "resource": "messages", "event": "created", "data": {"id": "m1"}}, event("messages.created")),
        ("room", {"id": "hook", "resource": "rooms", "event": "updated", "data": {"id": "r1"}}, event("rooms.updated")),
    ]),
    ("intercom", "developers.intercom.com, signed notifications", "X-Hub-Signature", "sha1=", "sha1", "hex", [
        (
            "conversation",
            {"type": "notification_event", "id": "notif_1", "topic": "conversation.user.created", "created_at": NOW - 2, "data": {"item": {"body": "Zoë ☃"}}},
            event("conversation.user.created", "notif_1", TIME),
        ),
        ("ping", {"type": "notification_event", "id": None, "topic": "ping", "created_at": NOW - 2}, event("ping", None, TIME)),
    ]),
    ("docusign", "developers.docusign.com, validate an HMAC signature", "X-DocuSign-Signature-1", "", "sha256", "base64", [
        (
            "completed",
            {"event": "envelope-completed", "generatedDateTime": "2026-11-23T23:59:58.0000000Z", "data": {"envelopeId": "e1", "name": "Zoë"}},
            event("envelope-completed", None, TIME),
        ),
    ]),
    ("gusto", "docs.gusto.com, webhooks; receivers in use", "X-Gusto-Signature", "", "sha256", "hex", [
        (
            "company",
            {"uuid": "f7397a24-0000-4000-8000-000000000001", "event_type": "company.provisioned", "resource_type": "Company", "timestamp": NOW - 2},
            event("company.provisioned", "f7397a24-0000-4000-8000-000000000001", TIME),
        ),
    ]),
    ("checkr", "receivers in use", "X-Checkr-Signature", "", "sha256", "hex", [
        (
            "report",
            {"id": "evt1", "object": "event", "type": "report.completed", "created_at": TIME, "data": {"object": {"id": "r1", "status": "clear"}}},
            event("report.completed", "evt1", TIME),
        ),
    ]),
    ("segment", "segment.com, webhooks destination", "X-Signature", "", "sha1", "hex", [
        (
            "track",
            {"version": 1, "type": "track", "userId": "u1", "event": "Purchased an Item ☃", "messageId": "ajs-1", "timestamp": "2026-11-23T23:59:58.000Z"},
            event("track", "ajs-1", TIME),
        ),
    ]),
    ("rewardful", "developers.rewardful.com, signed webhooks", "X-Rewardful-Signature", "", "sha256", "hex", [
        ("referral", {"object": {"id": "o1"}, "event": {"id": "e1", "type": "referral.created"}}, event("referral.created", "e1")),
    ]),
    ("greenhouse", "developers.greenhouse.io, webhooks", "Signature", "sha256 ", "sha256", "hex", [
        ("hired", '{"action":"hire_candidate","payload":{"application":{"id":1,"note":"\\u003cp\\u003ehello\\u003c/p\\u003e"}}}', event("hire_candidate", "2001")),
        ("ping", {"action": "ping", "payload": {"web_hook_id": 1}}, event("ping", "2001")),
    ]),
    ("ashby", "developers.ashbyhq.com, authenticating webhooks", "Ashby-Signature", "sha256=", "sha256", "hex", [
        ("application", {"action": "applicationSubmit", "data": {"application": {"id": "a1"}}}, event("applicationSubmit")),
        ("ping", {"action": "ping", "data": {"webhookActionType": "ping"}}, event("ping")),
    ]),
    ("attio", "docs.attio.com, webhooks", "Attio-Signature", "", "sha256", "hex", [
        ("record", {"webhook_id": "w1", "events": [{"event_type": "record.created", "id": {"record_id": "r1"}}]}, event("record.created", "2001")),
        ("batch", {"webhook_id": "w1", "events": [{"event_type": "record.created"}, {"event_type": "record.updated"}]}, event(None, "2001")),
    ]),
    ("storyblok", "storyblok/symfony-bundle, WebhookController", "webhook-signature", "", "sha1", "hex", [
        ("published", {"action": "published", "text": "The user zoë published the Story ☃", "story_id": 123, "space_id": 123}, event("story.published")),
    ]),
    ("help-scout", "helpscout-api-php, IncomingWebhook", "X-HelpScout-Signature", "", "sha1", "base64", [
        ("conversation", {"id": 1, "subject": "Zoë ☃"}, event("convo.created")),
    ]),
]
BESIDE = {
    "greenhouse": {"Greenhouse-Event-ID": "2001"},
    "attio": {"Idempotency-Key": "2001"},
    "storyblok": {"x-storyblok-topic": "story.published"},
    "help-scout": {"X-HelpScout-Event": "convo.created"},
}
for provider, page, header, prefix, hash, encoding, deliveries in SIGNED:
    secret = f"oracle {provider} secret"
    for name, body, expect in deliveries:
        make(
            provider,
            f"derived-{name}",
            page,
            secret,
            body,
            expect,
            lambda text: {header: prefix + mac(hash, secret, text, encoding), **BESIDE.get(provider, {})},
        )

# DocuSign with two active keys: the second header is the one that matches.
DOCUSIGN = "oracle docusign secret"
make(
    "docusign",
    "derived-second-key",
    "developers.docusign.com, validate an HMAC signature",
    DOCUSIGN,
    '<?xml version="1.0" encoding="utf-8"?>\r\n<DocuSignEnvelopeInformation><Status>Completed</Status></DocuSignEnvelopeInformation>\r\n',
    event(None),
    lambda text: {
        "X-DocuSign-Signature-1": mac("sha256", "another key", text, "base64"),
        "X-DocuSign-Signature-2": mac("sha256", DOCUSIGN, text, "base64"),
    },
    content_type="text/xml",
)
make("gusto", "derived-verification", "docs.gusto.com, webhooks", "oracle gusto secret", {"verification_token": "t", "webhook_subscription_uuid": "s"}, greeting())
make("intercom", "derived-head", "developers.intercom.com", "oracle intercom secret", "", greeting(), method="HEAD", content_type=None)

# A time beside the body, in the signed text.
TIMED = [
    ("customer-io", "docs.customer.io, reporting webhooks", "X-CIO-Signature", "X-CIO-Timestamp", str(NOW), "v0:{time}:{body}", "hex", {}, [
        (
            "delivered",
            {"event_id": "01E4C4CT6YDC7Y5M7FE1GWWPQJ", "object_type": "email", "metric": "delivered", "timestamp": NOW - 2, "data": {"recipient": "zoë@example.com"}},
            event("email.delivered", "01E4C4CT6YDC7Y5M7FE1GWWPQJ", TIME),
        ),
    ]),
    ("zendesk", "developer.zendesk.com, verifying webhooks", "X-Zendesk-Webhook-Signature", "X-Zendesk-Webhook-Signature-Timestamp", "2026-11-24T00:00:00Z", "{time}{body}", "base64", {"X-Zendesk-Webhook-Invocation-Id": "01GSCMTCNT2N9D9DQVC4A2KXM5"}, [
        ("ticket", {"type": "zen:event-type:ticket.created", "time": TIME, "id": "e1", "detail": {"subject": "Zoë ☃"}}, event("zen:event-type:ticket.created", "01GSCMTCNT2N9D9DQVC4A2KXM5")),
        ("trigger", {"ticket": 1, "status": "open"}, event(None, "01GSCMTCNT2N9D9DQVC4A2KXM5")),
    ]),
    ("klaviyo", "developers.klaviyo.com, system webhooks", "Klaviyo-Signature", "Klaviyo-Timestamp", "2026-11-24T00:00:00+00:00", "{body}{time}", "hex", {"Klaviyo-Webhook-Id": "w1"}, [
        ("opened", {"data": [{"external_id": "5Kv", "topic": "event:klaviyo.opened_email", "payload": {}}], "meta": {}}, event("event:klaviyo.opened_email", "5Kv")),
    ]),
    ("bamboohr", "documentation.bamboohr.com, webhooks; receivers in use", "X-BambooHR-Signature", "X-BambooHR-Timestamp", str(NOW), "{body}{time}", "hex", {}, [
        ("updated", {"employees": [{"id": "1", "action": "Updated", "changedFields": ["jobTitle"], "fields": {"jobTitle": {"value": "Zoë ☃"}}}]}, event("Updated")),
    ]),
    ("front", "dev.frontapp.com, application webhooks", "X-Front-Signature", "X-Front-Request-Timestamp", f"{NOW}000", "{time}:{body}", "base64", {}, [
        ("inbound", {"type": "inbound_received", "authorization": {"id": "cmp_1"}, "payload": {"id": "evt_1", "type": "inbound", "emitted_at": NOW - 2}}, event("inbound_received", "evt_1")),
    ]),
]
for provider, page, header, time_header, time, signed, encoding, beside, deliveries in TIMED:
    secret = f"oracle {provider} secret, long"
    for name, body, expect in deliveries:
        make(
            provider,
            f"derived-{name}",
            page,
            secret,
            body,
            expect,
            lambda text: {header: mac("sha256", secret, signed.format(time=time, body=text), encoding), time_header: time, **beside},
        )
make(
    "front",
    "derived-challenge",
    "dev.frontapp.com, application webhooks",
    "oracle front secret, long",
    {"type": "sync", "authorization": {"id": "cmp_1"}},
    greeting(200, "text/plain", "a-random-challenge"),
    lambda text: {
        "X-Front-Challenge": "a-random-challenge",
        "X-Front-Signature": mac("sha256", "oracle front secret, long", f"{NOW}000:{text}", "base64"),
        "X-Front-Request-Timestamp": f"{NOW}000",
    },
)

# PandaDoc: the signature stands in the query.
PANDADOC = "oracle pandadoc shared key"
make(
    "pandadoc",
    "derived-completed",
    "developers.pandadoc.com, webhook verification",
    PANDADOC,
    [{"event": "document_state_changed", "data": {"id": "d1", "name": "Zoë ☃", "status": "document.completed"}}],
    event("document_state_changed"),
    url=lambda text: f"/shop/pandadoc?signature={mac('sha256', PANDADOC, text)}",
)

# Lever: time and token are signed, in the body.
LEVER = "oracle lever signature token"
for name, type in [("hired", "candidateHired"), ("stage-change", "candidateStageChange")]:
    token = hashlib.sha256(name.encode()).hexdigest()[:48]
    triggered = (NOW - 2) * 1000
    value = {"id": "e1", "event": type, "triggeredAt": triggered, "data": {"opportunityId": "o1", "name": "Zoë ☃"}, "signature": mac("sha256", LEVER, f"{token}{triggered}"), "token": token}
    make("lever", f"derived-{name}", "hire.lever.co, developer documentation", LEVER, value, event(type, token, TIME))

# Mandrill: URL and sorted fields.
MANDRILL = "oracle-mandrill-key"


def mandrill(name, events, expect, url="/shop/endpoint"):
    fields = {"mandrill_events": compact(events)}
    text = SITE + url + "".join(f"{key}{fields[key]}" for key in sorted(fields))
    make("mandrill", name, "mailchimp.com, track and respond to activity", MANDRILL, urlencode(fields), expect, {"X-Mandrill-Signature": mac("sha1", MANDRILL, text, "base64")}, url, content_type=FORM)


sent = {"event": "send", "msg": {"subject": "Zoë & Söhne ☃", "email": "zoë@example.com"}, "_id": "m1", "ts": NOW - 2}
mandrill("derived-send", [sent], event("send", None, TIME))
mandrill("derived-batch", [sent, {**sent, "event": "open", "_id": "m2"}], event(None, None, TIME), "/shop/endpoint?tenant=a%20b")
make("mandrill", "derived-head", "mailchimp.com", MANDRILL, "", greeting(), url="/shop/endpoint", method="HEAD", content_type=None)
make("mandrill", "derived-empty", "mailchimp.com", MANDRILL, urlencode({"mandrill_events": "[]"}), greeting(), url="/shop/endpoint", content_type=FORM)

# Microsoft Teams: the key is base64, the header is Authorization.
TEAMS = base64.b64encode(b"oracle: 32 bytes of a Teams key.").decode()
make(
    "ms-teams-outgoing",
    "derived-message",
    "learn.microsoft.com, create an outgoing webhook",
    TEAMS,
    {"type": "message", "id": "1485983408511", "timestamp": "2026-11-23T23:59:58.000Z", "text": "<at>lamp</at> on ☃"},
    event("message", "1485983408511", TIME, answer={"status": 200, "contentType": JSON, "body": '{"type":"message","text":"Received."}'}),
    lambda text: {"Authorization": f"HMAC {mac('sha256', base64.b64decode(TEAMS), text, 'base64')}"},
)

# Journey Builder: the whole body is a token.
SALT = "oracle salt, 32 bytes and a little more"
make(
    "salesforce-journey-builder",
    "derived-execute",
    "developer.salesforce.com, encode a JWT using a customer key",
    SALT,
    jwt({"inArguments": [{"email": "zoë@example.com"}], "outArguments": [], "activityId": "a1", "journeyId": "j1", "definitionInstanceId": "d1", "keyValue": "k1"}, SALT),
    event(None),
    content_type="application/jwt",
)

# Nothing is signed: a token or credentials.
TOKEN = "oracle-token-of-the-sender"
USER = "oracle:a long pass:word"
bearer = {"Authorization": f"Bearer {TOKEN}"}
custom = {"X-Webhook-Token": TOKEN}
order = {"orderId": "8010000001", "status": "Activated ☃"}
TOKENS = [
    ("salesforce-platform", "custom-header", "developer.salesforce.com, named credentials", TOKEN, order, event(None), custom),
    ("salesforce-platform", "bearer", "developer.salesforce.com, named credentials", TOKEN, order, event(None), bearer),
    ("telegram", "message", "core.telegram.org, setWebhook", TOKEN, {"update_id": 10000, "message": {"message_id": 1, "date": NOW - 2, "text": "☃"}}, event("message", "10000"), {"X-Telegram-Bot-Api-Secret-Token": TOKEN}),
    ("telegram", "callback", "core.telegram.org, setWebhook", TOKEN, {"update_id": 10001, "callback_query": {"id": "c1", "data": "on"}}, event("callback_query", "10001"), {"X-Telegram-Bot-Api-Secret-Token": TOKEN}),
    ("bandwidth", "delivered", "dev.bandwidth.com, messaging webhooks", USER, [{"type": "message-delivered", "time": TIME, "description": "ok", "message": {"id": "m1"}}], event("message-delivered"), {"Authorization": basic(USER)}),
    ("postmark", "delivery", "postmarkapp.com, webhooks overview", USER, {"RecordType": "Delivery", "MessageID": "883953f4-0000-4000-8000-000000000001", "Recipient": "zoe@example.com", "DeliveredAt": TIME}, event("Delivery"), {"Authorization": basic(USER)}),
    ("postmark", "inbound", "postmarkapp.com, webhooks overview", USER, {"FromName": "Zoë ☃", "MessageID": "883953f4-0000-4000-8000-000000000002", "Subject": "Hello"}, event(None), {"Authorization": basic(USER)}),
    ("brevo", "delivered", "developers.brevo.com, secure webhook calls", USER, {"event": "delivered", "email": "zoe@example.com", "message-id": "<m1>", "ts_epoch": (NOW - 2) * 1000}, event("delivered"), {"Authorization": basic(USER)}),
    ("brevo", "bearer", "developers.brevo.com", TOKEN, {"event": "opened", "email": "zoe@example.com"}, event("opened"), bearer),
    ("mailjet", "sent", "mailjet/api-documentation", USER, {"event": "sent", "time": NOW - 2, "MessageID": 1}, event("sent"), {"Authorization": basic(USER)}),
    ("mailjet", "grouped", "mailjet/api-documentation", USER, [{"event": "open", "time": NOW - 2, "MessageID": 1}, {"event": "click", "time": NOW - 2, "MessageID": 1}], event(None), {"Authorization": basic(USER)}),
    ("sparkpost", "delivery", "developers.sparkpost.com, webhooks", USER, [{"msys": {"message_event": {"type": "delivery", "event_id": "1", "timestamp": str(NOW - 2)}}}], event("delivery", "batch-1"), {"Authorization": basic(USER), "X-MessageSystems-Batch-ID": "batch-1"}),
    ("sparkpost", "test", "django-anymail 15.2 (PyPI)", USER, [{"msys": {}}], event(None), {"Authorization": basic(USER)}),
    ("braze", "currents", "braze.com, custom HTTP connector", TOKEN, {"events": [{"event_type": "users.messages.email.Delivery"}]}, event(None), bearer),
    ("braze", "webhook-message", "braze.com, webhooks", TOKEN, {"user": "u1", "text": "☃"}, event(None), custom),
    ("freshdesk", "custom-header", "support.freshdesk.com", TOKEN, {"freshdesk_webhook": {"ticket_id": 1, "ticket_subject": "Zoë ☃"}}, event(None), custom),
    ("freshdesk", "credentials", "support.freshdesk.com", USER, {"freshdesk_webhook": {"ticket_id": 2}}, event(None), {"Authorization": basic(USER)}),
    ("iterable", "email-open", "support.iterable.com, system webhooks", TOKEN, {"email": "zoe@example.com", "eventName": "emailOpen", "dataFields": {"campaignId": 1, "name": "Zoë ☃"}}, event("emailOpen"), custom),
    ("gorgias", "ticket", "docs.gorgias.com, HTTP integrations", TOKEN, {"ticket_id": "1", "subject": "Zoë ☃"}, event(None), custom),
    ("dynamics-365", "header", "learn.microsoft.com, use webhooks", TOKEN, {"MessageName": "Update", "PrimaryEntityName": "contact", "CorrelationId": "c1", "Stage": 40}, event("Update.contact"), {**custom, "x-ms-dynamics-request-name": "Update", "x-ms-dynamics-entity-name": "contact", "x-ms-correlation-request-id": "c1"}),
]
for provider, name, page, secret, body, expect, headers in TOKENS:
    make(provider, f"derived-{name}", page, secret, body, expect, headers)
make("dynamics-365", "derived-webhook-key", "learn.microsoft.com, use webhooks", TOKEN, {"MessageName": "Create", "PrimaryEntityName": "account"}, event("Create.account"), url=f"/shop/dynamics-365?code={TOKEN}")

# Mailchimp: a form, the token in the URL.
page = "mailchimp.com, sync audience data with webhooks"
form = urlencode({"type": "subscribe", "fired_at": "2026-11-23 23:59:58", "data[email]": "zoë@example.com"})
make("mailchimp", "derived-path-token", page, TOKEN, form, event("subscribe"), url=f"/shop/mailchimp/{TOKEN}", content_type=f"{FORM}; charset=UTF-8")
make("mailchimp", "derived-query-token", page, TOKEN, form, event("subscribe"), url=f"/shop/mailchimp?token={TOKEN}", content_type=FORM)
make("mailchimp", "derived-saved", page, TOKEN, "", greeting(), url=f"/shop/mailchimp/{TOKEN}", method="GET", content_type=None)

# Acrobat Sign: the token in the URL, the client id echoed.
page = "developer.adobe.com, Acrobat Sign events"
client = {"clientId": "CBJCHBCAABAAo8d3u0Yk"}
echo = {"X-AdobeSign-ClientId": client["clientId"]}
echoed = {"status": 200, "headers": echo, "body": ""}
notification = {"webhookId": "w1", "webhookNotificationId": "n1", "event": "AGREEMENT_ACTION_COMPLETED", "agreement": {"id": "a1", "name": "Zoë ☃"}}
make("adobe-sign", "derived-completed", page, TOKEN, notification, event("AGREEMENT_ACTION_COMPLETED", "n1", answer=echoed), echo, f"/shop/adobe-sign/{TOKEN}", parameters=client)
make("adobe-sign", "derived-intent", page, TOKEN, "", {"handshake": True, "answer": echoed}, echo, f"/shop/adobe-sign/{TOKEN}", "GET", None, client)

# Google: no body, the headers are the event.
page = "developers.google.com, push notifications"
channel = {"X-Goog-Channel-ID": "4ba78bf0-0000-4000-8000-000000000001", "X-Goog-Channel-Token": TOKEN, "X-Goog-Resource-ID": "ret08u3rv24htgh289g"}
changed = {**channel, "X-Goog-Message-Number": "10", "X-Goog-Resource-State": "exists", "X-Goog-Resource-URI": "https://www.googleapis.com/calendar/v3/calendars/c1/events"}
make("google-push", "derived-exists", page, TOKEN, "", event("exists", "4ba78bf0-0000-4000-8000-000000000001.10"), changed, content_type=None)
make("google-push", "derived-sync", page, TOKEN, "", greeting(), {**channel, "X-Goog-Message-Number": "1", "X-Goog-Resource-State": "sync"}, content_type=None)

# Microsoft Graph: a token in every notification.
page = "learn.microsoft.com, change notifications"


def change(id, type, state=TOKEN):
    return {"id": id, "subscriptionId": "s1", "clientState": state, "changeType": type, "resource": "users/u1/messages/m1", "tenantId": "t1"}


accepted = {"answer": {"status": 202, "body": ""}}
make("microsoft-graph", "derived-created", page, TOKEN, {"value": [change("lsgTZMr9KwAAA", "created")]}, event("created", "lsgTZMr9KwAAA", **accepted))
make("microsoft-graph", "derived-batch", page, TOKEN, {"value": [change("a", "created"), change("b", "updated")]}, event(None, None, **accepted))
make("microsoft-graph", "derived-validation", page, TOKEN, "", greeting(200, "text/plain", "Validation: Testing client application reachability 1"), url="/shop/microsoft-graph?validationToken=Validation%3A+Testing+client+application+reachability+1", content_type="text/plain; charset=utf-8")

# Mattermost: the token in the body.
page = "mattermost/mattermost, OutgoingWebhookPayload"
post = {"token": TOKEN, "team_id": "t1", "channel_name": "town-square", "timestamp": NOW - 2, "post_id": "p1", "text": "lamp on ☃", "trigger_word": "lamp"}
make("mattermost", "derived-json", page, TOKEN, post, event("lamp", "p1"))
make("mattermost", "derived-form", page, TOKEN, urlencode(sorted(post.items())), event("lamp", "p1"), content_type=FORM)
