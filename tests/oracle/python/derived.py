"""Providers without a library that signs: requests computed here from what their pages say.

They prove that jethook does what we read, not that the provider does; hence `derived`, and the entries are not `proven`.
"""

import base64
import hashlib
import hmac

from vector import DATE, NOW, compact, write


def mac(key, body):
    return base64.b64encode(hmac.new(key, body.encode(), hashlib.sha256).digest()).decode()


def make(provider, name, page, secrets, url, headers, body, expect, parameters=None):
    vector = {"from": {"kind": "derived", "name": page, "date": DATE}, "now": NOW}
    if parameters:
        vector["parameters"] = parameters
    vector["secrets"] = secrets
    vector["request"] = {"method": "POST", "url": url, "headers": headers, "body": body}
    vector["expect"] = expect
    write(provider, name, vector)


# Salesforce outbound messages: nothing is signed. The token is in the URL, the organisation in the message.
TOKEN = "oracle-token-in-the-url"
ORG = "00D000000000001EAA"
ACK = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
)


def soap(kind, notifications):
    items = "".join(
        f"   <Notification>\n    <Id>{id}</Id>\n"
        f'    <sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">\n'
        f"     <sf:Id>{record}</sf:Id>\n     <sf:Name>{text}</sf:Name>\n    </sObject>\n   </Notification>\n"
        for id, record, text in notifications
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
        ' <soapenv:Body>\n  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">\n'
        f"   <OrganizationId>{ORG}</OrganizationId>\n   <ActionId>04k000000000001AAA</ActionId>\n"
        '   <SessionId xsi:nil="true"/>\n'
        "   <EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/65.0/00D000000000001</EnterpriseUrl>\n"
        "   <PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/65.0/00D000000000001</PartnerUrl>\n"
        f"{items}  </notifications>\n </soapenv:Body>\n</soapenv:Envelope>\n"
    )


def outbound(name, url, body, event, id):
    make(
        "salesforce-outbound",
        name,
        "developer.salesforce.com, outbound messaging",
        [TOKEN],
        url,
        [["Content-Type", "text/xml; charset=utf-8"], ["SOAPAction", '""']],
        body,
        {"event": event, "id": id, "answer": {"status": 200, "contentType": "text/xml", "body": ACK}},
        {"organizationId": ORG},
    )


one = soap("Account", [("04l000000000001AAA", "001000000000001AAA", "Zoë &amp; Söhne &lt;1&gt;")])
two = soap("Contact", [("04l000000000002AAA", "003000000000001AAA", "Ada"), ("04l000000000003AAA", "003000000000002AAA", "Grace")])
outbound("derived-path-token", f"/shop/salesforce/{TOKEN}", one, "Account", "04l000000000001AAA")
outbound("derived-query-token", f"/shop/salesforce?token={TOKEN}", one, "Account", "04l000000000001AAA")
outbound("derived-batch", f"/shop/salesforce/{TOKEN}", two, "Contact", None)

# Marketing Cloud ENS: HMAC-SHA256 of the body, base64, under the decoded signatureKey.
ENS_PAGE = "developer.salesforce.com, ENS notification signing"
ENS_KEY = b"jethook oracle, 32 bytes of key."
assert len(ENS_KEY) == 32


def ens(name, body, expect, signed=True):
    headers = [["Content-Type", "application/json"]]
    if signed:
        headers.append(["x-sfmc-ens-signature", mac(ENS_KEY, body)])
    secrets = [base64.b64encode(ENS_KEY).decode()]
    make("salesforce-marketing-cloud-ens", name, ENS_PAGE, secrets, "/shop/ens", headers, body, expect)


def email(kind, n):
    return {
        "eventCategoryType": kind,
        "timestampUTC": (NOW - 2) * 1000 + n,
        "composite": {"jobId": "1", "batchId": "1", "listId": "1", "subscriberId": str(n)},
        "mid": 100,
        "eid": 10,
        "info": {"to": "zoë@example.com"},
    }


sent = "TransactionalSendEvents.EmailSent"
ens("derived-sent", compact([email(sent, 1)]), {"event": sent, "id": None})
ens("derived-batch", compact([email(sent, 1), email(sent, 2)]), {"event": sent, "id": None})
ens("derived-mixed-batch", compact([email(sent, 1), email("EngagementEvents.EmailOpen", 2)]), {"event": None, "id": None})
ens(
    "derived-callback-check",
    compact({"callbackId": "65b885ab-0000-4000-8000-000000000001", "verificationKey": "oracle-verification-key"}),
    {"handshake": True, "answer": {"status": 200, "body": ""}},
    signed=False,
)

# Data 360: HMAC-SHA256 of the body, base64, under the key as text.
DATA_KEY = "oracle data action target key"


def data360(name, events, expect):
    body = compact(
        {
            "creationDateTime": "2026-11-23T23:59:58.000Z",
            "count": len(events),
            "schemas": [{"schemaId": "Large_Expense_Alert", "schema": "{}"}],
            "events": events,
        }
    )
    headers = [["Content-Type", "application/json"], ["x-signature", mac(DATA_KEY.encode(), body)]]
    page = "developer.salesforce.com, webhook data action targets"
    make("salesforce-data-360", name, page, [DATA_KEY], "/shop/data-360", headers, body, expect)


def change(uuid, prompt):
    event = {
        "ActionDeveloperName": "Large_Expense_Alert",
        "EventType": "CDCEvent",
        "EventPrompt": prompt,
        "SourceObjectDeveloperName": "Large_Expenses__cio",
        "EventPublishDateTime": "2026-11-23T23:59:58.000Z",
        "PayloadCurrentValue": '{"Name__c":"Zoë \\"Z\\"","Expense__c":699.99}',
    }
    return {**event, "EventUuid": uuid} if uuid else event


first = "b4235c47-0000-4000-8000-000000000001"
second = "b4235c47-0000-4000-8000-000000000002"
data360("derived-insert", [change(first, "INSERT")], {"event": "Large_Expense_Alert.INSERT", "id": first})
data360("derived-batch", [change(first, "INSERT"), change(second, "INSERT")], {"event": "Large_Expense_Alert.INSERT", "id": None})
data360("derived-mixed-batch", [change(first, "INSERT"), change(second, "UPDATE")], {"event": "Large_Expense_Alert", "id": None})
data360("derived-without-uuid", [change(None, "DELETE")], {"event": "Large_Expense_Alert.DELETE", "id": None})

# GitLab's secret token: sent as it is, nothing computed.
GITLAB_PAGE = "docs.gitlab.com, webhooks, delivery headers"
GITLAB_TOKEN = "an oracle's token"


def gitlab(name, event, key, body, expect):
    headers = [
        ["Content-Type", "application/json"],
        ["User-Agent", "GitLab/17.4.0"],
        ["X-Gitlab-Event", event],
        ["X-Gitlab-Event-UUID", "13792a34-0000-4000-8000-000000000002"],
        ["X-Gitlab-Instance", "https://gitlab.example.com"],
        ["X-Gitlab-Token", GITLAB_TOKEN],
        ["X-Gitlab-Webhook-UUID", "02affd2d-0000-4000-8000-000000000001"],
    ]
    if key:
        headers.append(["Idempotency-Key", key])
    make("gitlab", name, GITLAB_PAGE, [{"use": "token", "value": GITLAB_TOKEN}], "/shop/gitlab", headers, body, expect)


push = compact({"object_kind": "push", "event_name": "push", "ref": "refs/heads/main", "project_id": 15, "commits": []})
created = compact({"event_name": "project_create", "name": "lamp", "path_with_namespace": "acme/lamp", "project_id": 15})
template = compact({"text": "acme/lamp was pushed to"})
key = "f5e5f430-0000-4000-8000-000000000002"
gitlab("derived-token-push", "Push Hook", key, push, {"event": "push", "id": key})
gitlab("derived-token-system-hook", "System Hook", key, created, {"event": "project_create", "id": key})
gitlab("derived-token-custom-template", "Push Hook", key, template, {"event": "Push Hook", "id": key})
gitlab("derived-token-before-17-4", "Push Hook", None, push, {"event": "push", "id": None})
