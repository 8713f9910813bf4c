// Sanity, Contentful, Webflow, Mux, Cloudinary and Transloadit: what their own libraries sign, or accept.
import { createHash, createHmac } from "node:crypto";
import * as toolkit from "@contentful/node-apps-toolkit";
import Mux from "@mux/mux-node";
import { encodeSignatureHeader, isValidSignature } from "@sanity/webhook";
import { signParams, verifyWebhookSignature } from "@transloadit/utils";
import cloudinary from "cloudinary";
import { WebflowClient } from "webflow-api";
import { form, must, now, post, sdk } from "./delivery.mjs";

const mac = (key, text) => createHmac("sha256", key).update(text).digest("hex");

// Sanity: the library signs and verifies.
{
  const secret = "oracle sanity secret";
  const make = async (name, operation, key, payload) => {
    const body = JSON.stringify(payload);
    const signature = await encodeSignatureHeader(body, now * 1000, secret);
    must(await isValidSignature(body, signature, secret), name);
    const headers = { "idempotency-key": key, "sanity-dataset": "production", "sanity-operation": operation, "sanity-project-id": "abc123", "sanity-webhook-id": "hook1", "sanity-webhook-signature": signature };
    post("sanity", name, { from: sdk("@sanity/webhook 4.0.4"), secrets: [secret], headers, body, expect: { event: operation, id: key } });
  };
  await make("sdk-create", "create", "sanity-oracle-1", { _id: "lamp-1", _type: "lamp", title: "Stehlampe — ☀" });
  await make("sdk-delete", "delete", "sanity-oracle-2", { _id: "lamp-1" });
}

// Contentful: the library signs and verifies. The query is encoded twice.
{
  const secret = "oracle-contentful-signing-secret-of-sixty-four-characters-000000";
  const make = (name, url, topic, payload) => {
    const body = JSON.stringify(payload);
    const given = { "Content-Type": "application/vnd.contentful.management.v1+json", "X-Contentful-Topic": topic, "X-Contentful-Idempotency-Key": `${name}-key` };
    const request = { method: "POST", path: url, headers: given, body };
    const signed = toolkit.signRequest(secret, request, now * 1000);
    const headers = { ...given, ...signed };
    must(toolkit.verifyRequest(secret, { ...request, headers }, 30), name);
    const { "Content-Type": contentType, ...rest } = headers;
    post("contentful", name, { from: sdk("@contentful/node-apps-toolkit 3.16.1"), secrets: [secret], url, contentType, headers: rest, body, expect: { event: topic, id: `${name}-key` } });
  };
  const entry = { sys: { type: "Entry", id: "lamp", space: { sys: { id: "s1" } } }, fields: { title: { "de-DE": "Stehlampe ☀" } } };
  make("sdk-publish", "/shop/endpoint", "ContentManagement.Entry.publish", entry);
  make("sdk-with-query", "/shop/endpoint?stage=a%20b&x=1", "ContentManagement.Entry.archive", entry);
}

// Webflow: the library verifies.
{
  const secret = "oracle webflow client secret";
  const client = new WebflowClient({ accessToken: "not-a-token" });
  const make = async (name, payload, expect) => {
    const body = JSON.stringify(payload);
    const timestamp = String(now * 1000);
    const headers = { "x-webflow-timestamp": timestamp, "x-webflow-signature": mac(secret, `${timestamp}:${body}`) };
    must(await client.webhooks.verifySignature({ headers, body, secret }), name);
    post("webflow", name, { from: sdk("webflow-api 3.3.4 (accepts)"), secrets: [secret], headers, body, expect: { event: expect, id: null } });
  };
  await make("sdk-form", { triggerType: "form_submission", payload: { name: "Contact", siteId: "s1", data: { mail: "ada@example.com", text: "größer" } } }, "form_submission");
  await make("sdk-item", { triggerType: "collection_item_changed", payload: { id: "i1", isDraft: false } }, "collection_item_changed");
}

// Mux: the library verifies.
{
  const secret = "oracle mux signing secret";
  const mux = new Mux({ tokenId: "none", tokenSecret: "none", webhookSecret: secret });
  const make = async (name, payload, signatures, expect) => {
    const body = JSON.stringify(payload);
    const all = signatures.map((key) => `v1=${mac(key, `${now}.${body}`)}`);
    const headers = { "Mux-Signature": [`t=${now}`, ...all].join(",") };
    await mux.webhooks.verifySignature(body, headers);
    post("mux", name, { from: sdk("@mux/mux-node 15.3.0 (accepts)"), secrets: [secret], headers, body, expect: { ...expect, time: "2026-11-23T23:59:57Z" } });
  };
  const event = (id, type, data) => ({ type, id, created_at: "2026-11-23T23:59:57.000000Z", object: { type: "asset", id: "a1" }, environment: { name: "Production", id: "e1" }, data });
  await make("sdk-ready", event("mux-oracle-1", "video.asset.ready", { id: "a1", duration: 12.5, title: "Größe" }), [secret], { event: "video.asset.ready", id: "mux-oracle-1" });
  await make("sdk-two-signatures", event("mux-oracle-2", "video.upload.created", { id: "u1" }), ["another secret", secret], { event: "video.upload.created", id: "mux-oracle-2" });
}

// Cloudinary: the library makes the digest and verifies.
{
  const secret = "oracleCloudinaryApiSecret";
  cloudinary.v2.config({ api_secret: secret });
  const make = (name, payload, expect) => {
    const body = JSON.stringify(payload);
    const signature = cloudinary.v2.utils.webhook_signature(body, now, { api_secret: secret });
    if (signature !== createHash("sha1").update(`${body}${now}${secret}`).digest("hex")) throw new Error(name);
    must(cloudinary.v2.utils.verifyNotificationSignature(body, now, signature), name);
    post("cloudinary", name, { from: sdk("cloudinary 2.11.0"), secrets: [secret], headers: { "X-Cld-Signature": signature, "X-Cld-Timestamp": String(now) }, body, expect: { event: expect, id: null } });
  };
  make("sdk-upload", { notification_type: "upload", timestamp: "2026-11-23T23:59:57+00:00", request_id: "r1", public_id: "lampe", version: 1, secure_url: "https://example.com/größe.jpg" }, "upload");
  make("sdk-delete", { notification_type: "delete", resources: [{ public_id: "lampe" }] }, "delete");
}

// Transloadit: the library signs and verifies the status that stands in a form.
{
  const secret = "oracle transloadit auth secret";
  const make = async (name, status, expect) => {
    const transloadit = JSON.stringify(status);
    const signature = await signParams(transloadit, secret);
    must(await verifyWebhookSignature({ rawBody: transloadit, signatureHeader: signature, authSecret: secret }), name);
    const body = new URLSearchParams({ transloadit, signature }).toString();
    post("transloadit", name, { from: sdk("@transloadit/utils 4.8.1"), secrets: [secret], contentType: form, headers: {}, body, expect });
  };
  await make("sdk-completed", { ok: "ASSEMBLY_COMPLETED", assembly_id: "dd6cb9a0000000000000000000000001", message: "größer" }, { event: "ASSEMBLY_COMPLETED", id: "dd6cb9a0000000000000000000000001" });
  await make("sdk-failed", { error: "INVALID_FILE_META_DATA", assembly_id: "dd6cb9a0000000000000000000000002" }, { event: "INVALID_FILE_META_DATA", id: "dd6cb9a0000000000000000000000002" });
}
