"""Forges, CI, registries and trackers without a library that signs: requests computed here from what pages and sources say.

`derived` proves our reading; `documentation` is a published example, whose secret, body and signature are the provider's own.
"""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

from vector import DATE, NOW, compact, write

SECRET = "an oracle's secret, not a real one"
TOKEN = "an-oracles-token"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
TIME = "2026-11-23T23:59:58Z"


def digest(body, hash="sha256", secret=SECRET):
    return hmac.new(secret.encode(), body.encode(), hash).hexdigest()


def make(provider, name, page, headers, body, expect, secrets=(SECRET,), url=None, kind="derived", content=JSON, **more):
    request = {"method": more.pop("method", "POST"), "url": url or f"/shop/{provider}"}
    request["headers"] = [["Content-Type", content], *([name, value] for name, value in headers.items())]
    request["body"] = body
    vector = {"from": {"kind": kind, "name": page, "date": DATE}, "now": NOW, **more}
    write(provider, f"{kind}-{name}", {**vector, "secrets": list(secrets), "request": request, "expect": expect})


def event(type, id=None, time=None):
    return {"event": type, "id": id, **({"time": time} if time else {})}


def handshake(status=200, body="", content_type=None):
    answer = {"status": status, "body": body}
    if content_type:
        answer["contentType"] = content_type
    return {"handshake": True, "answer": answer}


def bitbucket():
    page = "support.atlassian.com, manage webhooks, test values"
    sent = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    id = "c1c5a1a0-0000-4000-8000-000000000001"
    headers = {"X-Event-Key": "repo:push", "X-Request-UUID": id, "X-Hub-Signature": sent}
    published = {"secrets": ["It's a Secret to Everybody"], "kind": "documentation", "content": "text/plain"}
    make("bitbucket-cloud", "hello-world", page, headers, "Hello World!", event("repo:push", id), **published)
    body = compact({"actor": {"display_name": "Zoë"}, "repository": {"full_name": "acme/lamp"}, "push": {"changes": []}})
    headers |= {"X-Attempt-Number": "1", "X-Hook-UUID": "h1", "X-Hub-Signature": f"sha256={digest(body)}"}
    make("bitbucket-cloud", "push", page, headers, body, event("repo:push", id))

    page = "confluence.atlassian.com, Bitbucket Data Center, manage webhooks"
    body = compact({"eventKey": "pr:opened", "date": "2026-11-24T11:00:00+1100", "pullRequest": {"id": 7, "title": "Brighter — ☀"}})
    headers = {"X-Event-Key": "pr:opened", "X-Request-Id": id, "X-Hub-Signature": f"sha256={digest(body)}"}
    make("bitbucket-dc", "pull-request", page, headers, body, event("pr:opened", id))
    ping = {"X-Event-Key": "diagnostics:ping", "X-Request-Id": id}
    make("bitbucket-dc", "ping", page, ping, '{"test": true}', handshake())

    page = "developer.atlassian.com, Jira Cloud webhooks, test values"
    headers = {"X-Atlassian-Webhook-Identifier": "2f5e1b8a-0000-4000-8000-000000000001", "X-Hub-Signature": sent}
    id = headers["X-Atlassian-Webhook-Identifier"]
    make("jira", "hello-world", page, headers, "Hello World!", event(None, id), **published)
    body = compact({"timestamp": (NOW - 2) * 1000, "webhookEvent": "jira:issue_updated", "issue": {"key": "LAMP-7", "fields": {"summary": "Brighter — ☀"}}})
    headers["X-Hub-Signature"] = f"sha256={digest(body)}"
    make("jira", "issue-updated", page, headers, body, event("jira:issue_updated", id, TIME))


def circleci():
    page = "circleci.com, outbound webhooks, example signatures"
    examples = [
        ("hello-world", "hello world", "secret", "734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a"),
        ("lalala", "lalala", "another-secret", "daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00"),
        ("payload", "an-important-request-payload", "hunter123", "9be2242094a9a8c00c64306f382a7f9d691de910b4a266f67bd314ef18ac49fa"),
    ]
    for name, body, secret, sent in examples:
        headers = {"circleci-event-type": "ping", "circleci-signature": f"v1={sent}"}
        make("circleci", name, page, headers, body, event(None), secrets=[secret], kind="documentation", content="text/plain")
    id = "3888f21b-0000-4000-8000-000000000001"
    body = compact({"id": id, "type": "workflow-completed", "happened_at": "2026-11-23T23:59:58.000Z", "workflow": {"name": "build", "status": "success"}})
    headers = {"circleci-event-type": "workflow-completed", "circleci-signature": f"v1={digest(body)},v2={'0' * 64}"}
    make("circleci", "workflow", page, headers, body, event("workflow-completed", id, TIME))


def gogs():
    page = "github.com/gogs/gogs, internal/database/webhook.go"
    push = compact({"ref": "refs/heads/main", "commits": [], "repository": {"full_name": "acme/lamp"}, "pusher": {"full_name": "Zoë & Söhne"}})
    for name, content, body in [("push", JSON, push), ("form-push", FORM, urlencode({"payload": push}))]:
        headers = {"X-Gogs-Delivery": "f6266f16-0000-4000-8000-000000000001", "X-Gogs-Event": "push", "X-Gogs-Signature": digest(push)}
        make("gogs", name, page, headers, body, event("push", headers["X-Gogs-Delivery"]), content=content)


def semaphore():
    page = "github.com/semaphoreio/semaphore, notifications, signature_test.exs"
    id = "5b0e0a60-0000-4000-8000-000000000001"
    headers = {"X-Semaphore-Webhook-Id": id, "X-Semaphore-Signature-256": "dc46983557fea127b43af721467eb9b3fde2338fe3e14f51952aa8478c13d355"}
    make("semaphore-ci", "test", page, headers, "body", event("pipeline", id), secrets=["secret"], kind="documentation", content="text/plain")
    body = compact({"version": "1.0.0", "project": {"name": "lamp"}, "pipeline": {"state": "done", "result": "passed", "done_at": TIME}})
    headers["X-Semaphore-Signature-256"] = digest(body)
    make("semaphore-ci", "pipeline", page, headers, body, event("pipeline.passed", id, TIME))


def flux():
    page = "github.com/fluxcd/notification-controller, internal/notifier/forwarder_test.go"
    body = compact(
        {
            "involvedObject": {"kind": "GitRepository", "namespace": "gitops-system", "name": "webapp"},
            "severity": "info",
            "timestamp": "2022-09-30T06:40:29Z",
            "message": "message",
            "reason": "reason",
            "metadata": {"test": "metadata"},
            "reportingController": "source-controller",
            "reportingInstance": "source-controller-xyz",
        }
    )
    secret = "7152fed34dd6149a7c75a276c510da27cb6f82b0"
    sent = "sha256=65b018549b1254e7226d1c08f9567ee45bc9de0fc4e7b1a40253f9a018b08be7"
    headers = {"gotk-component": "source-controller", "X-Signature": sent}
    expect = event("GitRepository.reason", None, "2022-09-30T06:40:29Z")
    make("flux-generic-hmac", "test", page, headers, body, expect, secrets=[secret], kind="documentation")


def readthedocs():
    page = "docs.readthedocs.com, build webhooks; readthedocs/builds/tasks.py"
    body = compact({"event": "build:failed", "build": 15173336, "project": "lamp", "version": "Zoë"})
    headers = {"User-Agent": "Read-the-Docs/15.9.0 (readthedocs.org)", "X-RTD-Event": "build:failed", "X-Hub-Signature": digest(body)}
    make("readthedocs", "build-failed", page, headers, body, event("build:failed"))


def taiga():
    page = "docs.taiga.io, webhooks; taiga/webhooks/tasks.py"
    body = compact({"action": "create", "type": "issue", "by": {"full_name": "Zoë"}, "date": "2026-11-23T23:59:58.000Z", "data": {"ref": 7}})
    sent = digest(body, "sha1")
    headers = {"X-TAIGA-WEBHOOK-SIGNATURE": sent, "X-Hub-Signature": f"sha1={sent}"}
    make("taiga", "issue", page, headers, body, event("issue.create", None, TIME))


def rubygems():
    page = "guides.rubygems.org, webhook methods; app/jobs/notify_web_hook_job.rb"
    body = compact({"name": "lamp", "version": "1.2.0", "platform": "ruby", "authors": "Zoë", "project_uri": "https://rubygems.org/gems/lamp"})
    headers = {"Authorization": hashlib.sha256(f"lamp1.2.0{TOKEN}".encode()).hexdigest()}
    make("rubygems", "gem", page, headers, body, event("gem", "lamp.1.2.0"), secrets=[TOKEN])


bitbucket()
circleci()
gogs()
semaphore()
flux()
readthedocs()
taiga()
rubygems()
