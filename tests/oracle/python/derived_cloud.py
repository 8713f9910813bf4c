"""Cloud, monitoring, identity and AI senders without a library that signs: requests computed from what their pages say.

They prove that jethook does what we read, not that the provider does.
"""

import base64
import hashlib
import hmac
import random

from vector import DATE, NOW, compact, write

TOKEN = "an-oracles-random-token"
LATER = "2026-11-23T23:59:58Z"


def mac(key, text, hash="sha256", encoding="hex"):
    digest = hmac.new(key.encode(), text.encode(), hash).digest()
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def basic(pair):
    return "Basic " + base64.b64encode(pair.encode()).decode()


def make(provider, name, page, headers, body, expect, secret=TOKEN, *, method="POST", path="", parameters=None, kind="derived", now=NOW):
    """One vector; `headers` are added to the content type, which is dropped for a request without body."""
    text = body if isinstance(body, str) else compact(body)
    vector = {"from": {"kind": kind, "name": page, "date": DATE}, "now": now}
    if parameters:
        vector["parameters"] = parameters
    vector["secrets"] = secret if isinstance(secret, list) else [secret]
    content = [["Content-Type", "application/json"]] if text else []
    vector["request"] = {"method": method, "url": f"/shop/{provider}{path}", "headers": content + headers, "body": text}
    vector["expect"] = expect if "handshake" in expect else {"event": None, "id": None, **expect}
    write(provider, f"{kind}-{name}", vector)


def signed(provider, page, secret, header, sign, cases):
    """Vectors of a sender that signs: `sign` makes the header's value from the body."""
    for name, body, expect, *more in cases:
        text = body if isinstance(body, str) else compact(body)
        make(provider, name, page, [[header, sign(secret, text)], *(more[0] if more else [])], text, expect, secret)


def token(provider, page, places, cases, secret=TOKEN, parameters=None):
    """Vectors of a sender that repeats a token: each case in turn at the next place (headers, path)."""
    for index, (name, body, expect) in enumerate(cases):
        headers, path = places[index % len(places)]
        make(provider, name, page, headers, body, expect, secret, path=path, parameters=parameters)


IN_PATH = ([], f"/{TOKEN}")
IN_QUERY = ([], f"?token={TOKEN}")
BEARER = ([["Authorization", f"Bearer {TOKEN}"]], "")
BASIC = ([["Authorization", basic("jethook:an oracle's password")]], "")


def stamped(text):
    """t=…,v1=… over time, dot and body."""
    return lambda key, body: f"t={NOW},v1={mac(key, f'{NOW}{text}{body}')}"


def plain(key, body):
    return mac(key, body)


# Persona.
def persona(name):
    return {"data": {"type": "event", "id": "evt_oracle", "attributes": {"name": name, "payload": {"data": {"type": "inquiry", "id": "inq_oracle", "attributes": {"name-first": "Zoë"}}}, "created-at": "2026-11-23T23:59:58.000Z"}}}


PERSONA = "docs.withpersona.com, webhook best practices"
signed("persona", PERSONA, "wbhsec_an-oracles-secret", "Persona-Signature", stamped("."), [("inquiry-approved", persona("inquiry.approved"), {"event": "inquiry.approved", "id": "evt_oracle", "time": LATER})])
signed(
    "persona",
    PERSONA,
    "wbhsec_an-oracles-secret",
    "Persona-Signature",
    lambda key, body: stamped(".")("wbhsec_an-older-secret", body) + " " + stamped(".")(key, body),
    [("rotated", persona("inquiry.declined"), {"event": "inquiry.declined", "id": "evt_oracle", "time": LATER})],
)

# Veriff.
client = [["X-AUTH-CLIENT", "00000000-0000-4000-8000-00000000000a"]]
started = {"id": "00000000-0000-4000-8000-000000000001", "attemptId": "00000000-0000-4000-8000-000000000002", "feature": "selfid", "code": 7001, "action": "started", "vendorData": "zoë"}
decision = {"status": "success", "verification": {"id": "00000000-0000-4000-8000-000000000001", "code": 9001, "person": {"firstName": "Zoë"}, "status": "approved"}}
for header, case in (("X-HMAC-SIGNATURE", ("event-started", started, {"event": "started"}, client)), ("VRF-HMAC-SIGNATURE", ("decision", decision, {"event": "approved"}, client))):
    signed("veriff", "devdocs.veriff.com, HMAC authentication", "an-oracles-veriff-key", header, plain, [case])

# Sumsub: the algorithm's name comes along and is pinned.
applicant = {"applicantId": "oracle1", "inspectionId": "oracle2", "correlationId": "req-oracle", "type": "applicantReviewed", "reviewStatus": "completed", "reviewResult": {"reviewAnswer": "GREEN"}, "createdAtMs": "2026-11-23 23:59:58.000"}
algorithm = [["X-Payload-Digest-Alg", "HMAC_SHA256_HEX"]]
signed("sumsub", "SUMSUB/agent-skills, webhook verification", "an-oracles-sumsub-key", "X-Payload-Digest", plain, [("reviewed", applicant, {"event": "applicantReviewed"}, algorithm), ("created", {**applicant, "type": "applicantCreated"}, {"event": "applicantCreated"}, algorithm)])

# Langfuse.
prompt = {"id": "00000000-0000-4000-8000-000000000001", "timestamp": LATER, "type": "prompt-version", "apiVersion": "v1", "action": "created", "prompt": {"id": "prompt_oracle", "name": "lamp", "version": 3, "prompt": "Rate {{lamp}} — ☀", "labels": ["latest"]}}
signed("langfuse", "langfuse.com, webhooks, and the sender's source", "lf-whsec_6f7261636c65", "x-langfuse-signature", stamped("."), [("prompt-created", prompt, {"event": "prompt-version.created", "id": prompt["id"], "time": LATER})])

# Firecrawl.
page = {"success": True, "type": "crawl.page", "id": "00000000-0000-4000-8000-000000000001", "data": [{"markdown": "# Söhne — ☀", "metadata": {"url": "https://example.com/"}}], "metadata": {}}
signed("firecrawl", "docs.firecrawl.dev, webhooks, security", "an-oracles-firecrawl-secret", "X-Firecrawl-Signature", lambda key, body: "sha256=" + plain(key, body), [("crawl-page", page, {"event": "crawl.page"}), ("agent-failed", {**page, "success": False, "type": "agent.failed", "data": [], "error": "stopped"}, {"event": "agent.failed"})])

# Rootly: nothing between time and body.
incident = {"event": {"id": "00000000-0000-4000-8000-000000000001", "type": "incident.created", "issued_at": "2026-11-23T15:59:58.000-08:00"}, "data": {"id": "00000000-0000-4000-8000-000000000002", "title": "The lamp flickers — ☀"}}
signed("rootly", "docs.rootly.com, webhooks", "an-oracles-rootly-secret", "X-Rootly-Signature", stamped(""), [("incident-created", incident, {"event": "incident.created", "id": incident["event"]["id"], "time": LATER})])


# Netlify and FusionAuth: a token that holds the body's digest.
def part(value):
    return base64.urlsafe_b64encode(value if isinstance(value, bytes) else compact(value).encode()).rstrip(b"=").decode()


def netlify(key, body):
    head = part({"alg": "HS256", "typ": "JWT"}) + "." + part({"iss": "netlify", "sha256": hashlib.sha256(body.encode()).hexdigest()})
    return head + "." + part(hmac.new(key.encode(), head.encode(), hashlib.sha256).digest())


deploy = {"id": "5ebc34bf4fea0b01f02efa3a", "site_id": "00000000-0000-4000-8000-000000000001", "state": "ready", "name": "lamp", "title": "Brighter — ☀", "context": "production"}
signed("netlify", "docs.netlify.com, deploy notifications, payload signature", "an oracle's JWS secret token, long enough", "X-Webhook-Signature", netlify, [("deploy-ready", deploy, {"event": "ready"}, [["X-Netlify-Event", "deploy_created"]]), ("deploy-error", {**deploy, "state": "error", "error_message": "build failed"}, {"event": "error"}, [["X-Netlify-Event", "deploy_failed"]])])

class Rsa:
    """A key for tests, always the same for one name: 2,048 bits, RSASSA-PKCS1-v1_5 with SHA-256."""

    def __init__(self, name):
        draw = random.Random(f"jethook oracle, {name}")
        p, q = (self._prime(draw) for _ in range(2))
        self.n, self.e = p * q, 65537
        self.d = pow(self.e, -1, (p - 1) * (q - 1))

    @staticmethod
    def _prime(draw):
        while True:
            p = draw.getrandbits(1024) | 3 << 1022 | 1
            if p % 65537 != 1 and all(p % small for small in range(3, 2000, 2)) and all(pow(base, p - 1, p) == 1 for base in (2, 3, 5, 7)):
                return p

    def sign(self, text):
        digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(text.encode()).digest()
        block = b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest
        return pow(int.from_bytes(block, "big"), self.d, self.n).to_bytes(256, "big")

    def pem(self):
        def der(tag, value):
            size = len(value)
            length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
            return bytes([tag]) + length + value

        numbers = der(0x30, der(2, b"\x00" + self.n.to_bytes(256, "big")) + der(2, self.e.to_bytes(3, "big")))
        public = der(0x30, bytes.fromhex("300d06092a864886f70d0101010500") + der(3, b"\x00" + numbers))
        text = base64.b64encode(public).decode()
        return "-----BEGIN PUBLIC KEY-----\n" + "".join(text[at : at + 64] + "\n" for at in range(0, len(text), 64)) + "-----END PUBLIC KEY-----\n"

    def token(self, claims, kid="oracle"):
        head = part({"alg": "RS256", "typ": "JWT", "kid": kid}) + "." + part(claims)
        return head + "." + part(self.sign(head))


FUSION = Rsa("FusionAuth")
PAGE = "fusionauth.io, sign webhooks"
for name, kind in (("user-create", "user.create"), ("login-failed", "user.login.failed")):
    body = compact({"event": {"id": "00000000-0000-4000-8000-000000000001", "createInstant": (NOW - 2) * 1000, "type": kind, "tenantId": "00000000-0000-4000-8000-00000000000a", "user": {"firstName": "Zoë"}}})
    claims = {"request_body_sha256": base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}
    make("fusionauth", name, PAGE, [["X-FusionAuth-Signature-JWT", FUSION.token(claims)]], body, {"event": kind, "id": "00000000-0000-4000-8000-000000000001", "time": LATER}, FUSION.pem())

# Vercel: HMAC with SHA-1.
vercel = {"id": "oracle1", "type": "deployment.succeeded", "createdAt": (NOW - 2) * 1000, "region": "fra1", "payload": {"deployment": {"id": "dpl_oracle", "name": "lamp", "meta": {"message": "Brighter — ☀"}}, "project": {"id": "prj_oracle"}}}
signed("vercel", "vercel.com, webhooks API", "an-oracles-vercel-secret", "x-vercel-signature", lambda key, body: mac(key, body, "sha1"), [("deployment-succeeded", vercel, {"event": "deployment.succeeded", "id": "oracle1", "time": LATER})])

# Heroku.
release = {"action": "create", "created_at": LATER, "data": {"id": "00000000-0000-4000-8000-000000000001", "app": {"name": "lamp"}, "description": "Deploy — ☀"}, "resource": "release", "published_at": LATER, "version": "application/vnd.heroku+json; version=3"}
signed("heroku", "devcenter.heroku.com, app webhooks, and a receiver in use", "an-oracles-heroku-secret", "Heroku-Webhook-Hmac-SHA256", lambda key, body: mac(key, body, encoding="base64"), [("release-create", release, {"event": "release.create"}), ("build-update", {**release, "resource": "build", "action": "update"}, {"event": "build.update"})])

# Descope.
audit = {"action": "UserCreated", "occurred": 1795478398000, "tenants": ["T_oracle"], "data": {"user": {"userId": "U_oracle", "name": "Zoë"}}}
signed("descope", "docs.descope.com, connector HMAC usage", "an-oracles-descope-secret", "x-descope-webhook-s256", lambda key, body: mac(key, body, encoding="base64"), [("audit-user-created", audit, {"event": "UserCreated"})])

# Keycloak with the extension of Phase Two.
login = {"@type": "access", "uid": "00000000-0000-4000-8000-000000000001", "time": (NOW - 2) * 1000, "realmId": "lamp", "type": "access.LOGIN", "authDetails": {"username": "zoë"}, "details": {"auth_method": "openid-connect"}}
signed("keycloak", "github.com/p2-inc/keycloak-events, the sender's source", "an-oracles-keycloak-secret", "X-Keycloak-Signature", plain, [("login", login, {"event": "access.LOGIN", "id": login["uid"], "time": LATER})])

# Checkly: the body is the user's own template.
signed("checkly", "checklyhq.com, webhooks, webhook secrets", "an-oracles-checkly-secret", "x-checkly-signature", plain, [("default-template", {"event": 'Check "lamp" has failed — ☀'}, {}), ("with-a-type", {"type": "ALERT_FAILURE", "check": "lamp"}, {"event": "ALERT_FAILURE"})])

# Sentry.
issue = {"action": "created", "installation": {"uuid": "00000000-0000-4000-8000-000000000001"}, "data": {"issue": {"id": "1", "title": "TypeError: \\u00e9"}}, "actor": {"type": "application", "id": "sentry", "name": "Sentry"}}
hook = [["Request-ID", "4f7e0d9a0000400080000000000000a1"], ["Sentry-Hook-Resource", "issue"], ["Sentry-Hook-Timestamp", str(NOW)]]
alert = [["Request-ID", "4f7e0d9a0000400080000000000000a2"], ["Sentry-Hook-Resource", "event_alert"], ["Sentry-Hook-Timestamp", str(NOW)]]
signed("sentry", "docs.sentry.io, integration platform webhooks", "an-oracles-sentry-client-secret", "Sentry-Hook-Signature", plain, [("issue-created", issue, {"event": "issue.created", "id": "4f7e0d9a0000400080000000000000a1"}, hook), ("event-alert", {**issue, "action": "triggered"}, {"event": "event_alert.triggered", "id": "4f7e0d9a0000400080000000000000a2"}, alert)])

# Cursor.
agent = {"event": "statusChange", "timestamp": "2026-11-23T23:59:58.000Z", "id": "bc_oracle", "status": "FINISHED", "source": {"repository": "https://github.com/acme/lamp", "ref": "main"}, "summary": "Brighter — ☀"}
signed("cursor", "hookdeck/webhook-skills, cursor", "an oracle's cursor secret, 32 chars", "X-Webhook-Signature", lambda key, body: "sha256=" + plain(key, body), [("status-change", agent, {"event": "statusChange", "id": "msg_oracle", "time": LATER}, [["X-Webhook-ID", "msg_oracle"], ["X-Webhook-Event", "statusChange"]])])

# DigitalOcean: the published test of its library; the event's name was added.
DO_PAGE = "digitalocean/webhook-sdk-javascript, published test"
DO_SIGNATURE = "t=946720800,v1=b70100cf2943bec15996e3ae9392d0dcaf21f285fa81969108185d47b292dfa2"
DO_BODY = "it is wednesday my dudes 🕷️"
assert DO_SIGNATURE == "t=946720800,v1=" + mac("du-TY1GUFGk", f"946720800.{DO_BODY}")
made = {"kind": "documentation", "name": DO_PAGE, "date": DATE}
spider = {"method": "POST", "url": "/shop/digitalocean", "headers": [["Content-Type", "text/plain"], ["do-event-name", "resource.updated"], ["do-signature", DO_SIGNATURE]], "body": DO_BODY}
write("digitalocean", "documentation-spider", {"from": made, "now": 946720800, "secrets": ["du-TY1GUFGk"], "request": spider, "expect": {"event": "resource.updated", "id": None}})
rotated = lambda key, body: f"t={NOW},v1={mac('an-older-secret', f'{NOW}.{body}')},v1={mac(key, f'{NOW}.{body}')}"
signed("digitalocean", "digitalocean/webhook-sdk-javascript, README", "an-oracles-digitalocean-secret", "do-signature", rotated, [("rotated", {"resource": "lamp", "message": "☀"}, {"event": "resource.deprovisioned"}, [["do-event-name", "resource.deprovisioned"]])])

# Okta: the handshake carries nothing secret.
OKTA = "developer.okta.com, event hooks"
session = lambda *kinds: {"eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1", "source": "https://acme.okta.com/api/v1/eventHooks/oracle", "eventId": "00000000-0000-4000-8000-000000000001", "data": {"events": [{"uuid": f"00000000-0000-4000-8000-00000000001{index}", "published": "2026-11-23T23:59:58.000Z", "eventType": kind, "displayMessage": "Zoë ☀"} for index, kind in enumerate(kinds)]}, "eventTime": "2026-11-23T23:59:59.000Z", "contentType": "application/json"}
make("okta", "session-start", OKTA, [["Authorization", TOKEN]], session("user.session.start"), {"event": "user.session.start", "id": "00000000-0000-4000-8000-000000000001"})
make("okta", "batch-own-header", OKTA, [["X-Lamp-Key", TOKEN]], session("user.session.start", "user.session.end"), {"id": "00000000-0000-4000-8000-000000000001"}, parameters={"header": "X-Lamp-Key"})
make("okta", "verification", OKTA, [["X-Okta-Verification-Challenge", "oracle-challenge-1"]], "", {"handshake": True, "answer": {"status": 200, "contentType": "application/json", "body": '{"verification":"oracle-challenge-1"}'}}, method="GET")

# Azure Event Grid.
GRID = "learn.microsoft.com, Event Grid, endpoint validation"
blob = lambda id, kind="Microsoft.Storage.BlobCreated": {"id": id, "eventTime": LATER, "eventType": kind, "dataVersion": "", "metadataVersion": "1", "topic": "/subscriptions/oracle", "subject": "/blobServices/default/containers/lämp", "data": {"api": "PutBlob"}}
kind = [["aeg-event-type", "Notification"], ["aeg-subscription-name", "LAMP"]]
ONE, TWO = "93902694-0000-4000-8000-000000000001", "93902694-0000-4000-8000-000000000002"
make("azure-event-grid", "path-token", GRID, kind, [blob(ONE)], {"event": "Microsoft.Storage.BlobCreated", "id": ONE}, path=f"/{TOKEN}")
make("azure-event-grid", "batch", GRID, kind, [blob(ONE), blob(TWO)], {"event": "Microsoft.Storage.BlobCreated"}, path=f"?token={TOKEN}")
make("azure-event-grid", "header", GRID, [*kind, ["X-Lamp-Key", TOKEN]], [blob(ONE), blob(TWO, "Microsoft.Storage.BlobDeleted")], {}, parameters={"header": "X-Lamp-Key"})
validation = [{"id": "2d1781af-0000-4000-8000-000000000001", "topic": "/subscriptions/oracle", "subject": "", "data": {"validationCode": "512d38b6-0000-4000-8000-000000000001", "validationUrl": "https://rp-eastus2.eventgrid.azure.net:553/eventsubscriptions/lamp/validate"}, "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "eventTime": LATER, "metadataVersion": "1", "dataVersion": "1"}]
make("azure-event-grid", "validation", GRID, [["aeg-event-type", "SubscriptionValidation"]], validation, {"handshake": True, "answer": {"status": 200, "contentType": "application/json", "body": '{"validationResponse":"512d38b6-0000-4000-8000-000000000001"}'}}, path=f"/{TOKEN}")

CLOUD = "learn.microsoft.com, Event Grid, endpoint validation with CloudEvents"
cloud = lambda id: {"specversion": "1.0", "id": id, "source": "/subscriptions/oracle", "type": "Microsoft.Storage.BlobCreated", "subject": "/containers/lämp", "time": LATER, "data": {"api": "PutBlob"}}
make("azure-event-grid-cloudevents", "query-token", CLOUD, kind, cloud(ONE), {"event": "Microsoft.Storage.BlobCreated", "id": ONE}, path=f"?token={TOKEN}")
make("azure-event-grid-cloudevents", "batch", CLOUD, kind, [cloud(ONE), cloud(TWO)], {"event": "Microsoft.Storage.BlobCreated"}, path=f"/{TOKEN}")
make("azure-event-grid-cloudevents", "abuse-protection", CLOUD, [["WebHook-Request-Origin", "eventgrid.azure.net"], ["WebHook-Request-Rate", "120"]], "", {"handshake": True, "answer": {"status": 200, "headers": {"webhook-allowed-origin": "eventgrid.azure.net", "webhook-allowed-rate": "*", "allow": "POST"}, "body": ""}}, method="OPTIONS")

# Senders that only repeat a token.
content = {"event": {"action": "update", "scope": "repo.content"}, "repo": {"type": "model", "name": "acme/lamp", "id": "621ffdc036468d709f17434d", "private": False}, "webhook": {"id": "6390e855e30d9209411de93b", "version": 3}}
token("huggingface", "huggingface.co, Hub, webhooks", [([], f"?secret={TOKEN}")], [("repo-content", content, {"event": "repo.content.update"})])

ddos = {"account_id": "oracle", "alert_correlation_id": "000eaa907ed24e78946d3a93adb2ae57", "alert_event": "ALERT_STATE_EVENT_START", "alert_type": "advanced_ddos_attack_l4_alert", "data": {"attack_id": "oracle"}, "name": "Lamp — ☀", "policy_id": "oracle", "text": "The lamp flickers", "ts": NOW - 2}
token("cloudflare-notifications", "developers.cloudflare.com, notifications, configure webhooks", [([["cf-webhook-auth", TOKEN]], "")], [("ddos", ddos, {"event": "advanced_ddos_attack_l4_alert"}), ("test", {"text": "Hello World! This is a test message sent from https://cloudflare.com."}, {})])

railway = {"type": "Deployment.failed", "details": {"id": "00000000-0000-4000-8000-000000000001", "status": "FAILED", "commitMessage": "Brighter — ☀"}, "resource": {"project": {"id": "oracle", "name": "lamp"}}, "severity": "WARNING", "timestamp": "2026-11-23T23:59:58.000Z"}
token("railway", "docs.railway.com, webhooks", [IN_PATH, IN_QUERY], [("path-token", railway, {"event": "Deployment.failed"}), ("query-token", {**railway, "type": "Deployment.success"}, {"event": "Deployment.success"})])

heard = {"metadata": {"request_id": "00000000-0000-4000-8000-000000000001", "duration": 25.9}, "results": {"channels": [{"alternatives": [{"transcript": "Grüß Gott ☀"}]}]}}
make("deepgram", "recorded", "developers.deepgram.com, callback", [BASIC[0][0], ["dg-token", "00000000-0000-4000-8000-00000000000a"]], heard, {}, "jethook:an oracle's password")
make("deepgram", "streaming-put", "developers.deepgram.com, callback", [BASIC[0][0], ["dg-token", "00000000-0000-4000-8000-00000000000a"]], {"type": "Results", "is_final": True, **heard}, {"event": "Results"}, "jethook:an oracle's password", method="PUT")

report = {"message": {"type": "end-of-call-report", "timestamp": (NOW - 2) * 1000, "call": {"id": "oracle"}, "summary": "Zoë ☀"}}
token("vapi", "docs.vapi.ai, server authentication", [BEARER, ([["X-Vapi-Secret", TOKEN]], "")], [("bearer", report, {"event": "end-of-call-report"}), ("legacy-secret", {"message": {"type": "status-update", "status": "ended"}}, {"event": "status-update"})])

log = lambda id, type: {"log_id": id, "data": {"date": "2026-11-23T23:59:58.000Z", "type": type, "description": "Zoë ☀", "log_id": id}}
token("auth0", "auth0.com, custom log streams", [([["Authorization", TOKEN]], "")], [("array", [log("oracle1", "s")], {"event": "s", "id": "oracle1"}), ("batch", [log("oracle1", "s"), log("oracle2", "s")], {"event": "s"}), ("object", log("oracle3", "fsa"), {"event": "fsa", "id": "oracle3"})])

honey = {"version": "v0.1.0", "name": "lamp — ☀", "status": "TRIGGERED", "summary": "The lamp flickers", "trigger_id": "oracle"}
token("honeycomb", "docs.honeycomb.io, webhooks", [([["X-Honeycomb-Webhook-Token", TOKEN], ["X-Honeycomb-Webhook-Delivery-ID", "00000000-0000-4000-8000-000000000001"]], "")], [("triggered", honey, {"event": "TRIGGERED", "id": "00000000-0000-4000-8000-000000000001"})])

stopped = {"version": "0", "id": "6a7e8feb-0000-4000-8000-000000000001", "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2", "account": "111122223333", "time": LATER, "region": "eu-central-1", "resources": [], "detail": {"instance-id": "i-oracle", "state": "stopped"}}
STOPPED = {"event": "EC2 Instance State-change Notification", "id": stopped["id"]}
make("aws-eventbridge", "api-key", "docs.aws.amazon.com, EventBridge, API destinations", [["X-Api-Key", TOKEN]], stopped, STOPPED)
make("aws-eventbridge", "basic-put", "docs.aws.amazon.com, EventBridge, API destinations", BASIC[0], stopped, STOPPED, "jethook:an oracle's password", method="PUT")
make("aws-eventbridge", "own-header", "docs.aws.amazon.com, EventBridge, API destinations", [["X-Lamp-Key", TOKEN]], {"lamp": "transformed"}, {}, parameters={"header": "X-Lamp-Key"})

fired = lambda condition: {"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": {"alertId": "/subscriptions/oracle/providers/Microsoft.AlertsManagement/alerts/oracle", "alertRule": "lämp", "severity": "Sev3", "signalType": "Metric", "monitorCondition": condition, "firedDateTime": "2026-11-23T23:59:58.3713213Z"}, "alertContext": {}}}
token("azure-monitor", "learn.microsoft.com, common alert schema", [IN_PATH, IN_QUERY], [("fired", fired("Fired"), {"event": "Fired"}), ("resolved", fired("Resolved"), {"event": "Resolved"})])

signup = {"type": "registration", "user_id": "00000000-0000-4000-8000-000000000001", "name": "Zoë"}
make("ory", "api-key", "ory.sh, webhooks", [["X-Api-Key", TOKEN]], signup, {"event": "registration"})
make("ory", "basic-own-body", "ory.sh, webhooks", BASIC[0], {"user_id": "oracle"}, {}, "jethook:an oracle's password")

opsgenie = {"action": "Create", "alert": {"alertId": "44f717bf-0000-4000-8000-000000000001", "message": "The lamp flickers — ☀", "tags": ["page"]}, "source": {"name": "", "type": "web"}, "integrationName": "jethook"}
token("opsgenie", "support.atlassian.com, Opsgenie, webhook", [([["X-Webhook-Token", TOKEN]], ""), BEARER], [("create", opsgenie, {"event": "Create"}), ("close", {**opsgenie, "action": "Close"}, {"event": "Close"})])

status = {"meta": {"unsubscribe": "https://status.example.com/unsubscribe", "documentation": "https://status.example.com/docs"}, "page": {"id": "oracle", "status_indicator": "major", "status_description": "Partial outage"}}
update = {**status, "component_update": {"created_at": LATER, "new_status": "operational", "old_status": "major_outage", "id": "oracle", "component_id": "oracle"}, "component": {"id": "oracle", "name": "lämp", "status": "operational"}}
outage = {**status, "incident": {"id": "oracle", "name": "The lamp flickers", "status": "investigating", "updated_at": LATER}}
token("statuspage", "support.atlassian.com, Statuspage, webhook notifications", [IN_PATH, IN_QUERY], [("component", update, {"event": "component_update"}), ("incident", outage, {"event": "incident"})])

monitor = {"id": "1234567", "last_updated": str(NOW * 1000), "event_type": "metric_alert_monitor", "title": "The lamp flickers — ☀", "org": {"id": "1", "name": "acme"}, "body": "lamp"}
token("datadog", "docs.datadoghq.com, webhooks", [BEARER, ([["X-Webhook-Token", TOKEN]], "")], [("bearer", monitor, {"event": "metric_alert_monitor"}), ("header-own-template", {"transition": "Triggered"}, {})])

relic = {"id": "oracle", "issueUrl": "https://radar-api.service.newrelic.com/oracle", "title": "The lamp flickers — ☀", "priority": "CRITICAL", "state": "ACTIVATED", "trigger": "STATE_CHANGE"}
token("newrelic", "docs.newrelic.com, notification integrations, webhook", [([["X-Webhook-Token", TOKEN]], ""), BEARER], [("header", relic, {"event": "ACTIVATED"}), ("bearer-closed", {**relic, "state": "CLOSED"}, {"event": "CLOSED"})])

better = {"event": "started", "data": {"id": "1", "type": "incident", "attributes": {"name": "lämp", "cause": "Error 500", "started_at": LATER}}}
token("betterstack", "docs.betteruptime.com, webhooks", [IN_PATH, IN_QUERY], [("incident-started", better, {"event": "incident.started"}), ("monitor-paused", {"event": "paused", "data": {"id": "1", "type": "monitor", "attributes": {}}}, {"event": "monitor.paused"})])

ping = {"check_id": 12345, "check_name": "lämp", "check_type": "HTTP", "tags": [], "previous_state": "UP", "current_state": "DOWN", "importance_level": "HIGH", "state_changed_timestamp": NOW - 2, "state_changed_utc_time": "2026-11-23T23:59:58", "version": 1}
token("pingdom", "pingdom.com, webhooks", [IN_PATH, IN_QUERY], [("down", ping, {"event": "DOWN"}), ("up", {**ping, "previous_state": "DOWN", "current_state": "UP"}, {"event": "UP"})])

item = {"event_name": "new_item", "data": {"item": {"id": 1, "title": "TypeError: ☀", "environment": "production"}}}
token("rollbar", "docs.rollbar.com, webhooks", [IN_PATH, IN_QUERY], [("new-item", item, {"event": "new_item"}), ("deploy", {"event_name": "deploy", "data": {"deploy": {"revision": "aaaa", "comment": "Brighter — ☀"}}}, {"event": "deploy"})])

spoken = {"transcript_id": "00000000-0000-4000-8000-000000000001", "status": "completed"}
make("assemblyai", "completed", "assemblyai.com, webhooks for pre-recorded audio", [["X-Webhook-Token", TOKEN]], spoken, {"event": "completed", "id": spoken["transcript_id"] + ".completed"})
make("assemblyai", "own-header", "assemblyai.com, webhooks for pre-recorded audio", [["X-Lamp-Key", TOKEN]], {**spoken, "status": "error"}, {"event": "error", "id": spoken["transcript_id"] + ".error"}, parameters={"header": "X-Lamp-Key"})
make("assemblyai", "streaming", "assemblyai.com, webhooks for streaming", [["X-Webhook-Token", TOKEN]], {"session_id": "273e79fd-0000-4000-8000-000000000001", "messages": [{"transcript": "Grüß Gott ☀"}]}, {"id": "273e79fd-0000-4000-8000-000000000001"})

# Veriff's page shows how a request is signed; what it sends is signed in the same way.
SHOWN = '{"verification":{"callback":"https://veriff.com","person":{"firstName":"John","lastName":"Smith"},"document":{"type":"PASSPORT","country":"EE"},"vendorData":"unique id of a user","timestamp":"2016-05-19T08:30:25.597Z"}}'
SHOWN_MAC = "6af6d95822e19e9cc707aec55395d8d363ba2c7bc4625bc04ebeca0c7bf8cd67"
VERIFF_KEY = "abcdef12-abcd-abcd-abcd-abcdef012345"
assert SHOWN_MAC == mac(VERIFF_KEY, SHOWN)
make("veriff", "shown", "developers.veriff.com, generating X-HMAC-SIGNATURE", [["X-HMAC-SIGNATURE", SHOWN_MAC]], SHOWN, {}, VERIFF_KEY, kind="documentation")

opened = {"version": "1.2", "incident": {"incident_id": "0.oracle", "state": "open", "started_at": NOW - 2, "policy_name": "lämp", "summary": "The lamp flickers"}}
make("gcp-monitoring", "basic", "keephq/keep, gcpmonitoring", BASIC[0], opened, {"event": "open"}, "jethook:an oracle's password")
make("gcp-monitoring", "query-token", "docs.robusta.dev, GCP monitoring", [], {**opened, "incident": {**opened["incident"], "state": "closed"}}, {"event": "closed"}, path=f"?token={TOKEN}")

robot = {"monitorID": "777", "monitorFriendlyName": "lämp", "alertTypeFriendlyName": "Down", "alertDetails": "Connection timeout"}
token("uptimerobot", "help.uptimerobot.com, webhook integration", [([["X-Webhook-Token", TOKEN]], ""), BEARER, IN_PATH], [("header", robot, {}), ("bearer-own-body", {"type": "Down", "monitor": "lämp"}, {"event": "Down"}), ("path-token", robot, {})])

crash = {"account": {"id": "56b9ca7f17025f8756f69054", "name": "acme"}, "project": {"id": "56b9ca7f17025f8756f69055", "name": "lämp"}, "trigger": {"type": "firstException", "message": "New error"}, "error": {"id": "oracle", "exceptionClass": "TypeError", "message": "☀"}}
token("bugsnag", "docs.bugsnag.com, webhook", [IN_PATH, IN_QUERY], [("first-exception", crash, {"event": "firstException"}), ("release", {**crash, "trigger": {"type": "release", "message": "New release"}}, {"event": "release"})])

LINES = '{"url":"/lamp","status":200}\n{"url":"/lämp","status":503}\n'
make("fastly", "lines-bearer", "fastly.com, log streaming: HTTPS", BEARER[0], LINES, {"event": "log"})
make("fastly", "array-header-put", "fastly.com, log streaming: HTTPS", [["X-Webhook-Token", TOKEN]], [{"url": "/lamp", "status": 200}], {"event": "log"}, method="PUT")

task = {"id": "whe_oracle", "created_at": "2026-11-24T08:59:58.000+09:00", "type": "index.task.ready", "data": {"id": "oracle", "metadata": {"duration": 30}, "status": "ready", "tags": ["lämp"]}}
signed("twelvelabs", "docs.twelvelabs.io, webhooks", "an-oracles-twelvelabs-secret", "TL-Signature", stamped("."), [("index-task-ready", task, {"event": "index.task.ready", "id": "whe_oracle"})])
