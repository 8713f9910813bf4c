// Shortcut, signed by its own library; Todoist, accepted by its own; Atlassian Connect, signed and checked by Atlassian's.
import { createHmac } from "node:crypto";
import { createQueryStringHash, decodeSymmetric, encodeSymmetric, fromMethodAndUrl } from "atlassian-jwt";
import { signShortcutWebhookBody, verifyShortcutWebhookSignature } from "@shortcut/client/webhooks";
import { verifyWebhookSignature } from "@doist/todoist-sdk";
import { date, now, write } from "./vector.mjs";

const secret = "an oracle's secret, not a real one";
const json = ["Content-Type", "application/json"];
const sdk = (name) => ({ kind: "sdk", name, date });
const post = (url, headers, body) => ({ method: "POST", url, headers, body });

async function shortcut(name, payload, expect) {
  const body = JSON.stringify(payload);
  const signature = await signShortcutWebhookBody(secret, body);
  if (!(await verifyShortcutWebhookSignature(secret, body, signature))) throw new Error(name);
  const request = post("/shop/shortcut", [json, ["Payload-Signature", signature]], body);
  write("shortcut", name, { from: sdk("@shortcut/client 3.4.1"), now, secrets: [secret], request, expect });
}

const id = "595285dc-0000-4000-8000-000000000001";
const story = { id: 16926, entity_type: "story", action: "update", name: "Brighter — ☀", changes: { started: { new: true, old: false } } };
await shortcut("sdk-story-update", { id, changed_at: "2026-11-23T23:59:58.000Z", version: "v1", member_id: "m1", actions: [story] }, { event: "story.update", id, time: "2026-11-23T23:59:58Z" });
await shortcut(
  "sdk-agent-assigned",
  { id, version: "v2", timestamp: "2026-11-23T23:59:58.000Z", actor: { displayable_name: "Ada", member_id: "m1" }, trigger: { type: "assigned", entity_type: "story", entity_id: "16926" } },
  { event: "assigned", id, time: "2026-11-23T23:59:58Z" },
);

const task = JSON.stringify({
  version: "1",
  user_id: "2671355",
  initiator: { id: "2671355", full_name: "Zoë", email: "zoe@example.com" },
  event_name: "item:added",
  event_data: { id: "6XR4GqQQCW6Gv9h4", content: "Brighter — ☀", labels: [] },
  triggered_at: "2026-11-23T23:59:58.000000Z",
});
const hmac = createHmac("sha256", secret).update(task).digest("base64");
if (!(await verifyWebhookSignature({ rawBody: task, signature: hmac, clientSecret: secret }))) throw new Error("todoist");
const delivery = "1d0a6c5e-0000-4000-8000-000000000001";
write("todoist", "sdk-item-added", {
  from: sdk("@doist/todoist-sdk 17.0.0 (accepts)"),
  now,
  secrets: [secret],
  request: post("/shop/todoist", [json, ["User-Agent", "Todoist-Webhooks"], ["X-Todoist-Delivery-ID", delivery], ["X-Todoist-Hmac-SHA256", hmac]], task),
  expect: { event: "item:added", id: delivery, time: "2026-11-23T23:59:58Z" },
});

function connect(name, url) {
  const body = JSON.stringify({ timestamp: (now - 2) * 1000, webhookEvent: "jira:issue_created", issue: { id: "10002", key: "LAMP-7" } });
  const qsh = createQueryStringHash(fromMethodAndUrl("POST", url));
  const token = encodeSymmetric({ iss: "oracle-client-key", iat: now, exp: now + 180, qsh }, secret, "HS256");
  if (decodeSymmetric(token, secret, "HS256").qsh !== qsh) throw new Error(name);
  write("atlassian-connect", name, {
    from: sdk("atlassian-jwt 2.0.3"),
    now,
    secrets: [secret],
    request: post(url, [["Authorization", `JWT ${token}`], json], body),
    expect: { event: "jira:issue_created", id: null },
  });
}
connect("sdk-issue-created", "/shop/endpoint");
connect("sdk-with-query", "/shop/endpoint?projectKey=LAMP&user_id=a%20b&issue=7");
