// Mail, meetings, support, documents: signed or checked by the providers' own libraries.
import { createHash, createHmac, createSecretKey } from "node:crypto";
import { createRequire } from "node:module";
import { Webhook } from "standardwebhooks";
import { date, now, write } from "./vector.mjs";

const require = createRequire(import.meta.url);
const json = "application/json";
const site = "https://hooks.example.com";
const time = "2026-11-23T23:59:58Z";

function make(provider, name, source, secrets, headers, body, expect, { kind = "sdk", url = `/shop/${provider}`, at = now } = {}) {
  write(provider, name, {
    from: { kind, name: source, date },
    now: at,
    secrets,
    request: { method: "POST", url, headers, body },
    expect,
  });
}

function must(accepted, name) {
  if (!accepted) throw new Error(name);
}

const mac = (hash, key, text, encoding = "hex") => createHmac(hash, key).update(text).digest(encoding);
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwt = (claims, key) => {
  const text = `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url(claims)}`;
  return `${text}.${mac("sha256", key, text, "base64url")}`;
};
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

// SendGrid: the first request is the one of the SDK's own test, key and signature included. The second one's signature was
// made once with a key of ours (ECDSA signatures differ each time).
{
  const { EventWebhook } = require("@sendgrid/eventwebhook");
  const source = "@sendgrid/eventwebhook 8.0.0 (accepts)";
  function sendgrid(name, key, signature, at, body, expect) {
    const webhook = new EventWebhook();
    must(webhook.verifySignature(webhook.convertPublicKeyToECDSA(key), body, signature, `${at}`), name);
    const headers = [
      ["Content-Type", json],
      ["User-Agent", "SendGrid Event API"],
      ["X-Twilio-Email-Event-Webhook-Signature", signature],
      ["X-Twilio-Email-Event-Webhook-Timestamp", `${at}`],
    ];
    make("sendgrid", name, source, [key], headers, body, expect, { at });
  }
  const dropped = `${JSON.stringify([
    {
      email: "hello@world.com",
      event: "dropped",
      reason: "Bounced Address",
      sg_event_id: "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
      sg_message_id: "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
      "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
      timestamp: 1600112492,
    },
  ])}\r\n`;
  sendgrid(
    "sdk-dropped",
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
    "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
    1600112502,
    dropped,
    { event: "dropped", id: "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA", time: "2020-09-14T19:41:32Z" },
  );
  const event = (n, name) => ({ email: "zoë@example.com", timestamp: now - 2, event: name, sg_event_id: `oracle-${n}`, sg_message_id: "oracle.1" });
  const batch = `[${JSON.stringify(event(1, "delivered"))},\r\n${JSON.stringify(event(2, "open"))}]\r\n`;
  sendgrid(
    "sdk-batch",
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4FNHA2eIzZ5rO+xWSAWZELrbEjNnC3ge9xfKAyoD6Hn4TNm3km4q2DQhXsLCX9GoMH9s3TQfbjeKEFe/8YV8rg==",
    "MEUCIBZ4axywvVajVV6iJaimka8Z1OZnykwS2lGGcFVFcoGDAiEAvY+ByaU0X3Oy3M9wKzRpN5ij6C2ZKoOUwQsfbXCkeqU=",
    now,
    batch,
    { event: null, id: null, time },
  );
}

// Resend and Liveblocks: Standard Webhooks; the signatures come from that library, the providers' own check them.
{
  const { Resend } = require("resend");
  const secret = `whsec_${Buffer.from("jethook oracle, a test secret...").toString("base64")}`;
  const at = new Date(now * 1000);
  function resend(name, id, type, data) {
    const payload = JSON.stringify({ type, created_at: "2026-11-23T23:59:58.000Z", data });
    const signature = new Webhook(secret).sign(id, at, payload);
    new Resend("re_not_a_key").webhooks.verify({ payload, headers: { id, timestamp: `${now}`, signature }, webhookSecret: secret });
    const headers = [["Content-Type", json], ["svix-id", id], ["svix-signature", signature], ["svix-timestamp", `${now}`]];
    make("resend", name, "resend (npm) 6.38.0 (accepts)", [secret], headers, payload, { event: type, id, time });
  }
  resend("sdk-delivered", "msg_oracle_resend_1", "email.delivered", { email_id: "56761188-0000-4000-8000-000000000001", to: ["zoë@example.com"] });
  resend("sdk-bounced", "msg_oracle_resend_2", "email.bounced", { email_id: "56761188-0000-4000-8000-000000000002", bounce: { type: "Permanent" } });

  const { WebhookHandler } = require("@liveblocks/node");
  function liveblocks(name, id, type, data) {
    const rawBody = JSON.stringify({ type, data });
    const signature = new Webhook(secret).sign(id, at, rawBody);
    const headers = { "webhook-id": id, "webhook-signature": signature, "webhook-timestamp": `${now}` };
    new WebhookHandler(secret).verifyRequest({ headers, rawBody });
    make("liveblocks", name, "@liveblocks/node 3.24.2 (accepts)", [secret], [["Content-Type", json], ...Object.entries(headers)], rawBody, { event: type, id });
  }
  const room = { projectId: "my-project-id", roomId: "room-☃" };
  liveblocks("sdk-user-entered", "wh_oracle_1", "userEntered", { ...room, connectionId: 4, userId: "user-1", numActiveUsers: 1, enteredAt: "2026-11-23T23:59:58.000Z" });
  liveblocks("sdk-room-created", "wh_oracle_2", "roomCreated", { ...room, createdAt: "2026-11-23T23:59:58.000Z" });
}

// Zoom: Rivet's receiver for Lambda takes the request and computes the answer to the check of the URL.
{
  const { AwsLambdaReceiver } = await import("@zoom/rivet/chatbot");
  const secret = "oracle zoom secret token";
  console.debug = () => {};
  async function zoom(name, value, expect) {
    const body = JSON.stringify(value);
    const signature = `v0=${mac("sha256", secret, `v0:${now}:${body}`)}`;
    const headers = { "x-zm-request-timestamp": `${now}`, "x-zm-signature": signature };
    const receiver = new AwsLambdaReceiver({ webhooksSecretToken: secret });
    const answer = await receiver.start()({ headers, body, isBase64Encoded: false }, {});
    must(answer.statusCode === 200, name);
    if (expect.handshake) expect.answer = { status: 200, contentType: json, body: answer.body };
    make("zoom", name, "@zoom/rivet 0.4.0 (accepts)", [secret], [["Content-Type", json], ["User-Agent", "Zoom Marketplace/1.0a"], ...Object.entries(headers)], body, expect);
  }
  const event_ts = (now - 2) * 1000;
  await zoom("sdk-meeting-started", { event: "meeting.started", payload: { account_id: "AAAAAABBBB", object: { id: "1234567890", topic: "Zoë ☃" } }, event_ts }, { event: "meeting.started", id: null, time });
  await zoom("sdk-recording-completed", { event: "recording.completed", payload: { account_id: "AAAAAABBBB", object: { id: 98765 } }, event_ts }, { event: "recording.completed", id: null, time });
  await zoom("sdk-url-validation", { payload: { plainToken: "qgg8vlvZRS6UYooatFL8Aw" }, event_ts, event: "endpoint.url_validation" }, { handshake: true });
}

// Plain: the SDK checks signature, time and the payload's form.
{
  const { verifyPlainWebhook } = require("@team-plain/typescript-sdk");
  const secret = "oracle plain signing secret";
  const at = "2026-11-24T00:00:00.000Z";
  const id = (kind, n = 0) => `${kind}_01HVRAC${"0".repeat(18)}${n}`;
  const by = { actorType: "system", system: "plain" };
  const group = (name) => ({ id: id("cg"), workspaceId: id("w"), name, key: "lamps", color: "#FF0000", createdAt: at, createdBy: by, updatedAt: at, updatedBy: by });
  function plain(name, n, payload) {
    const body = JSON.stringify({
      timestamp: "2026-11-23T23:59:58.000Z",
      workspaceId: id("w"),
      payload: { eventType: "customer.customer_group_changed", ...payload },
      id: id("pEv", n),
      type: "customer.customer_group_changed",
      webhookMetadata: {
        webhookTargetId: id("whTarget"),
        webhookTargetVersion: "2026-02-27",
        webhookDeliveryAttemptId: id("whAttempt", n),
        webhookDeliveryAttemptNumber: 1,
        webhookDeliveryAttemptTimestamp: at,
      },
    });
    const signature = mac("sha256", secret, body);
    must(verifyPlainWebhook(body, signature, secret).data, name);
    const headers = [["Content-Type", json], ["Plain-Request-Signature", signature], ["Plain-Workspace-Id", id("w")]];
    const expect = { event: "customer.customer_group_changed", id: id("pEv", n), time };
    make("plain", name, "@team-plain/typescript-sdk 5.12.1 (accepts)", [secret], headers, body, expect);
  }
  plain("sdk-group-added", 1, { changeType: "ADDED", customerGroup: group("Zoë ☃") });
  plain("sdk-group-removed", 2, { changeType: "REMOVED", previousCustomerGroup: group("Lamps") });
}

// Kontent.ai: signed and checked by its helper.
{
  const { signatureHelper } = require("@kontent-ai/webhook-helper");
  const secret = "oracle kontent.ai secret";
  function kontent(name, notifications, event) {
    const body = JSON.stringify({ notifications });
    const signature = signatureHelper.getHashFromString(body, secret);
    must(signatureHelper.isValidSignatureFromString(body, secret, signature), name);
    const headers = [["Content-Type", json], ["X-Kontent-ai-Signature", signature]];
    make("kontent-ai", name, "@kontent-ai/webhook-helper 3.0.3", [secret], headers, body, { event, id: null });
  }
  const notification = (codename, action) => ({
    data: { system: { id: "d53360f7-0000-4000-8000-000000000001", name: "Zoë ☃", codename, language: "default", type: "article" } },
    message: { environment_id: "7ac9c9d0-0000-4000-8000-000000000001", object_type: "content_item", action, delivery_slot: "published" },
  });
  kontent("sdk-published", [notification("lamp", "published")], "content_item.published");
  kontent("sdk-batch", [notification("lamp", "published"), notification("bulb", "unpublished")], "content_item");
}

// Vonage: the SDK checks the token; the body's digest in it was added as Vonage's page says.
{
  const { verifySignature } = require("@vonage/jwt");
  const secret = "oracle vonage signature secret, 32 bytes and more";
  function vonage(name, jti, value, event, expectTime) {
    const body = JSON.stringify(value);
    const token = jwt({ iat: now, jti, iss: "Vonage", payload_hash: sha256(body), api_key: "a1b2c3d", application_id: "aaaaaaaa-0000-4000-8000-000000000001" }, secret);
    must(verifySignature(token, secret), name);
    const headers = [["Authorization", `Bearer ${token}`], ["Content-Type", json]];
    make("vonage", name, "@vonage/jwt 1.17.1 (accepts)", [secret], headers, body, { event, id: jti, ...(expectTime && { time: expectTime }) });
  }
  vonage("sdk-message", "c5ba8f24-0000-4000-8000-000000000001", { channel: "sms", message_uuid: "aaaaaaaa-0000-4000-8000-000000000002", to: "447700900000", from: "447700900001", timestamp: "2026-11-23T23:59:58Z", message_type: "text", text: "Grüße ☃" }, "text", time);
  vonage("sdk-message-status", "c5ba8f24-0000-4000-8000-000000000002", { message_uuid: "aaaaaaaa-0000-4000-8000-000000000002", timestamp: "2026-11-23T23:59:58Z", status: "delivered", channel: "sms" }, "delivered", time);
  vonage("sdk-call-status", "c5ba8f24-0000-4000-8000-000000000003", { uuid: "aaaaaaaa-0000-4000-8000-000000000003", status: "answered", direction: "inbound", timestamp: "2026-11-23T23:59:58.000Z" }, "answered", time);
}

// MessageBird: the SDK checks token, URL and body.
{
  const { verify, VerifyOptions } = require("messagebird/lib/webhook-signature-jwt");
  const secret = "oracle messagebird signing key, 32 bytes and more";
  async function messagebird(name, jti, value, event) {
    const body = JSON.stringify(value);
    const url = "/shop/endpoint?tenant=a%20b";
    const token = jwt({ iss: "MessageBird", nbf: now - 1, iat: now, exp: now + 60, jti, url_hash: sha256(site + url), payload_hash: sha256(body) }, secret);
    const options = new VerifyOptions(true, true, { issuer: "MessageBird", algorithms: ["HS256"], clockTolerance: 5, currentDate: new Date(now * 1000) });
    await verify(site + url, Buffer.from(body), token, createSecretKey(Buffer.from(secret)), options);
    make("messagebird", name, "messagebird (npm) 4.0.1 (accepts)", [secret], [["Content-Type", json], ["MessageBird-Signature-JWT", token]], body, { event, id: jti }, { url });
  }
  await messagebird("sdk-message-created", "00000000-0000-4000-8000-000000000001", { type: "message.created", message: { id: "m1", content: { text: "Zoë ☃" } } }, "message.created");
  await messagebird("sdk-message-updated", "00000000-0000-4000-8000-000000000002", { type: "message.updated", message: { id: "m1", status: "delivered" } }, "message.updated");
}

// Dropbox Sign: the SDK checks hash, time and type; the rest of the form is not signed.
{
  const { EventCallbackHelper, EventCallbackRequest } = require("@dropbox/sign");
  const key = "324e3b0b840f065eb51f3fd63231d0d33daa35d4ed10d27718839e81737065782d";
  const boundary = "------------------------oracle0000000001";
  function dropbox(name, type, more, id) {
    const hash = mac("sha256", key, `${now - 2}${type}`);
    const value = { event: { event_type: type, event_time: `${now - 2}`, event_hash: hash, event_metadata: { reported_for_account_id: "a1", ...more.metadata } }, ...more.rest };
    must(EventCallbackHelper.isValid(key, EventCallbackRequest.init(value)), name);
    const body = `--${boundary}\r\nContent-Disposition: form-data; name="json"\r\n\r\n${JSON.stringify(value)}\r\n--${boundary}--\r\n`;
    const headers = [["Content-Type", `multipart/form-data; boundary=${boundary}`], ["User-Agent", "HelloSign API"]];
    const answer = { status: 200, contentType: "text/plain", body: "Hello API Event Received" };
    make("dropbox-sign", name, "@dropbox/sign 1.11.0 (accepts)", [key], headers, body, { event: type, id: [hash, ...id].join("."), time, answer });
  }
  const request = { signature_request: { signature_request_id: "fa5c8a0b0f492d768749333ad6fcc214c111e967", title: "Zoë ☃" } };
  dropbox("sdk-signed", "signature_request_signed", { metadata: { related_signature_id: "ad4d8a769b555fa5ef38691465d426682bf2c992" }, rest: request }, [request.signature_request.signature_request_id, "ad4d8a769b555fa5ef38691465d426682bf2c992"]);
  dropbox("sdk-callback-test", "callback_test", { metadata: {}, rest: {} }, []);
}
