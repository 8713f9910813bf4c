"""Content, forms, social, health, data, flags and standards: requests computed here from what the providers' pages say.

They prove that jethook does what we read, not that the provider does. One row a request. A row with `source` came out of the
provider's own program, or went into it, exactly as it is made here: the program is named, and not run here.
"""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

from vector import DATE, NOW, compact, write

PUBLIC = "https://hooks.example.com/shop/endpoint"
MS = NOW * 1000

ENCODE = {
    "hex": lambda raw: raw.hex(),
    "hexUpper": lambda raw: raw.hex().upper(),
    "base64": lambda raw: base64.b64encode(raw).decode(),
}


def fill(text, values):
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def make(row):
    """Signs `signed` with `key` (or `secret`) and puts the signature into `value` under the name `header`."""
    body = row.get("body", "")
    if not isinstance(body, str):
        body = compact(body)
    secret = row["secret"]
    values = {"t": str(row.get("t", NOW)), "url": PUBLIC}
    values = {**values, **{name: fill(value, values) for name, value in row.get("values", {}).items()}, "body": body}
    headers = {name: fill(value, values) for name, value in row.get("headers", {}).items()}
    if "signed" in row:
        key = row.get("key", secret)
        key = key if isinstance(key, bytes) else key.encode()
        raw = hmac.new(key, fill(row["signed"], values).encode(), row.get("hash", "sha256")).digest()
        signature = ENCODE[row.get("encoding", "hex")](raw)
        headers[row["header"]] = fill(row.get("value", "{sig}"), {**values, "sig": signature})
    content_type = row.get("type", "application/json")
    kind, source = row.get("source", ("derived", row["page"]))
    vector = {"from": {"kind": kind, "name": source, "date": DATE}, "now": NOW}
    if "parameters" in row:
        vector["parameters"] = row["parameters"]
    vector["secrets"] = [secret, *row.get("more", [])] if secret else row["more"]
    vector["request"] = {
        "method": row.get("method", "POST"),
        "url": row.get("url", f"/shop/{row['to']}"),
        "headers": [["Content-Type", content_type]] * bool(content_type) + [[name, value] for name, value in headers.items()],
        "body": body,
    }
    vector["expect"] = row["expect"]
    write(row["to"], f"{kind}-{row['name']}", vector)


def event(kind, id=None, time=None):
    return {"event": kind, "id": id, **({"time": time} if time else {})}


def greeting(body="", content_type=None, status=200):
    answer = {"status": status, **({"contentType": content_type} if content_type else {}), "body": body}
    return {"handshake": True, "answer": answer}


FORM = "application/x-www-form-urlencoded"
LAST = "2026-11-23T23:59:58Z"


def digest(key, text):
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()


ASANA_SAMPLE = ("sdk", "Asana/devrel-examples 7f18334, webhooks-nodejs (accepts)")
ASANA = dict(to="asana", page="developers.asana.com, webhooks guide", secret="b537207f20cbfa02357cf448134da559e8bd39d6", header="X-Hook-Signature", signed="{body}")
CALENDLY = dict(to="calendly", page="developer.calendly.com, webhook signatures", secret="oracle calendly signing key", header="Calendly-Webhook-Signature", signed="{t}.{body}", value="t={t},v1={sig}")
CLICKUP = dict(to="clickup", page="developer.clickup.com, webhook signature", secret="ORACLECLICKUPSECRET", header="X-Signature", signed="{body}")
SNYK = dict(to="snyk", page="docs.snyk.io, validating payloads", secret="oracle snyk secret", header="X-Hub-Signature", value="sha256={sig}", signed="{body}")
GHOST = dict(to="ghost", page="TryGhost/Ghost, webhook-trigger.js", secret="oracle ghost secret", t=MS, header="X-Ghost-Signature", value="sha256={sig}, t={t}", signed="{body}{t}")
GHOST_TRIGGER = ("sender", "ghost 6.65.0 (npm), webhook-trigger.js (by hand)")
INFISICAL = dict(to="infisical", page="Infisical/infisical, webhook-fns.ts", secret="oracle infisical secret", t=MS - 500, header="X-Infisical-Signature", value="t={t};{sig}", signed="{body}")
STATSIG = dict(to="statsig", page="docs.statsig.com, event webhook", secret="webhook-oracle", t=MS, header="X-Statsig-Signature", value="v0={sig}", signed="v0:{t}:{body}", headers={"X-Statsig-Request-Timestamp": "{t}"})
X = dict(to="x-twitter", page="docs.x.com, webhooks quickstart", secret="oracle x consumer secret")
X_SAMPLE = ("sdk", "xdevplatform/account-activity-dashboard 565c0a5, helpers/security.js (by hand)")
X_EVENT = dict(X, encoding="base64", header="x-twitter-webhooks-signature", value="sha256={sig}", signed="{body}")
LINKEDIN = dict(to="linkedin", page="learn.microsoft.com, LinkedIn webhook validation", secret="oracle linkedin client secret")
STREAM = dict(to="cloudflare-stream", page="developers.cloudflare.com, Stream webhooks", secret="85011ed3a913c6ad5f9cf6c5573cc0a7", header="Webhook-Signature", value="time={t},sig1={sig}", signed="{t}.{body}")
TAILSCALE = dict(to="tailscale", page="tailscale/tailscale, docs/webhooks", secret="tskey-webhook-oracle", header="Tailscale-Webhook-Signature", value="t={t},v1={sig}", signed="{t}.{body}")
TAILSCALE_EXAMPLE = ("sdk", "tailscale/tailscale de9ec7ee2, docs/webhooks/example.go (accepts)")
DBT = dict(to="dbt-cloud", page="docs.getdbt.com, webhooks", secret="oracle dbt secret token", header="Authorization", signed="{body}")
CAL = dict(to="cal-com", page="calcom/cal.com, sendPayload.ts", secret="oracle cal secret", header="X-Cal-Signature-256", signed="{body}")
SUPABASE = dict(to="supabase-db", page="supabase.com, database webhooks", secret="oracle-database-webhook-token")
CLOUDEVENTS = dict(to="cloudevents-webhook", page="cloudevents/spec, http-webhook.md", secret="oracle-cloudevents-token")
OUTPOST = dict(to="outpost", page="hookdeck/outpost, webhook destinations", secret="whsec_0a1b2c3d4e5f60718293a4b5c6d7e8f9", signed="{body}", header="x-outpost-signature", value="v0={sig}")
OUTPOST_SIGNER = ("sender", "hookdeck/outpost v1.2.0-10-gf67ae011, its signature manager (by hand)")
FLAGSMITH = dict(to="flagsmith", page="Flagsmith/flagsmith, webhooks.py", secret="oracle flagsmith secret", header="X-Flagsmith-Signature", signed="{body}")
FLAGSMITH_SIGNER = ("sender", "Flagsmith/flagsmith 2.265.0, core.signing (by hand)")
ABLY = dict(to="ably", page="ably.com, webhook security", secret="oracleAblyKeySecret", encoding="base64", header="X-Ably-Signature", signed="{body}", headers={"X-Ably-Key": "app.key", "X-Ably-Version": "1.2"})
TWITCH = dict(to="twitch", page="dev.twitch.tv, handling webhook events", secret="oracle twitch secret", t="2026-11-23T23:59:59.123456789Z", header="Twitch-Eventsub-Message-Signature", value="sha256={sig}", signed="{id}{t}{body}")
FORMSTACK = dict(to="formstack", page="n8n-nodes-base 2.41.2, Formstack trigger", secret="oracle formstack key", header="X-FS-Signature", value="sha256={sig}", signed="{body}")
SURVEYMONKEY = dict(to="surveymonkey", page="n8n-nodes-base 2.41.2, SurveyMonkey trigger", secret="oracle surveymonkey secret", parameters={"clientId": "oracleClient"})
TYPEFORM = dict(to="typeform", page="typeform.com, secure your webhooks", secret="oracle typeform secret", encoding="base64", header="Typeform-Signature", value="sha256={sig}", signed="{body}")
TRELLO = dict(to="trello", page="n8n-nodes-base 2.41.2, Trello trigger", secret="oracle trello app secret", url="/shop/endpoint")

META = dict(to="meta", page="developers.facebook.com, webhooks", secret="oracle meta app secret", more=[{"use": "verifyToken", "value": "meatyhamhock"}])
META_EVENT = dict(META, header="X-Hub-Signature-256", value="sha256={sig}", signed="{body}")
DROPBOX_SAMPLE = ("sdk", "dropbox/mdwebhook 1b32d5a (accepts)")
DROPBOX = dict(to="dropbox", page="dropbox.com, webhooks", secret="oracledropboxsecret")
AIRTABLE_KEY = b"jethook oracle, 32 bytes of key."
AIRTABLE = dict(to="airtable", page="pyairtable, WebhookNotification", secret=base64.b64encode(AIRTABLE_KEY).decode(), key=AIRTABLE_KEY, header="X-Airtable-Content-MAC", value="hmac-sha256={sig}", signed="{body}")
MONDAY_SAMPLE = ("sdk", "mondaycom/welcome-apps fd3c490, quickstart-integrations (accepts)")
MONDAY = dict(to="monday", page="developer.monday.com, integration authorization", secret="oracle monday signing secret")
STRAVA_TOKEN = "oracle-strava-url-token"
STRAVA = dict(to="strava", page="developers.strava.com, webhooks", secret=STRAVA_TOKEN, more=[{"use": "verifyToken", "value": "STRAVA-oracle"}])
FITBIT = dict(to="fitbit", page="dev.fitbit.com, using subscriptions", secret="oraclefitbitsecret", more=[{"use": "verifyToken", "value": "a1b2c3oracle"}])
FITBIT_EVENT = dict(FITBIT, hash="sha1", encoding="base64", key="oraclefitbitsecret&", header="X-Fitbit-Signature", signed="{body}")
OURA = dict(to="oura", page="cloud.ouraring.com, webhooks", secret="ORACLEOURASECRET", more=[{"use": "verifyToken", "value": "oracle-oura-token"}])
OURA_EVENT = dict(OURA, encoding="hexUpper", header="x-oura-signature", signed="{t}{body}", headers={"x-oura-timestamp": "{t}"})
PLANETSCALE = dict(to="planetscale", page="planetscale.com, webhooks", secret="oracle planetscale secret", header="X-PlanetScale-Signature", signed="{body}")
LAUNCHDARKLY = dict(to="launchdarkly", page="launchdarkly.com, webhooks", secret="oracle launchdarkly secret", header="X-LD-Signature", signed="{body}")
ATLAS = dict(to="mongodb-atlas", page="mongodb.com, alert basics", secret="oracle atlas secret", hash="sha1", encoding="base64", header="X-MMS-Signature", signed="{body}", headers={"X-MMS-Event": "alert.open"})
DOPPLER_SAMPLE = ("sdk", "DopplerUniversity/mandalorian-gifs-python d036826 (accepts)")
DOPPLER = dict(to="doppler", page="docs.doppler.com, webhooks", secret="oracle doppler secret", header="X-Doppler-Signature", value="sha256={sig}", signed="{body}")
FIVETRAN = dict(to="fivetran", page="fivetran.com, webhooks", secret="oracle fivetran secret", encoding="hexUpper", header="X-Fivetran-Signature-256", signed="{body}")
TIKTOK = dict(to="tiktok", page="developers.tiktok.com, webhooks verification", secret="oracle tiktok client secret", header="TikTok-Signature", value="t={t},s={sig}", signed="{t}.{body}")
TALLY = dict(to="tally", page="tally.so, webhooks", secret="oracle tally secret", encoding="base64", header="Tally-Signature", signed="{body}")
CROWDSTRIKE = dict(to="crowdstrike", page="marketplace.crowdstrike.com, webhook", secret="oracle crowdstrike hmac secret key 01", t="2026-11-23T23:59:59Z", encoding="base64", header="X-CS-Primary-Signature", signed="{body}{t}", headers={"X-CS-Delivery-Timestamp": "{t}", "X-CS-Signature-Algorithm": "HmacSHA256"})
HASURA = dict(to="hasura", page="hasura.io, event trigger payload", secret="oracle-hasura-token")
FALCO = dict(to="falcosidekick", page="falcosecurity/falcosidekick, docs/outputs/webhook.md", secret="oracle-falco-token")
MINIO = dict(to="aws-s3-compatible-minio", page="minio/minio, internal/event/target/webhook.go", secret="oracle-minio-token")
UNLEASH = dict(to="unleash", page="Unleash/unleash, addons/webhook.ts", secret="oracle-unleash-token")
EVENTBRITE = dict(to="eventbrite", page="eventbrite 3.3.5 (PyPI), webhook_to_object", secret="oracle-eventbrite-url-token")
TOPIC = "https://example.com/feed?kind=lamps"
FEED = "https://www.youtube.com/xml/feeds/videos.xml?channel_id=UCoracle"
YOUTUBE = dict(to="youtube-websub", page="JulianusIV/PuSHReceiver, YouTubeConsumer.cs", secret="oracle youtube secret", parameters={"topic": FEED})
YOUTUBE_FEED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns:yt="http://www.youtube.com/xml/schemas/2015" xmlns="http://www.w3.org/2005/Atom">'
    "<title>YouTube video feed</title><updated>2026-11-23T23:59:58.552394234+00:00</updated><entry><id>yt:video:VIDEO1</id><yt:videoId>VIDEO1</yt:videoId>"
    "<yt:channelId>UCoracle</yt:channelId><title>größer &amp; heller</title><updated>2026-11-23T23:59:58.5+00:00</updated></entry></feed>\n"
)
WEBSUB = dict(to="websub", page="w3.org, WebSub", secret="oracle websub secret", parameters={"topic": TOPIC})


def change(user, action, kind, gid):
    return {"user": {"gid": user}, "created_at": "2026-11-23T23:59:58.000Z", "action": action, "resource": {"gid": gid, "resource_type": kind}, "parent": None}


def twitch(id, kind, **fields):
    headers = {"Twitch-Eventsub-Message-Id": "{id}", "Twitch-Eventsub-Message-Timestamp": "{t}", "Twitch-Eventsub-Message-Type": kind, "Twitch-Eventsub-Subscription-Type": "channel.follow"}
    subscription = {"id": "s1", "status": "enabled", "type": "channel.follow", "version": "2", "condition": {"broadcaster_user_id": "1"}}
    return dict(TWITCH, values={"id": id}, headers=headers, body={**fields, "subscription": subscription})


def url64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(key, claims):
    text = ".".join(url64(compact(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{text}.{url64(digest(key, text))}"


WITHINGS = dict(to="withings", page="developer.withings.com, subscribe to notifications", secret="oracle-withings-url-token", type=FORM)
BOUNDARY = "------------------------oracle0000000002"
JOTFORM_FIELDS = {"formID": "240000000000001", "submissionID": "5812345678901234567", "formTitle": "Größe ☀", "rawRequest": '{"q3_name":{"first":"Zoë"}}'}
JOTFORM_BODY = "".join(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in JOTFORM_FIELDS.items()) + f"--{BOUNDARY}--\r\n"
JOTFORM = dict(to="jotform", page="receivers of Jotform's webhooks", secret="oracle-jotform-url-token", type=f"multipart/form-data; boundary={BOUNDARY}")
CHALLENGE = "890e4665-4dfe-4ab1-b689-ed553bceeed0"
CRC = "oracle-crc_token-0123456789"

ROWS = [
    dict(ASANA, source=ASANA_SAMPLE, name="task", body={"events": [change("7", "changed", "task", "100")]}, expect=event("task.changed", time=LAST)),
    dict(ASANA, source=ASANA_SAMPLE, name="mixed-batch", body={"events": [change("7", "added", "task", "100"), change("7", "added", "story", "101")]}, expect=event(None, time=LAST)),
    dict(ASANA, source=ASANA_SAMPLE, name="heartbeat", body={"events": []}, expect=event(None)),
    dict(to="asana", source=ASANA_SAMPLE, name="handshake", page=ASANA["page"], secret=ASANA["secret"], headers={"X-Hook-Secret": "0123456789abcdef0123456789abcdef"}, body={}, expect=greeting()),
    dict(CALENDLY, name="invitee", body={"event": "invitee.created", "created_at": "2026-11-23T23:59:58.000000Z", "payload": {"name": "Zoë ☃", "status": "active"}}, expect=event("invitee.created", time=LAST)),
    dict(CALENDLY, name="canceled", body={"event": "invitee.canceled", "created_at": "2026-11-23T23:59:58.000000Z", "payload": {"email": "ada@example.com"}}, expect=event("invitee.canceled", time=LAST)),
    dict(CLICKUP, name="task-updated", body={"event": "taskUpdated", "history_items": [{"id": "2800763136717140857", "type": 1, "field": "status", "comment": "größer"}], "task_id": "1vj37mc", "webhook_id": "7fa3ec74-69a8-4530-a251-8a13730bd204"}, expect=event("taskUpdated", "7fa3ec74-69a8-4530-a251-8a13730bd204.2800763136717140857")),
    dict(CLICKUP, name="list-deleted", body={"event": "listDeleted", "list_id": "162641234", "webhook_id": "7fa3ec74-69a8-4530-a251-8a13730bd204"}, expect=event("listDeleted")),
    dict(SNYK, name="project", headers={"X-Snyk-Event": "project_snapshot/v0", "X-Snyk-Transport-ID": "998fe884-0000-4000-8000-000000000001", "X-Snyk-Timestamp": "2026-11-23T23:59:58Z"}, body={"project": {"id": "p1", "name": "größer"}, "newIssues": [], "removedIssues": []}, expect=event("project_snapshot/v0", "998fe884-0000-4000-8000-000000000001")),
    dict(SNYK, name="ping", headers={"X-Snyk-Event": "ping/v0", "X-Snyk-Transport-ID": "998fe884-0000-4000-8000-000000000002"}, body={"webhookId": "w1"}, expect=event("ping/v0", "998fe884-0000-4000-8000-000000000002")),
    dict(GHOST, source=GHOST_TRIGGER, name="post", headers={"Content-Version": "v6.65"}, body={"event": "post.published", "post": {"current": {"id": "63f0a1", "title": "Größe — ☀", "status": "published"}, "previous": {"status": "draft"}}}, expect=event("post.published")),
    dict(GHOST, name="before-event", body={"member": {"current": {"id": "1", "email": "ada@example.com"}, "previous": {}}}, expect=event("member")),
    dict(INFISICAL, name="modified", body={"event": "secrets.modified", "project": {"workspaceId": "w1", "projectName": "größer", "environment": "prod", "secretPath": "/"}, "timestamp": MS - 500}, expect=event("secrets.modified")),
    dict(INFISICAL, name="slack-form", body={"text": "A secret value has been added or modified.", "timestamp": MS - 500}, expect=event(None)),
    dict(STATSIG, name="gate", body={"data": [{"user": {"name": "Zoë"}, "timestamp": MS - 2000, "eventName": "statsig::config_change", "metadata": {"type": "Gate", "name": "lamp"}}]}, expect=event("statsig::config_change")),
    dict(STATSIG, name="mixed-batch", body={"data": [{"eventName": "statsig::gate_exposure"}, {"eventName": "statsig::config_change"}]}, expect=event(None)),
    dict(X_EVENT, name="tweet", body={"for_user_id": "2244994945", "tweet_create_events": [{"id_str": "1", "text": "größer ☀"}]}, expect=event("tweet_create_events")),
    dict(X_EVENT, name="direct-message", body={"for_user_id": "2244994945", "direct_message_events": [{"type": "message_create", "id": "954491830116155396"}]}, expect=event("direct_message_events")),
    dict(X, source=X_SAMPLE, name="crc", method="GET", url=f"/shop/x-twitter?crc_token={CRC}", type=None, expect=greeting(compact({"response_token": "sha256=" + base64.b64encode(digest(X["secret"], CRC)).decode()}), "application/json")),
    dict(LINKEDIN, name="action", header="X-LI-Signature", signed="hmacsha256={body}", body={"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notificationId": 4110, "organizationalEntity": "urn:li:organization:1", "text": "größer"}, expect=event("ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "4110")),
    dict(LINKEDIN, name="challenge", method="GET", url=f"/shop/linkedin?challengeCode={CHALLENGE}", type=None, expect=greeting(compact({"challengeCode": CHALLENGE, "challengeResponse": digest(LINKEDIN["secret"], CHALLENGE).hex()}), "application/json")),
    dict(STREAM, name="ready", body={"uid": "6b9e68b07dfee8cc2d116e4c51d6a957", "readyToStream": True, "status": {"state": "ready", "pctComplete": "100.000000"}, "meta": {"name": "größer.mp4"}, "modified": "2026-11-23T23:59:58.000000Z"}, expect=event("ready", "6b9e68b07dfee8cc2d116e4c51d6a957.2026-11-23T23:59:58.000000Z", LAST)),
    dict(STREAM, name="error", body={"uid": "6b9e68b07dfee8cc2d116e4c51d6a957", "readyToStream": False, "status": {"state": "error", "errReasonCode": "ERR_MALFORMED_VIDEO"}, "modified": "2026-11-23T23:59:58Z"}, expect=event("error", "6b9e68b07dfee8cc2d116e4c51d6a957.2026-11-23T23:59:58Z", LAST)),
    dict(TAILSCALE, source=TAILSCALE_EXAMPLE, name="node", body=[{"timestamp": "2026-11-23T23:59:58.000000Z", "version": 1, "type": "nodeCreated", "tailnet": "example.com", "message": "Node größer created", "data": {"nodeID": "n1"}}], expect=event("nodeCreated", time=LAST)),
    dict(TAILSCALE, source=TAILSCALE_EXAMPLE, name="rotated", value="t={t},v1=" + "0" * 64 + ",v1={sig}", body=[{"timestamp": "2026-11-23T23:59:58Z", "type": "nodeCreated"}, {"timestamp": "2026-11-23T23:59:57Z", "type": "policyUpdate"}], expect=event(None)),
    dict(DBT, name="completed", body={"accountId": 1, "eventId": "wev_oracle1", "timestamp": "2026-11-23T23:59:58.000000000Z", "eventType": "job.run.completed", "webhookName": "größer", "data": {"jobId": "1", "runStatus": "Success"}}, expect=event("job.run.completed", "wev_oracle1", LAST)),
    dict(DBT, name="errored", body={"accountId": 1, "eventId": "wev_oracle2", "timestamp": "2026-11-23T23:59:58Z", "eventType": "job.run.errored", "data": {"jobId": "1"}}, expect=event("job.run.errored", "wev_oracle2", LAST)),
    dict(CAL, name="booking", body={"triggerEvent": "BOOKING_CREATED", "createdAt": "2026-11-23T23:59:58.000Z", "payload": {"title": "30 min — Zoë ☃", "uid": "u1"}}, expect=event("BOOKING_CREATED", time=LAST)),
    dict(CAL, name="template-form", type=FORM, body=urlencode({"title": "30 min & more", "uid": "u1"}), expect=event(None)),
    dict(SUPABASE, name="insert", headers={"Authorization": f"Bearer {SUPABASE['secret']}"}, body={"type": "INSERT", "table": "orders", "schema": "public", "record": {"id": 1, "note": "größer"}, "old_record": None}, expect=event("orders.INSERT")),
    dict(SUPABASE, name="own-header", parameters={"header": "X-Webhook-Token"}, headers={"X-Webhook-Token": SUPABASE["secret"]}, body={"type": "DELETE", "table": "orders", "schema": "public", "record": None, "old_record": {"id": 1}}, expect=event("orders.DELETE")),
    dict(CLOUDEVENTS, name="binary", headers={"Authorization": f"Bearer {CLOUDEVENTS['secret']}", "ce-specversion": "1.0", "ce-type": "com.example.lamp.lit", "ce-source": "/lamps", "ce-id": "A234-1"}, body={"brightness": 7}, expect=event("com.example.lamp.lit", "/lamps#A234-1")),
    dict(CLOUDEVENTS, name="structured", type="application/cloudevents+json", headers={"Authorization": f"Bearer {CLOUDEVENTS['secret']}"}, body={"specversion": "1.0", "type": "com.example.lamp.lit", "source": "/lamps", "id": "A234-2", "data": {"name": "größer"}}, expect=event("com.example.lamp.lit", "/lamps#A234-2")),
    dict(CLOUDEVENTS, name="batch", type="application/cloudevents-batch+json", url=f"/shop/cloudevents-webhook?access_token={CLOUDEVENTS['secret']}", body=[{"specversion": "1.0", "type": "a", "source": "/s", "id": "1"}, {"specversion": "1.0", "type": "b", "source": "/s", "id": "2"}], expect=event(None)),
    dict(CLOUDEVENTS, name="abuse-protection", method="OPTIONS", type=None, headers={"WebHook-Request-Origin": "eventemitter.example.com"}, expect=greeting()),
    dict(OUTPOST, source=OUTPOST_SIGNER, name="event", headers={"x-outpost-event-id": "evt_oracle1", "x-outpost-topic": "user.created", "x-outpost-timestamp": "2026-11-24T00:00:00Z"}, body={"user_id": "u1", "name": "Zoë"}, expect=event("user.created", "evt_oracle1")),
    dict(OUTPOST, source=OUTPOST_SIGNER, name="rotated", value="v0=cf6ec63b80dfbc9c8000baac0f6abbedec37822c4a6b794a9331cf3772067d8b,{sig}", headers={"x-outpost-event-id": "evt_oracle2", "x-outpost-topic": "user.created"}, body={"user_id": "u1", "name": "Zoë"}, expect=event("user.created", "evt_oracle2")),
    dict(OUTPOST, name="own-prefix", parameters={"prefix": "x-acme-"}, header="x-acme-signature", headers={"x-acme-event-id": "evt_oracle3", "x-acme-topic": "lamp.lit"}, body={"lamp": 7}, expect=event("lamp.lit", "evt_oracle3")),
    dict(FLAGSMITH, source=FLAGSMITH_SIGNER, name="flag", body={"data": {"changed_by": "zoë@example.com", "new_state": {"enabled": True, "feature": {"name": "lamp"}}, "timestamp": "2026-11-23T23:59:58.000000Z"}, "event_type": "FLAG_UPDATED"}, expect=event("FLAG_UPDATED", time=LAST)),
    dict(FLAGSMITH, source=FLAGSMITH_SIGNER, name="audit", body={"data": {"log": "Flag state updated", "related_object_id": 1}, "event_type": "AUDIT_LOG_CREATED"}, expect=event("AUDIT_LOG_CREATED")),
    dict(ABLY, name="message", body={"items": [{"webhookId": "w1", "source": "channel.message", "serial": "a7bcdEFghIjklm123456789:4", "timestamp": MS, "name": "channel.message", "data": {"channelId": "größer"}}]}, expect=event("channel.message", "a7bcdEFghIjklm123456789:4")),
    dict(ABLY, name="batch", body={"items": [{"source": "channel.message", "serial": "a:1"}, {"source": "channel.message", "serial": "a:2"}]}, expect=event("channel.message")),
    dict(twitch("e76c6bd4-0000-4000-8000-000000000001", "notification", event={"user_name": "größer"}), name="follow", expect=event("channel.follow", "e76c6bd4-0000-4000-8000-000000000001")),
    dict(twitch("e76c6bd4-0000-4000-8000-000000000002", "revocation"), name="revocation", expect=event("channel.follow", "e76c6bd4-0000-4000-8000-000000000002")),
    dict(twitch("e76c6bd4-0000-4000-8000-000000000003", "webhook_callback_verification", challenge="pogchamp-kappa-360noscope-vohiyo"), name="challenge", expect=greeting("pogchamp-kappa-360noscope-vohiyo", "text/plain")),
    dict(FORMSTACK, name="form", type=FORM, body=urlencode({"FormID": "1", "UniqueID": "100001", "Name": "Zoë & co"}), expect=event(None, "100001")),
    dict(FORMSTACK, name="json", body={"FormID": "1", "UniqueID": "100002", "Name": {"first": "Zoë"}}, expect=event(None, "100002")),
    dict(SURVEYMONKEY, name="response", hash="sha1", encoding="base64", key=f"oracleClient&{SURVEYMONKEY['secret']}", header="Sm-Signature", signed="{body}", body={"name": "größer", "filter_type": "survey", "event_type": "response_completed", "event_id": "10027923456", "object_type": "response", "object_id": "1", "event_datetime": "2026-11-23T23:59:58.000000+00:00"}, expect=event("response_completed", "10027923456")),
    dict(SURVEYMONKEY, name="check", method="HEAD", type=None, expect=greeting()),
    dict(TYPEFORM, name="response", body={"event_id": "LtWXD3crgy", "event_type": "form_response", "form_response": {"form_id": "lT4Z3j", "token": "a3a12ec6", "submitted_at": "2026-11-23T23:59:58Z", "answers": [{"type": "text", "text": "größer ☀"}]}}, expect=event("form_response", "LtWXD3crgy", LAST)),
    dict(TRELLO, name="card", hash="sha1", encoding="base64", header="X-Trello-Webhook", signed="{body}{url}", body={"action": {"id": "51f9424bcd6e040f3c002412", "type": "updateCard", "date": "2026-11-23T23:59:58.000Z", "data": {"card": {"name": "größer"}}}, "model": {"id": "m1"}}, expect=event("updateCard", "51f9424bcd6e040f3c002412", LAST)),
    dict(TRELLO, name="check", method="HEAD", type=None, expect=greeting()),
    dict(META_EVENT, name="feed", body={"object": "page", "entry": [{"id": "1", "time": NOW - 2, "changes": [{"field": "feed", "value": {"item": "status", "message": "größer"}}]}]}, expect=event("page.feed")),
    dict(META_EVENT, name="message", body={"object": "instagram", "entry": [{"id": "1", "time": (NOW - 2) * 1000, "messaging": [{"sender": {"id": "7"}, "message": {"mid": "m1", "text": "\u2603"}}]}]}, expect=event("instagram")),
    dict(META, name="verification", method="GET", type=None, url="/shop/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock", expect=greeting("1158201444", "text/plain")),
    dict(DROPBOX, source=DROPBOX_SAMPLE, name="accounts", header="X-Dropbox-Signature", signed="{body}", body={"list_folder": {"accounts": ["dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"]}, "delta": {"users": [12345678]}}, expect=event(None)),
    dict(DROPBOX, source=DROPBOX_SAMPLE, name="challenge", method="GET", type=None, url="/shop/dropbox?challenge=oracle_challenge-1", expect=greeting("oracle_challenge-1", "text/plain")),
    dict(AIRTABLE, name="ping", body={"base": {"id": "appOracle"}, "webhook": {"id": "achOracle"}, "timestamp": "2026-11-23T23:59:58.000Z"}, expect=event(None, time=LAST)),
    dict(MONDAY, source=MONDAY_SAMPLE, name="created", headers={"Authorization": token(MONDAY["secret"], {"accountId": 1825528, "userId": 4012689, "aud": PUBLIC, "exp": NOW + 300, "iat": NOW})}, body={"event": {"type": "create_pulse", "triggerUuid": "d0e2a7cc7f4f", "triggerTime": "2026-11-23T23:59:58.000Z", "boardId": 1, "pulseName": "größer"}}, expect=event("create_pulse", "d0e2a7cc7f4f")),
    dict(MONDAY, name="challenge", body={"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}, expect=greeting(compact({"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}), "application/json")),
    dict(STRAVA, name="activity", url=f"/shop/strava/{STRAVA_TOKEN}", parameters={"subscriptionId": "120475"}, body={"aspect_type": "update", "event_time": NOW - 2, "object_id": 1360128428, "object_type": "activity", "owner_id": 134815, "subscription_id": 120475, "updates": {"title": "Läufe"}}, expect=event("activity.update", f"activity.1360128428.update.{NOW - 2}")),
    dict(STRAVA, name="query-token", url=f"/shop/strava?token={STRAVA_TOKEN}", parameters={"subscriptionId": "120475"}, body={"aspect_type": "delete", "event_time": NOW - 2, "object_id": 7, "object_type": "activity", "owner_id": 134815, "subscription_id": 120475}, expect=event("activity.delete", f"activity.7.delete.{NOW - 2}")),
    dict(STRAVA, name="validation", method="GET", type=None, url=f"/shop/strava/{STRAVA_TOKEN}?hub.verify_token=STRAVA-oracle&hub.challenge=15f7d1a91c1f40f8a748fd134752feb3&hub.mode=subscribe", expect=greeting(compact({"hub.challenge": "15f7d1a91c1f40f8a748fd134752feb3"}), "application/json")),
    dict(FITBIT_EVENT, name="sleep", body=[{"collectionType": "sleep", "date": "2026-11-23", "ownerId": "184X36", "ownerType": "user", "subscriptionId": "2345"}], expect={**event("sleep"), "answer": {"status": 204, "body": ""}}),
    dict(FITBIT_EVENT, name="mixed-batch", body=[{"collectionType": "sleep", "ownerId": "184X36"}, {"collectionType": "body", "ownerId": "184X36"}], expect={**event(None), "answer": {"status": 204, "body": ""}}),
    dict(FITBIT, name="verify", method="GET", type=None, url="/shop/fitbit?verify=a1b2c3oracle", expect=greeting(status=204)),
    dict(OURA_EVENT, name="sleep", body={"event_type": "update", "data_type": "sleep", "object_id": "o1", "event_time": "2026-11-23T23:59:58+00:00", "user_id": "u1"}, expect=event("sleep.update", time=LAST)),
    dict(OURA, name="challenge", method="GET", type=None, url="/shop/oura?verification_token=oracle-oura-token&challenge=r4nd0m", expect=greeting(compact({"challenge": "r4nd0m"}), "application/json")),
    dict(PLANETSCALE, name="branch", body={"timestamp": NOW - 2, "event": "branch.ready", "organization": "acme", "database": "shop", "resource": {"id": "b1", "name": "größer"}}, expect=event("branch.ready", time=LAST)),
    dict(LAUNCHDARKLY, name="flag", body={"_id": "56c4d7bd1e2f", "date": MS - 2000, "kind": "flag", "name": "größer", "accesses": [{"action": "updateOn", "resource": "proj/shop:env/production:flag/lamp"}], "titleVerb": "turned on the flag"}, expect=event("flag.updateOn", "56c4d7bd1e2f", LAST)),
    dict(LAUNCHDARKLY, name="project", body={"_id": "56c4d7bd1e30", "date": MS - 2000, "kind": "project"}, expect=event("project", "56c4d7bd1e30", LAST)),
    dict(ATLAS, name="open", body={"id": "533dc40ae4b00835ff81eaee", "eventTypeName": "OUTSIDE_METRIC_THRESHOLD", "status": "OPEN", "created": "2026-11-23T23:59:50Z", "updated": "2026-11-23T23:59:58Z", "hostnameAndPort": "größer:27017"}, expect=event("OUTSIDE_METRIC_THRESHOLD", "533dc40ae4b00835ff81eaee.OPEN.2026-11-23T23:59:58Z", LAST)),
    dict(DOPPLER, source=DOPPLER_SAMPLE, name="secrets", body={"type": "config.secrets.update", "config": {"name": "prd", "project": "shop"}, "diff": {"added": ["LAMP"]}, "workplace": {"name": "größer"}}, expect=event("config.secrets.update")),
    dict(FIVETRAN, name="sync-end", body={"event": "sync_end", "created": "2026-11-23T23:59:58.638Z", "connector_type": "google_sheets", "connector_id": "assimilate_seem", "sync_id": "b4703f73-0000-4000-8000-000000000001", "data": {"status": "SUCCESSFUL"}}, expect=event("sync_end", time="2026-11-23T23:59:58.638Z")),
    dict(TIKTOK, name="upload", body={"client_key": "bwo2m45353a6k85", "event": "video.publish.completed", "create_time": NOW - 2, "user_openid": "act.example", "content": compact({"share_id": "größer"})}, expect=event("video.publish.completed", time=LAST)),
    dict(TALLY, name="response", body={"eventId": "a4cb511e-0000-4000-8000-000000000001", "eventType": "FORM_RESPONSE", "createdAt": "2026-11-23T23:59:58.000Z", "data": {"formName": "größer ☀", "fields": []}}, expect=event("FORM_RESPONSE", "a4cb511e-0000-4000-8000-000000000001", LAST)),
    dict(CROWDSTRIKE, name="detection", body={"data": {"detections.severity": "High", "host": "größer"}, "meta": {"trigger_name": "Endpoint detection"}}, expect=event(None)),
    dict(CROWDSTRIKE, name="secondary", header="X-CS-Secondary-Signature", body={"data": {"detections.severity": "Low"}}, expect=event(None)),
    dict(HASURA, name="insert", headers={"Authorization": f"Bearer {HASURA['secret']}"}, body={"id": "85558393-c75d-4d2f-9c15-e80591b83894", "created_at": "2026-11-23T23:59:58.601701Z", "trigger": {"name": "insert_user_trigger"}, "table": {"schema": "public", "name": "users"}, "event": {"op": "INSERT", "data": {"old": None, "new": {"id": "42", "name": "Zoë"}}}}, expect=event("insert_user_trigger.INSERT", "85558393-c75d-4d2f-9c15-e80591b83894")),
    dict(HASURA, name="own-header", parameters={"header": "X-Trigger-Token"}, headers={"X-Trigger-Token": HASURA["secret"]}, body={"id": "85558393-c75d-4d2f-9c15-e80591b83895", "trigger": {"name": "t"}, "event": {"op": "DELETE"}}, expect=event("t.DELETE", "85558393-c75d-4d2f-9c15-e80591b83895")),
    dict(FALCO, name="rule", headers={"Authorization": FALCO["secret"]}, body={"uuid": "7b3d1bba-0000-4000-8000-000000000001", "output": "größer", "priority": "Debug", "rule": "Test rule", "time": "2026-11-23T23:59:58.746609046Z", "output_fields": {"proc.name": "falco"}}, expect=event("Test rule", "7b3d1bba-0000-4000-8000-000000000001")),
    dict(FALCO, name="put", method="PUT", headers={"Authorization": f"Bearer {FALCO['secret']}"}, body={"uuid": "7b3d1bba-0000-4000-8000-000000000002", "rule": "Test rule"}, expect=event("Test rule", "7b3d1bba-0000-4000-8000-000000000002")),
    dict(MINIO, name="put", headers={"Authorization": f"Bearer {MINIO['secret']}"}, body={"EventName": "s3:ObjectCreated:Put", "Key": "lamps/größer.jpg", "Records": [{"eventVersion": "2.0", "eventTime": "2026-11-23T23:59:58.000Z", "eventName": "s3:ObjectCreated:Put", "s3": {"bucket": {"name": "lamps"}, "object": {"key": "gr%C3%B6%C3%9Fer.jpg", "size": 7, "sequencer": "1812A0E8B7A0C5D1"}}}]}, expect=event("s3:ObjectCreated:Put", "s3:ObjectCreated:Put.1812A0E8B7A0C5D1")),
    dict(UNLEASH, name="feature", headers={"Authorization": UNLEASH["secret"]}, body={"id": 974, "type": "feature-created", "createdBy": "zoë", "createdAt": "2026-11-23T23:59:58.000Z", "data": {"name": "lamp"}, "tags": []}, expect=event("feature-created", "974")),
    dict(UNLEASH, name="bearer", headers={"Authorization": f"Bearer {UNLEASH['secret']}"}, body={"id": 975, "type": "feature-archived"}, expect=event("feature-archived", "975")),
    dict(EVENTBRITE, name="order", url="/shop/eventbrite/oracle-eventbrite-url-token", body={"config": {"action": "order.placed", "user_id": "1", "endpoint_url": "https://hooks.example.com/", "webhook_id": "1"}, "api_url": "https://www.eventbriteapi.com/v3/orders/1/"}, expect=event("order.placed")),
    dict(EVENTBRITE, name="query-token", url="/shop/eventbrite?token=oracle-eventbrite-url-token", body={"config": {"action": "test"}, "api_url": "https://www.eventbriteapi.com/{api-endpoint-to-fetch-object-details}/"}, expect=event("test")),
    dict(YOUTUBE, name="video", type="application/atom+xml", hash="sha1", header="X-Hub-Signature", value="sha1={sig}", signed="{body}", body=YOUTUBE_FEED, expect=event(None, "VIDEO1.2026-11-23T23:59:58.5+00:00", "2026-11-23T23:59:58.5Z")),
    dict(YOUTUBE, name="subscribe", method="GET", type=None, url="/shop/youtube-websub?" + urlencode({"hub.mode": "subscribe", "hub.topic": FEED, "hub.challenge": "oracle-challenge", "hub.lease_seconds": "432000"}), expect=greeting("oracle-challenge", "text/plain")),
    dict(WEBSUB, name="atom", type="application/atom+xml", header="X-Hub-Signature", value="sha256={sig}", signed="{body}", body='<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><title>größer</title></feed>\n', expect=event(None)),
    dict(WEBSUB, name="subscribe", method="GET", type=None, url="/shop/websub?" + urlencode({"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.challenge": "oracle-challenge", "hub.lease_seconds": "864000"}), expect=greeting("oracle-challenge", "text/plain")),
    dict(WITHINGS, name="weight", body=urlencode({"userid": "12345", "appli": "1", "startdate": NOW - 100, "enddate": NOW}), url="/shop/withings/oracle-withings-url-token", expect=event("1")),
    dict(WITHINGS, name="query-token", body=urlencode({"userid": "12345", "appli": "46", "action": "update"}), url="/shop/withings?token=oracle-withings-url-token", expect=event("46")),
    dict(WITHINGS, name="check", method="HEAD", type=None, url="/shop/withings/oracle-withings-url-token", expect=greeting()),
    dict(JOTFORM, name="submission", body=JOTFORM_BODY, url="/shop/jotform/oracle-jotform-url-token", expect=event(None, "5812345678901234567")),
    dict(JOTFORM, name="query-token", body=JOTFORM_BODY, url="/shop/jotform?token=oracle-jotform-url-token", expect=event(None, "5812345678901234567")),
]

if __name__ == "__main__":
    for row in ROWS:
        make(row)
