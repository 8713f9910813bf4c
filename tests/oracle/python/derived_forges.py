"""Forges, CI, registries and trackers without a library that signs: requests computed here from what pages and sources say."""

import base64
import hashlib
import hmac
import json
from urllib.parse import urlencode

from delivery import JSON, SECRET, digest, event, handshake, make
from vector import NOW, compact

TOKEN = "an-oracles-token"
FORM = "application/x-www-form-urlencoded"
TIME = "2026-11-23T23:59:58Z"


def gogs():
    page = "github.com/gogs/gogs, internal/database/webhook.go"
    push = compact({"ref": "refs/heads/main", "commits": [], "repository": {"full_name": "acme/lamp"}, "pusher": {"full_name": "Zoë & Söhne"}})
    for name, content, body in [("push", JSON, push), ("form-push", FORM, urlencode({"payload": push}))]:
        headers = {"X-Gogs-Delivery": "f6266f16-0000-4000-8000-000000000001", "X-Gogs-Event": "push", "X-Gogs-Signature": digest(push)}
        make("gogs", name, page, headers, body, event("push", headers["X-Gogs-Delivery"]), content=content)


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
    make("rubygems", "gem", page, headers, body, event("gem", "lamp.1.2.0.ruby"), secrets=[TOKEN])


def rows():
    """Provider, name, page, hash and header of the signature with its prefix, other headers, body, what is expected of it."""
    hash = "sha256"
    change = {"timestamp": TIME, "title": "Brighter — ☀"}
    yield (
        "terraform-cloud", "run", "developer.hashicorp.com, notification authenticity", "sha512", "X-TFE-Notification-Signature", "", {},
        {"payload_version": 1, "run_id": "run-1", "workspace_name": "lamp", "notifications": [{"message": "Zoë", "trigger": "run:completed", "run_status": "applied", "run_updated_at": "2026-11-23T23:59:58.000Z"}]},
        event("run:completed", None, TIME),
    )
    yield (
        "terraform-cloud", "verification", "developer.hashicorp.com, notification authenticity", "sha512", "X-TFE-Notification-Signature", "", {},
        {"payload_version": 1, "run_id": None, "notifications": [{"message": "Verification of test", "trigger": "verification", "run_status": None}]},
        handshake(),
    )
    yield (
        "terraform-run-task", "post-plan", "developer.hashicorp.com, run tasks integration", "sha512", "X-TFC-Task-Signature", "", {},
        {"payload_version": 1, "stage": "post_plan", "access_token": "an-oracles-access-token", "task_result_id": "taskrs-1", "run_message": "Zoë"},
        event("post_plan", "taskrs-1"),
    )
    yield (
        "terraform-run-task", "try-out", "developer.hashicorp.com, run tasks integration", "sha512", "X-TFC-Task-Signature", "", {},
        {"payload_version": 1, "stage": "test", "access_token": "test-token"},
        handshake(),
    )
    id = "a7b0c4d2-0000-4000-8000-000000000001"
    yield (
        "pulumi", "update", "www.pulumi.com, webhooks, headers", hash, "Pulumi-Webhook-Signature", "",
        {"Pulumi-Webhook-ID": id, "Pulumi-Webhook-Kind": "stack_update"},
        {"user": {"name": "Zoë"}, "organization": {"name": "acme"}, "action": "update", "projectName": "lamp", "kind": "update", "result": "succeeded"},
        event("stack_update.update", id),
    )
    yield (
        "expo-eas", "build", "docs.expo.dev, webhooks", "sha1", "expo-signature", "sha1=", {},
        {"id": id, "accountName": "acme", "projectName": "lamp", "platform": "android", "status": "finished", "completedAt": "2026-11-23T23:59:58.000Z", "metadata": {"message": "Zoë"}},
        event("android.finished", id, TIME),
    )
    package = {"meta": {"attempt_at": TIME, "event_at": "2026-11-23T23:59:58.000000+00:00", "event_id": "package.synced", "trigger_id": id, "webhook_id": 1}, "data": {"name": "lämp.deb"}}
    for name, prefix in [("package", ""), ("package-prefixed", "sha1=")]:
        yield (
            "cloudsmith", name, "docs.cloudsmith.com, webhooks", "sha1", "X-Cloudsmith-Signature", prefix, {}, package,
            event("package.synced", id, TIME),
        )
    edit = {"object": {"type": "TASK", "phid": "PHID-TASK-1"}, "triggers": [{"phid": "PHID-HWBH-1"}], "action": {"test": False, "silent": False, "secure": False, "epoch": NOW - 2}}
    for name, phids, found in [("edit", ["PHID-XACT-TASK-1"], "PHID-XACT-TASK-1"), ("two-transactions", ["PHID-XACT-TASK-1", "PHID-XACT-TASK-2"], None)]:
        yield (
            "phabricator", name, "we.phorge.it, webhooks", hash, "X-Phabricator-Webhook-Signature", "", {},
            {**edit, "transactions": [{"phid": phid} for phid in phids]},
            event("TASK", found, TIME),
        )
    yield (
        "plane", "issue", "github.com/makeplane/plane, webhook_task.py", hash, "X-Plane-Signature", "", {"X-Plane-Delivery": id, "X-Plane-Event": "issue"},
        json.dumps({"event": "issue", "action": "update", "webhook_id": "1", "workspace_id": "2", "data": {"name": "Zoë"}, "activity": None}),
        event("issue.update"),
    )
    yield (
        "nexus", "component", "help.sonatype.com, webhooks; WebhookServiceImpl.java", "sha1", "X-Nexus-Webhook-Signature", "",
        {"X-Nexus-Webhook-Delivery": id, "X-Nexus-Webhook-ID": "rm:repository:component"},
        {"timestamp": "2026-11-23T23:59:58.000+0000", "nodeId": "n1", "initiator": "zoë", "repositoryName": "lamp", "action": "CREATED", "component": {"name": "lamp", "version": "1"}},
        event("rm:repository:component.CREATED", id),
    )
    yield (
        "sonarqube", "analysis", "docs.sonarsource.com, webhooks", hash, "X-Sonar-Webhook-HMAC-SHA256", "", {"X-SonarQube-Project": "lamp"},
        {"serverUrl": "https://sonar.example.com", "taskId": "AVh21JS2JepAEhwQ-b3u", "status": "SUCCESS", "analysedAt": "2026-11-23T23:59:58+0000", "project": {"key": "lamp", "name": "Lämp"}, "qualityGate": {"name": "gate", "status": "OK"}},
        event("qualityGate.OK"),
    )
    callback = {"nonce": id, "timestamp": "2026-11-23T23:59:58.000+00:00", "webhookId": 1, "scope": "sheet", "scopeObjectId": 2}
    row = {"objectType": "row", "eventType": "created", "id": 3, "userId": 4}
    yield (
        "smartsheet", "row", "developers.smartsheet.com, webhook callbacks", hash, "Smartsheet-Hmac-SHA256", "", {},
        {**callback, "events": [row]}, event("row.created", id),
    )
    yield (
        "smartsheet", "mixed", "developers.smartsheet.com, webhook callbacks", hash, "Smartsheet-Hmac-SHA256", "", {},
        {**callback, "events": [row, {**row, "eventType": "deleted"}]}, event(None, id),
    )
    yield (
        "artifactory", "signed-pushed", "receivers in use: HMAC-SHA256 of the body, hexadecimal", hash, "X-JFrog-Event-Auth", "", {},
        {"domain": "docker", "event_type": "pushed", "data": {"repo_key": "lamp", "name": "Zoë", "tag": "1"}}, event("docker.pushed"),
    )
    yield (
        "spacelift", "run", "docs.spacelift.io, webhooks, validating payload", hash, "X-Signature-256", "sha256=", {},
        {"account": "acme", "state": "FINISHED", "stateVersion": 4, "timestamp": NOW - 2, "run": {"id": "01EF9PFPNFFM2MQXTJKHK1B869", "commit": {"message": "Zoë"}}, "stack": {"id": "lamp"}},
        event("FINISHED", "01EF9PFPNFFM2MQXTJKHK1B869.4", TIME),
    )
    yield (
        "spacelift", "error", "docs.spacelift.io, webhooks, validating payload", hash, "X-Signature-256", "sha256=", {},
        {"title": "Invalid Stack Slug Triggered", "body": "Zoë", "error": "no such stack", "severity": "ERROR", "account": "acme"}, event("ERROR"),
    )
    yield (
        "openproject", "work-package", "github.com/opf/openproject, represented_webhook_job.rb", "sha1", "X-OP-Signature", "sha1=", {},
        {"action": "work_package:updated", "work_package": {"id": 7, "subject": "Zoë"}}, event("work_package:updated"),
    )
    yield (
        "redmine", "issue", "github.com/redmine/redmine, app/models/webhook.rb", hash, "X-Redmine-Signature-256", "sha256=", {},
        {"type": "issue.updated", **change, "data": {"issue": {"id": 7, "subject": "Zoë"}}}, event("issue.updated", None, TIME),
    )
    yield (
        "sourcegraph", "batch-change", "github.com/sourcegraph/sourcegraph, outbound webhooks", hash, "X-Sourcegraph-Webhook-Signature", "",
        {"X-Sourcegraph-Webhook-Event-Type": "batch_change:apply"}, {"id": "QmF0Y2hDaGFuZ2U6MQ==", "name": "lämp"}, event("batch_change:apply"),
    )
    for header in ["X-Hook-Signature", "X-Hook-Secret"]:
        yield (
            "wrike", f"task-{header.split('-')[-1].lower()}", "receivers in use: HMAC-SHA256 of the body, hexadecimal", hash, header, "", {},
            [{"taskId": "T1", "webhookId": "W1", "eventAuthorId": "A1", "eventType": "TaskStatusChanged", "status": "Completed", "lastUpdatedDate": TIME}],
            event("TaskStatusChanged"),
        )
    yield (
        "teamwork", "task", "receivers in use: HMAC-SHA256 of the body, hexadecimal", hash, "X-Projects-Signature", "",
        {"X-Projects-Delivery": id, "X-Projects-Event": "TASK.CREATED"}, {"task": {"id": 7, "name": "Zoë"}, "eventCreator": {"id": 1}}, event("TASK.CREATED", id),
    )
    yield (
        "hcp-webhooks", "complete", "receivers in use: HMAC-SHA512 of the body, hexadecimal", "sha512", "X-HCP-Webhook-Signature", "", {},
        {"resource_id": "webhook.1", "resource_name": "packer", "event_id": "packer.event:1", "event_action": "complete", "event_payload": {"bucket": {"slug": "lämp"}}},
        event("complete"),
    )
    yield (
        "allura", "push", "github.com/apache/allura, Allura/allura/webhooks.py", "sha1", "X-Allura-Signature", "sha1=", {},
        {"size": 1, "commits": [{"id": "1", "message": "Zoë"}], "before": "0", "after": "1", "ref": "refs/heads/main"}, event("push"),
    )


def tokens():
    """Provider, name, page, where the secret is, other headers, body, what is expected of it. Nothing is computed."""
    id = "a7b0c4d2-0000-4000-8000-000000000002"
    path = {"url": lambda provider: f"/shop/{provider}/{TOKEN}"}
    query = {"url": lambda provider: f"/shop/{provider}?token={TOKEN}"}
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    basic = {"Authorization": "Basic " + base64.b64encode(f"jethook:{TOKEN}".encode()).decode()}
    password = {"secrets": [f"jethook:{TOKEN}"]}
    body = {"name": "acme/lamp", "repository": "acme/lamp", "updated_tags": ["1.0"], "note": "Zoë"}
    page = "docs.quay.io, repository notifications"
    yield "quay", "push", page, {}, body, event(None), path
    yield "quay", "query-token", page, {}, {**body, "type": "repo_push"}, event("repo_push"), query
    body = {"callback_url": "https://registry.hub.docker.com/u/acme/lamp/hook/1/", "push_data": {"pushed_at": NOW - 2, "pusher": "zoë", "tag": "1.0"}, "repository": {"repo_name": "acme/lamp"}}
    yield "dockerhub", "push", "docs.docker.com, Docker Hub webhooks", {}, body, event("push"), path
    body = {"type": "patchset-created", "change": {"project": "lamp", "number": 7, "subject": "Zoë"}, "eventCreatedOn": NOW - 2}
    yield "gerrit", "patchset", "gerrit.googlesource.com, plugins/webhooks", {}, body, event("patchset-created"), path
    page = "goharbor.io, configure webhooks"
    body = {"type": "PUSH_ARTIFACT", "occur_at": NOW - 2, "operator": "zoë", "event_data": {"repository": {"repo_full_name": "acme/lamp"}}}
    yield "harbor", "push", page, bearer, body, event("PUSH_ARTIFACT"), {}
    yield "harbor", "plain-header", page, {"Authorization": TOKEN}, body, event("PUSH_ARTIFACT"), {}
    body = {"specversion": "1.0", "id": id, "source": "/projects/1/webhook/policies/3", "type": "harbor.artifact.pushed", "time": TIME, "data": {}}
    yield "harbor", "cloudevent", page, bearer, body, event("harbor.artifact.pushed", id), {"content": "application/cloudevents+json"}
    page = "learn.microsoft.com, Azure Container Registry webhook"
    body = {"id": id, "timestamp": "2026-11-23T23:59:58.343145347Z", "action": "push", "target": {"repository": "lamp", "tag": "zoë"}}
    yield "acr", "push", page, bearer, body, event("push", id), {}
    yield "acr", "own-header", page, {"X-Registry-Token": TOKEN}, body, event("push", id), {"parameters": {"header": "X-Registry-Token"}}
    page = "learn.microsoft.com, Azure DevOps webhooks"
    body = {"subscriptionId": "1", "notificationId": 2, "id": id, "eventType": "git.push", "publisherId": "tfs", "message": {"text": "Zoë"}, "createdDate": TIME}
    yield "azure-devops", "push-basic", page, basic, body, event("git.push", id), password
    yield "azure-devops", "push-bearer", page, bearer, body, event("git.push", id), {}
    body = {"event_type": "FILE_UPDATE", "file_key": "k1", "file_name": "Zoë", "passcode": TOKEN, "timestamp": TIME, "webhook_id": "22"}
    yield "figma", "file-update", "developers.figma.com, webhooks security", {}, body, event("FILE_UPDATE"), {}
    body = {"domain": "docker", "event_type": "pushed", "data": {"repo_key": "lamp", "name": "Zoë", "tag": "1"}}
    use = {"secrets": [{"use": "token", "value": TOKEN}]}
    yield "artifactory", "token-pushed", "JFrog's Terraform provider, webhook", {"X-JFrog-Event-Auth": TOKEN}, body, event("docker.pushed"), use
    body = {"specversion": "1.0", "id": id, "source": "https://artifacthub.io", "type": "io.artifacthub.package.new-release", "datacontenttype": "application/json", "data": {"package": {"name": "lämp"}}}
    page = "github.com/artifacthub/hub, internal/notification/worker.go"
    yield "artifact-hub", "release", page, {"X-ArtifactHub-Secret": TOKEN}, body, event("io.artifacthub.package.new-release", id), {}
    page = "github.com/project-zot/zot, pkg/extensions/events"
    headers = {"ce-id": id, "ce-source": "zot", "ce-specversion": "1.0", "ce-type": "zotregistry.image.updated"}
    body = {"name": "acme/lamp", "reference": "1.0", "digest": "sha256:0"}
    yield "zot", "image", page, bearer | headers, body, event("zotregistry.image.updated", id), {}
    yield "zot", "image-basic", page, basic | headers, body, event("zotregistry.image.updated", id), password
    body = {"eventName": "build_success", "eventData": {"passed": True, "projectName": "lamp", "buildId": 7, "commitMessage": "Zoë"}}
    yield "appveyor", "build", "www.appveyor.com, build notifications, webhooks", bearer, body, event("build_success"), {}
    body = {"name": "lamp", "url": "job/lamp/", "build": {"number": 7, "phase": "FINALIZED", "status": "SUCCESS", "notes": "Zoë"}}
    page = "github.com/jenkinsci/notification-plugin, Protocol.java"
    yield "jenkins", "build", page, {}, body, event("FINALIZED"), path
    yield "jenkins", "build-basic", page, basic, body, event("FINALIZED"), password
    body = {"eventType": "BUILD_FINISHED", "payload": {"id": 7, "buildTypeId": "Lamp_Build", "status": "SUCCESS", "statusText": "Zoë"}}
    yield "teamcity", "build", "github.com/JetBrains/teamcity-webhooks", basic, body, event("BUILD_FINISHED"), password
    body = {"repo": {"name": "lamp", "service_id": "1"}, "head": {"commitid": "92e21bf", "message": "Zoë"}, "compare": {"coverage": "1.00"}, "pull": None}
    yield "codecov", "coverage", "github.com/codecov/worker, notifiers/webhook.py", {}, body, event("coverage"), path
    body = {"projectId": 2, "refName": "refs/heads/main", "type": "RefUpdated", "note": "Zoë"}
    yield "onedev", "push", "code.onedev.io, WebHookManager.java", {"X-OneDev-Signature": TOKEN}, body, event("RefUpdated"), {}
    body = {"build_slug": "1", "build_number": 7, "app_slug": "2", "build_status": 1, "build_triggered_workflow": "Zoë"}
    page = "devcenter.bitrise.io, adding outgoing webhooks"
    yield "bitrise", "build", page, bearer | {"Bitrise-Event-Type": "build/finished"}, body, event("build.finished"), {}
    body = {"notification": {"level": "INFORMATIONAL", "scope": "PORTFOLIO", "group": "NEW_VULNERABILITY", "timestamp": "2026-11-23T23:59:58.961", "content": "Zoë"}}
    yield "dependency-track", "vulnerability", "docs.dependencytrack.org, notifications", {}, body, event("NEW_VULNERABILITY"), path
    page = "receivers in use, and what they quote of help.gitee.com"
    body = {"hook_name": "push_hooks", "ref": "refs/heads/main", "timestamp": str((NOW - 2) * 1000), "repository": {"name": "灯"}}
    headers = {"X-Gitee-Event": "Push Hook", "X-Gitee-Timestamp": str(NOW * 1000)}
    yield "gitee", "password", page, {**headers, "X-Gitee-Token": TOKEN}, body, event("push_hooks"), use
    signature = hmac.new(SECRET.encode(), f"{NOW * 1000}\n{SECRET}".encode(), hashlib.sha256).digest()
    signed = {**headers, "X-Gitee-Token": base64.b64encode(signature).decode()}
    yield "gitee", "signed", page, signed, body, event("push_hooks"), {"secrets": [SECRET]}


def table():
    for provider, name, page, hash, header, prefix, headers, body, expect in rows():
        text = body if isinstance(body, str) else compact(body)
        make(provider, name, page, {**headers, header: prefix + digest(text, hash)}, text, expect)
    for provider, name, page, headers, body, expect, more in tokens():
        more = {"secrets": [TOKEN], **more}
        url = more.pop("url", lambda _: None)(provider)
        make(provider, name, page, headers, compact(body), expect, url=url, **more)
    nonce = "7c3f9d8e5b2a41060f1e"
    make(
        "wrike", "secret-verification", "receivers in use", {"X-Hook-Secret": nonce},
        compact({"requestType": "WebHook secret verification"}), handshake(headers={"x-hook-secret": digest(nonce)}),
    )
    body = compact({"eventId": "evt_1", "type": "space_content_updated", "spaceId": "s1", "installationId": "i1", "note": "Zoë"})
    headers = {"X-GitBook-Signature": f"t={NOW},v1={digest(f'{NOW}.{body}')}"}
    make("gitbook", "content-updated", "gitbook.com, webhook integration", headers, body, event("space_content_updated", "evt_1"))
    body = compact({"event": "keys:create", "message": "Zoë", "project": {"id": "p1", "name": "lamp"}, "key": {"id": "k1"}})
    signed = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).digest()
    headers = {"X-PhraseApp-Signature": base64.b64encode(signed).decode(), "X-PhraseApp-Event": "keys:create"}
    make("phrase", "key", "support.phrase.com, webhooks (Strings)", headers, body, event("keys:create"))
    body = compact({"payloadId": "Rm9vQmFyQmF6", "action": "created", "hookId": "h1", "card": {"name": "Zoë"}})
    signed = hmac.new(SECRET.encode(), b"Rm9vQmFyQmF6https://hooks.example.com/shop/endpoint", hashlib.sha1).digest()
    headers = {"X-Favro-Webhook": base64.b64encode(signed).decode()}
    page = "receivers in use, and what they quote of favro.com"
    make("favro", "card", page, headers, body, event("created", "Rm9vQmFyQmF6"), url="/shop/endpoint")
    challenge = "d78dd1d3-01ce-4481-81de-92b4f3aa5ab1"
    make(
        "smartsheet", "challenge", "developers.smartsheet.com, webhook verification", {"Smartsheet-Hook-Challenge": challenge},
        compact({"challenge": challenge, "webhookId": 1}), handshake(headers={"smartsheet-hook-response": challenge}),
    )


gogs()
readthedocs()
taiga()
rubygems()
table()
