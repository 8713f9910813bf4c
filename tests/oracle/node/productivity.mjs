// Linear, Notion, Box and Acuity: what their own libraries sign, or accept.
import { createHmac } from "node:crypto";
import acuity from "acuityscheduling";
import { LinearWebhookClient } from "@linear/sdk/webhooks";
import { signWebhookPayload, verifyWebhookSignature } from "@notionhq/client";
import { WebhooksManager } from "box-node-sdk/managers/webhooks";
import { date, form, must, now, post, sdk } from "./delivery.mjs";

const mac = (key, encoding, ...parts) => {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest(encoding);
};

// Linear: the library verifies and looks at the time in the body.
{
  const from = sdk("@linear/sdk 98.0.0 (accepts)");
  const secret = "lin_wh_oracle_secret";
  const make = (name, type, payload, delivery, expect) => {
    const body = JSON.stringify({ ...payload, createdAt: "2026-11-23T23:59:58.250Z", organizationId: "org-oracle", webhookTimestamp: now * 1000 - 500, webhookId: "wh-oracle" });
    const signature = mac(secret, "hex", body);
    must(new LinearWebhookClient(secret).verify(Buffer.from(body), signature), name);
    const headers = { "Linear-Delivery": delivery, "Linear-Event": type, "Linear-Signature": signature, "Linear-Timestamp": String(now * 1000 - 500) };
    post("linear", name, { from, secrets: [secret], contentType: "application/json; charset=utf-8", headers, body, expect: { event: expect, id: delivery, time: "2026-11-23T23:59:58.25Z" } });
  };
  make("sdk-issue", "Issue", { action: "create", type: "Issue", data: { id: "i1", title: "Lampe höher — ☀", identifier: "ACM-7" } }, "234d1a4e-0000-4000-8000-000000000001", "Issue.create");
  make("sdk-comment", "Comment", { action: "remove", type: "Comment", data: { id: "c1", body: "100 % & more" } }, "234d1a4e-0000-4000-8000-000000000002", "Comment.remove");
}

// Notion: the library signs and verifies.
{
  const from = sdk("@notionhq/client 5.26.0");
  const verificationToken = "secret_oracleVerificationTokenOfTheSubscription";
  const make = async (name, payload, expect) => {
    const body = JSON.stringify(payload);
    const signature = await signWebhookPayload({ body, verificationToken });
    must(await verifyWebhookSignature({ body, signature, verificationToken }), name);
    post("notion", name, { from, secrets: [verificationToken], headers: { "X-Notion-Signature": signature }, body, expect });
  };
  const common = { timestamp: "2026-11-23T23:59:58.900Z", workspace_id: "w1", subscription_id: "s1", integration_id: "n1", attempt_number: 1 };
  await make("sdk-page", { id: "367cba44-0000-4000-8000-000000000001", ...common, type: "page.content_updated", entity: { id: "p1", type: "page" }, data: { updated_blocks: [] } }, { event: "page.content_updated", id: "367cba44-0000-4000-8000-000000000001", time: "2026-11-23T23:59:58.9Z" });
  await make("sdk-comment", { id: "367cba44-0000-4000-8000-000000000002", ...common, attempt_number: 3, type: "comment.created", entity: { id: "c1", type: "comment" }, data: { title: "größer ☀" } }, { event: "comment.created", id: "367cba44-0000-4000-8000-000000000002", time: "2026-11-23T23:59:58.9Z" });
  // The token itself, unsigned, before there is a key.
  const body = JSON.stringify({ verification_token: "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl" });
  post("notion", "derived-verification-token", { from: { kind: "derived", name: "developers.notion.com, webhooks", date }, secrets: [verificationToken], headers: {}, body, expect: { handshake: true, answer: { status: 200, body: "" } } });
}

// Box: the library verifies. Two keys, each in a header of its own.
{
  const from = sdk("box-node-sdk 10.12.0 (accepts)");
  const primary = "oracle box primary key";
  const secondary = "oracle box secondary key";
  const make = async (name, at, payload, signed, secrets, expect) => {
    const body = JSON.stringify(payload);
    const headers = { "BOX-DELIVERY-ID": "f96bb54b-0000-4000-8000-00000000000f", "BOX-DELIVERY-TIMESTAMP": at, "BOX-SIGNATURE-VERSION": "1", "BOX-SIGNATURE-ALGORITHM": "HmacSHA256" };
    if (signed.primary) headers["BOX-SIGNATURE-PRIMARY"] = mac(signed.primary, "base64", body, at);
    if (signed.secondary) headers["BOX-SIGNATURE-SECONDARY"] = mac(signed.secondary, "base64", body, at);
    const lower = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]));
    must(await WebhooksManager.validateMessage(body, lower, primary, { secondaryKey: secondary }), name);
    post("box", name, { from, secrets, headers, body, expect });
  };
  const event = (id, trigger) => ({ type: "webhook_event", id, created_at: "2026-11-23T15:59:57-08:00", trigger, webhook: { id: "53", type: "webhook" }, source: { id: "7", type: "file", name: "Entwürfe.pdf" } });
  await make("sdk-uploaded", "2026-11-23T16:00:00-08:00", event("eb0c4e06-0000-4000-8000-000000000001", "FILE.UPLOADED"), { primary }, [primary], { event: "FILE.UPLOADED", id: "eb0c4e06-0000-4000-8000-000000000001", time: "2026-11-23T23:59:57Z" });
  // While the primary key is being replaced the second header alone matches.
  await make("sdk-secondary", "2026-11-23T23:59:59Z", event("eb0c4e06-0000-4000-8000-000000000002", "FOLDER.MOVED"), { secondary }, [primary, secondary], { event: "FOLDER.MOVED", id: "eb0c4e06-0000-4000-8000-000000000002", time: "2026-11-23T23:59:57Z" });
}

// Acuity: the library verifies, with the account's API key.
{
  const secret = "oracle0acuity0api0key";
  const make = (name, fields, expect) => {
    const body = new URLSearchParams(fields).toString();
    const signature = mac(secret, "base64", body);
    acuity.bodyParserVerify(secret)({ headers: { "x-acuity-signature": signature } }, null, Buffer.from(body));
    post("acuity", name, { from: sdk("acuityscheduling 0.1.9 (accepts)"), secrets: [secret], contentType: form, headers: { "X-Acuity-Signature": signature }, body, expect });
  };
  make("sdk-scheduled", { action: "scheduled", id: "100001", calendarID: "7", appointmentTypeID: "3" }, { event: "scheduled", id: null });
  make("sdk-order", { action: "order.completed", id: "5" }, { event: "order.completed", id: null });
}
