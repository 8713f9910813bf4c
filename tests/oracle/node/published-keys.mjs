// Providers that publish their keys at a URL: the documents are here in place of a fetch. Kinde's and Google's libraries accept
// the tokens; what fal and Hanko send is computed from the page's words and the sender's code.
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { decodeWebhook } from "@kinde/webhooks";
import { OAuth2Client } from "google-auth-library";
import { date, now, write } from "./vector.mjs";

const json = [["Content-Type", "application/json"]];
const later = "2026-11-23T23:59:58Z";

const rsa = readFileSync(new URL("keys/rsa.pem", import.meta.url), "utf8");
const ec = readFileSync(new URL("keys/ec.pem", import.meta.url), "utf8");
const ecOld = readFileSync(new URL("keys/ec-old.pub.pem", import.meta.url), "utf8");
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
function token(claims) {
  const text = `${part({ alg: "RS256", kid: "oracle-2", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${sign("sha256", Buffer.from(text), rsa).toString("base64url")}`;
}
const jwk = (key, kid) => ({ ...createPublicKey(key).export({ format: "jwk" }), kid, use: "sig" });
const keys = JSON.stringify({ keys: [{ ...jwk(rsa, "oracle-2"), alg: "RS256" }] });

function make(provider, name, from, parameters, url, document, headers, body, expect) {
  write(provider, name, {
    from: { ...from, date },
    now,
    parameters,
    fetched: { [url]: JSON.parse(document) },
    request: { method: "POST", url: `/shop/${provider}`, headers, body },
    expect: { event: null, id: null, ...expect },
  });
}

// Libraries that make a new Date get the vectors' clock too.
globalThis.Date = class extends Date {
  constructor(...given) {
    super(...(given.length ? given : [now * 1000]));
  }
};

// Kinde: the whole body is a token.
{
  const domain = "acme.kinde.com";
  globalThis.fetch = async (url) => (String(url).startsWith(`https://${domain}/.well-known/jwks`) ? new Response(keys) : new Response("", { status: 404 }));
  const user = { email: "zoe@example.com", first_name: "Zoë", id: "kp_oracle", is_password_reset_requested: false, is_suspended: false, last_name: "", organizations: [{ code: "org_oracle", permissions: null, roles: null }], phone: null, username: null };
  const event = { data: { user }, event_timestamp: "2026-11-23T23:59:58.000Z", source: "admin", timestamp: "2026-11-23T23:59:59.000Z" };
  for (const [name, id, type] of [["sdk-user-created", "event_oracle_1", "user.created"], ["sdk-user-updated", "event_oracle_2", "user.updated"]]) {
    const body = token({ ...event, event_id: id, type });
    if ((await decodeWebhook(body, `https://${domain}`))?.type !== type) throw new Error(name);
    const headers = [["Content-Type", "application/jwt"], ["webhook-id", "00000000-0000-4000-8000-000000000001"]];
    make("kinde", name, { kind: "sdk", name: "@kinde/webhooks 1.0.0 (accepts)" }, { domain }, `https://${domain}/.well-known/jwks`, keys, headers, body, { event: type, id, time: later });
  }
}

// Google Eventarc: a token of Google for a service account, a CloudEvent in binary mode.
{
  const parameters = { audience: "https://hooks.example.com/shop/gcp-eventarc", email: "eventarc@acme.iam.gserviceaccount.com" };
  const claims = { aud: parameters.audience, azp: "100000000000000000001", email: parameters.email, email_verified: true, exp: now + 3540, iat: now - 60, iss: "https://accounts.google.com", sub: "100000000000000000001" };
  const text = token(claims);
  const pem = createPublicKey(rsa).export({ format: "pem", type: "spki" });
  const ticket = await new OAuth2Client().verifySignedJwtWithCertsAsync(text, { "oracle-2": pem }, parameters.audience, ["https://accounts.google.com", "accounts.google.com"]);
  if (ticket.getPayload().email !== parameters.email) throw new Error("gcp-eventarc");
  const from = { kind: "sdk", name: "google-auth-library 10.9.1 (accepts)" };
  const finalized = "google.cloud.storage.object.v1.finalized";
  const attributes = (id, source, type) => [["ce-specversion", "1.0"], ["ce-id", id], ["ce-source", source], ["ce-type", type], ["ce-time", "2026-11-23T23:59:58.000Z"]];
  const bucket = "//storage.googleapis.com/projects/_/buckets/lamps";
  const cloud = [["Authorization", `Bearer ${text}`], ...json, ...attributes("1000000000000001", bucket, finalized), ["ce-subject", "objects/lamp.png"]];
  make("gcp-eventarc", "sdk-storage", from, parameters, "https://www.googleapis.com/oauth2/v3/certs", keys, cloud, JSON.stringify({ kind: "storage#object", bucket: "lamps", name: "lamp.png" }), { event: finalized, id: `${bucket} 1000000000000001` });
  const topic = "//pubsub.googleapis.com/projects/acme/topics/lamps";
  const published = "google.cloud.pubsub.topic.v1.messagePublished";
  const message = { message: { data: Buffer.from("Grüß Gott ☀").toString("base64"), messageId: "1000000000000002", publishTime: "2026-11-23T23:59:58.000Z" }, subscription: "projects/acme/subscriptions/eventarc-lamps" };
  make("gcp-eventarc", "sdk-pubsub", from, parameters, "https://www.googleapis.com/oauth2/v3/certs", keys, [["Authorization", `Bearer ${text}`], ...json, ...attributes("1000000000000002", topic, published)], JSON.stringify(message), { event: published, id: `${topic} 1000000000000002` });
}

// Hanko: a token in the body.
{
  const host = "00000000-0000-4000-8000-000000000001.hanko.io";
  const from = { kind: "derived", name: "github.com/teamhanko/hanko, backend/webhooks" };
  for (const evt of ["user.create", "email.send"]) {
    const data = evt === "user.create" ? { id: "00000000-0000-4000-8000-00000000000a", emails: [{ address: "zoe@example.com", is_primary: true, is_verified: true }] } : { subject: "Use passcode 000000 — ☀", to_email_address: "zoe@example.com", type: "passcode" };
    const text = token({ aud: ["example.com"], data, evt, exp: now + 298, iat: now - 2, sub: "hanko webhooks" });
    make("hanko", `derived-${evt.replace(".", "-")}`, from, { host }, `https://${host}/.well-known/jwks.json`, keys, json, JSON.stringify({ token: text, event: evt }), { event: evt, time: later });
  }
}

// fal: Ed25519 over a text with the body's digest; the key is one of several.
{
  const seed = createHash("sha256").update("jethook oracle, fal").digest();
  const key = createPrivateKey({ key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]), format: "der", type: "pkcs8" });
  const other = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
  const document = JSON.stringify({ keys: [{ kty: "OKP", crv: "Ed25519", x: other, kid: "1" }, { ...createPublicKey(key).export({ format: "jwk" }), kid: "2" }] });
  const userId = "github|1";
  const ok = { request_id: "00000000-0000-4000-8000-000000000001", gateway_request_id: "00000000-0000-4000-8000-000000000001", status: "OK", payload: { images: [{ url: "https://example.com/lämp.png", content_type: "image/png" }], seed: 7 } };
  const failed = { ...ok, request_id: "00000000-0000-4000-8000-000000000002", status: "ERROR", error: "Invalid status code: 422", payload: { detail: [{ loc: ["body", "prompt"], msg: "field required", type: "value_error.missing" }] } };
  for (const [name, event] of [["derived-ok", ok], ["derived-error", failed]]) {
    const body = JSON.stringify(event);
    const text = [event.request_id, userId, now, createHash("sha256").update(body).digest("hex")].join("\n");
    const headers = [...json, ["X-Fal-Webhook-Request-Id", event.request_id], ["X-Fal-Webhook-User-Id", userId], ["X-Fal-Webhook-Timestamp", String(now)], ["X-Fal-Webhook-Signature", sign(null, Buffer.from(text), key).toString("hex")]];
    make("fal", name, { kind: "derived", name: "fal.ai docs, webhooks, and receivers that follow it" }, { userId }, "https://rest.fal.ai/.well-known/jwks.json", document, headers, body, { event: event.status, id: event.request_id });
  }
}

// Plaid: a token in a header with the body's digest; an admin fetches the key through Plaid's API and gives it as PEM.
{
  const pem = createPublicKey(ec).export({ format: "pem", type: "spki" });
  const send = (name, payload, event) => {
    const body = JSON.stringify(payload, null, 2);
    const claims = { iat: now - 2, request_body_sha256: createHash("sha256").update(body).digest("hex") };
    const text = `${part({ alg: "ES256", kid: "bfbd5111-8e33-4643-8ced-b2e642a72f3c", typ: "JWT" })}.${part(claims)}`;
    const signature = sign("sha256", Buffer.from(text), { key: ec, dsaEncoding: "ieee-p1363" }).toString("base64url");
    const request = { method: "POST", url: "/shop/plaid", headers: [...json, ["Plaid-Verification", `${text}.${signature}`]], body };
    write("plaid", name, { from: { kind: "derived", name: "plaid.com/docs, verify webhooks", date }, now, secrets: name === "derived-rotated" ? [ecOld, pem] : [pem], request, expect: { event, id: null, time: later } });
  };
  const item = { item_id: "wz666MBjYWTp2PDzzggYhM6oWWmBb", environment: "production" };
  send("derived-item", { webhook_type: "ITEM", webhook_code: "ERROR", ...item, error: { display_message: "größer" } }, "ITEM.ERROR");
  send("derived-rotated", { webhook_type: "TRANSACTIONS", webhook_code: "SYNC_UPDATES_AVAILABLE", ...item, initial_update_complete: true }, "TRANSACTIONS.SYNC_UPDATES_AVAILABLE");
}
