// Svix and those who send through it, Hookdeck, QStash, LiveKit, Pusher and Terra: what their own libraries sign, or accept.
import { createHash, createHmac } from "node:crypto";
import { verifyWebhookSignature } from "@hookdeck/sdk/webhooks/index.js";
import { Receiver } from "@upstash/qstash";
import { SignJWT } from "jose";
import { AccessToken, WebhookReceiver } from "livekit-server-sdk";
import Pusher from "pusher";
import { Webhook } from "svix";
import { verifyTerraWebhookSignature } from "terra-api";
import { must, now, post, sdk } from "./delivery.mjs";

const mac = (key, encoding, text) => createHmac("sha256", key).update(text).digest(encoding);

// Svix: the library signs and verifies.
{
  const from = sdk("svix 1.99.1");
  const secret = `whsec_${Buffer.from("jethook oracle, svix secret key.").toString("base64")}`;
  const old = `whsec_${Buffer.from("jethook oracle, the older secret").toString("base64")}`;
  const make = (provider, name, id, payload, keys, prefix, expect, source = from) => {
    const body = JSON.stringify(payload);
    const signatures = keys.map((key) => new Webhook(key).sign(id, new Date(now * 1000), body));
    const headers = { [`${prefix}-id`]: id, [`${prefix}-timestamp`]: String(now), [`${prefix}-signature`]: signatures.join(" ") };
    new Webhook(secret).verify(body, headers);
    post(provider, name, { from: source, secrets: [secret], headers, body, expect: { event: expect, id } });
  };
  make("svix", "sdk-svix-headers", "msg_oracle_svix_1", { type: "invoice.paid", data: { id: "i1", customer: "Zoë ☃" } }, [secret], "svix", "invoice.paid");
  make("svix", "sdk-webhook-headers", "msg_oracle_svix_2", { type: "user.created", data: {} }, [secret], "webhook", "user.created");
  make("svix", "sdk-rotated", "msg_oracle_svix_3", { data: { note: "no type" } }, [old, secret], "svix", null);
  make("vanta", "sdk-vulnerability", "msg_oracle_vanta_1", { type: "vulnerability.opened", data: { id: "v1", severity: "HIGH" } }, [secret], "svix", "vulnerability.opened");
}

// Hookdeck: the library verifies; the second header comes while the secret is rolled.
{
  const secret = "oracle hookdeck signing secret";
  const make = async (name, headers, body, id) => {
    const lower = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]));
    must((await verifyWebhookSignature({ headers: lower, rawBody: body, signingSecret: secret })).isValidSignature, name);
    post("hookdeck", name, { from: sdk("@hookdeck/sdk 0.4.0 (accepts)"), secrets: [secret], headers: { "X-Hookdeck-EventID": id, "X-Hookdeck-Verified": "true", ...headers }, body, expect: { event: null, id } });
  };
  const body = JSON.stringify({ order: 7, note: "größer ☀" });
  await make("sdk-forwarded", { "X-Hookdeck-Signature": mac(secret, "base64", body) }, body, "evt_oracle_hd_1");
  await make("sdk-rolled", { "X-Hookdeck-Signature": mac("another secret", "base64", body), "X-Hookdeck-Signature-2": mac(secret, "base64", body) }, body, "evt_oracle_hd_2");
}

// QStash: the receiver of the library verifies.
{
  const current = "sig_oracle_current_signing_key_00";
  const next = "sig_oracle_next_signing_key_00000";
  const target = "https://hooks.example.com/shop/endpoint";
  const make = async (name, key, url, body, id) => {
    const claims = { body: createHash("sha256").update(body).digest("base64url"), jti: `jwt_${id}` };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "JWT" }).setIssuer("Upstash").setSubject(url).setIssuedAt(now).setNotBefore(now).setExpirationTime(now + 300).sign(new TextEncoder().encode(key));
    const receiver = new Receiver({ currentSigningKey: current, nextSigningKey: next });
    must(await receiver.verify({ signature: token, body, url }), name);
    const headers = { "Upstash-Message-Id": id, "Upstash-Retried": "0", "Upstash-Signature": token };
    post("upstash-qstash", name, { from: sdk("@upstash/qstash 2.12.0 (accepts)"), secrets: [current, next], url: url.slice("https://hooks.example.com".length), headers, body, expect: { event: null, id } });
  };
  await make("sdk-message", current, target, JSON.stringify({ task: "größer" }), "msg_oracle_qs_1");
  await make("sdk-next-key", next, `${target}?stage=1`, JSON.stringify({ task: "again" }), "msg_oracle_qs_2");
}

// LiveKit: the library signs tokens and its receiver verifies them with the body.
{
  const apiKey = "APIoracleKey";
  const secret = "oracleLiveKitSecretOfThirtyTwoCharacters";
  const make = async (name, payload, expect) => {
    const body = JSON.stringify(payload);
    const token = new AccessToken(apiKey, secret, { ttl: "5m" });
    token.sha256 = createHash("sha256").update(body).digest("base64");
    const authorization = await token.toJwt();
    await new WebhookReceiver(apiKey, secret).receive(body, authorization);
    post("livekit", name, { from: sdk("livekit-server-sdk 2.19.2"), parameters: { apiKey }, secrets: [secret], contentType: "application/webhook+json", headers: { Authorization: authorization }, body, expect: { ...expect, time: "2026-11-23T23:59:58Z" } });
  };
  await make("sdk-room", { event: "room_started", room: { sid: "RM_1", name: "größer" }, id: "EV_oracle1", createdAt: String(now - 2) }, { event: "room_started", id: "EV_oracle1" });
  await make("sdk-participant", { event: "participant_joined", room: { sid: "RM_1" }, participant: { identity: "ada" }, id: "EV_oracle2", createdAt: String(now - 2) }, { event: "participant_joined", id: "EV_oracle2" });
}

// Pusher: the library verifies.
{
  const key = "oraclekey";
  const secret = "oracle pusher app secret";
  const pusher = new Pusher({ appId: "1", key, secret, cluster: "eu" });
  const make = (name, events, expect) => {
    const body = JSON.stringify({ time_ms: now * 1000 - 2500, events });
    const headers = { "X-Pusher-Key": key, "X-Pusher-Signature": mac(secret, "hex", body) };
    const lower = { "content-type": "application/json", "x-pusher-key": key, "x-pusher-signature": headers["X-Pusher-Signature"] };
    must(pusher.webhook({ headers: lower, rawBody: body }).isValid(), name);
    post("pusher", name, { from: sdk("pusher 5.3.4 (accepts)"), secrets: [secret], headers, body, expect: { event: expect, id: null, time: "2026-11-23T23:59:57.5Z" } });
  };
  make("sdk-occupied", [{ channel: "lamp", name: "channel_occupied" }], "channel_occupied");
  make("sdk-mixed-batch", [{ channel: "lamp", name: "channel_occupied" }, { channel: "größer", name: "channel_vacated" }], null);
}

// Terra: the library verifies.
{
  const secret = "oracle terra signing secret";
  const make = async (name, payload, expect) => {
    const body = JSON.stringify(payload);
    const headers = { "terra-signature": `t=${now},v1=${mac(secret, "hex", `${now}.${body}`)}` };
    must(await verifyTerraWebhookSignature(body, headers["terra-signature"], secret), name);
    post("terra", name, { from: sdk("terra-api 2.1.0 (accepts)"), secrets: [secret], headers, body, expect: { event: expect, id: null } });
  };
  await make("sdk-activity", { type: "activity", user: { user_id: "u1", provider: "GARMIN" }, data: [{ metadata: { name: "Läufe" } }] }, "activity");
  await make("sdk-auth", { type: "auth", status: "success", user: { user_id: "u1" } }, "auth");
}
