"""Examples that providers published, by a page or by the sender's own tests: secret, body and signature are theirs.

Beside them a delivery or two with a real body, computed here.
"""

import json

from delivery import digest, event, handshake, make
from vector import NOW, compact

TIME = "2026-11-23T23:59:58Z"


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


def pagure():
    page = "pagure.io/pagure, tests/test_pagure_lib_task_services.py"
    message = {"pagure_instance": "http://localhost.localdomain/", "payload": ["a", "b", "c"], "project_fullname": "test"}
    body = json.dumps({"i": 1, "msg": message, "msg_id": "2018-not_so_random", "timestamp": 2, "topic": "topic"})
    sent = {
        "X-Pagure": "http://localhost.localdomain/",
        "X-Pagure-project": "test",
        "X-Pagure-Signature": "74b12f0b25bf7767014a0c0de9f3c10191e943d8",
        "X-Pagure-Signature-256": "f3d757796554466eac49a5282b24ee32a1ecfb65dedd6c6231fb207240a9fe58",
        "X-Pagure-Topic": "topic",
    }
    expect = event("topic", "2018-not_so_random", "1970-01-01T00:00:02Z")
    make("pagure", "test", page, sent, body, expect, secrets=["aaabbbccc"], kind="documentation")


def launchpad():
    page = "launchpad.net, lp/services/webhooks/tests/test_job.py"
    sent = {"X-Launchpad-Event-Type": "test", "X-Launchpad-Delivery": "1", "X-Hub-Signature": "sha1=de75f136c37d89f5eb24834468c1ecd602fa95dd"}
    make("launchpad", "test", page, sent, '{"foo": "bar"}', event("test", "1"), secrets=["sekrit"], kind="documentation")


def redmine():
    page = "github.com/redmine/redmine, test/unit/webhook_test.rb"
    sent = {"X-Redmine-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    secrets = ["It's a Secret to Everybody"]
    make("redmine", "test", page, sent, "Hello, World!", event(None), secrets=secrets, kind="documentation", content="text/plain")


bitbucket()
circleci()
semaphore()
flux()
pagure()
launchpad()
redmine()
