// Senders of messages: signed or checked by their own libraries.
import { createHmac, createPrivateKey, sign } from "node:crypto";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { date, now, write } from "./vector.mjs";

const require = createRequire(import.meta.url);
const json = "application/json";
const urlencoded = "application/x-www-form-urlencoded";
// The tests' public URL.
const site = "https://hooks.example.com";

function make(provider, name, source, secrets, headers, body, expect, { url = `/shop/${provider}`, method = "POST", at = now } = {}) {
  write(provider, name, {
    from: { kind: "sdk", name: source, date },
    now: at,
    secrets,
    request: { method, url, headers, body },
    expect,
  });
}

function must(accepted, name) {
  if (!accepted) throw new Error(name);
}

// The private key of RFC 8032, section 7.1, test 1, and its public half.
const ed25519 = createPrivateKey({
  key: Buffer.from("302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex"),
  format: "der",
  type: "pkcs8",
});
const ed25519Public = Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex");

// Twilio: forms and JSON bodies signed by twilio-node's function for the expected signature, checked by its validators.
{
  const twilio = require("twilio");
  const source = "twilio (npm) 6.2.0";
  const token = "0123456789abcdef0123456789abcdef";
  const url = "/shop/endpoint?tenant=a%20b&lang=de";
  const answer = { status: 200, contentType: "text/xml", body: "<Response/>" };

  function form(name, fields, id, expect) {
    const body = new URLSearchParams(fields).toString();
    const params = {};
    for (const [key, value] of fields) params[key] = key in params ? [params[key], value].flat() : value;
    const signature = twilio.getExpectedTwilioSignature(token, site + url, params);
    must(twilio.validateRequest(token, signature, site + url, params), name);
    const headers = [
      ["Content-Type", `${urlencoded}; charset=UTF-8`],
      ["I-Twilio-Idempotency-Token", id],
      ["User-Agent", "TwilioProxy/1.1"],
      ["X-Twilio-Signature", signature],
    ];
    make("twilio", name, source, [token], headers, body, { event: expect, id, answer }, { url });
  }
  const ids = { AccountSid: "AC00000000000000000000000000000001", ApiVersion: "2010-04-01" };
  form("sdk-call-status", Object.entries({ ...ids, CallSid: "CA1", CallStatus: "completed", Duration: "1", From: "+15005550006", To: "+4930000000" }), "0b7d7a6e-0000-4000-8000-000000000001", "completed");
  form("sdk-message-received", Object.entries({ ...ids, Body: "Zoë ☃ 100% & a=b+c", MessageSid: "SM1", NumMedia: "0", SmsStatus: "received" }), "0b7d7a6e-0000-4000-8000-000000000002", "received");
  form("sdk-repeated-field", [["MessageStatus", "delivered"], ["A", "b"], ["A", "a"], ["A", "a"]], "0b7d7a6e-0000-4000-8000-000000000003", "delivered");

  const events = JSON.stringify([{ specversion: "1.0", type: "com.twilio.messaging.message.delivered", id: "EZ00000000000000000000000000000001", data: { to: "+4930000000" } }]);
  const signed = `/shop/endpoint?tenant=1&bodySHA256=${twilio.getExpectedBodyHash(events)}`;
  const signature = twilio.getExpectedTwilioSignature(token, site + signed, {});
  must(twilio.validateRequestWithBody(token, signature, site + signed, events), "sdk-json");
  const id = "0b7d7a6e-0000-4000-8000-000000000004";
  const headers = [["Content-Type", json], ["I-Twilio-Idempotency-Token", id], ["X-Twilio-Signature", signature]];
  make("twilio", "sdk-json-events", source, [token], headers, events, { event: "com.twilio.messaging.message.delivered", id, answer }, { url: signed });

  // The example of Twilio's page: token, URL, fields and signature are its own.
  const page = "https://mycompany.com/myapp.php";
  const fields = { CallSid: "CA1234567890ABCDE", Caller: "+14158675309", Digits: "1234", From: "+14158675309", To: "+18005551212" };
  const published = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
  must(twilio.validateRequest("12345", published, `${page}?foo=1&bar=2`, fields), "documentation-call");
  write("twilio", "documentation-call", {
    from: { kind: "documentation", name: "twilio.com, webhooks security", date },
    now,
    parameters: { publicUrl: page },
    secrets: ["12345"],
    request: {
      method: "POST",
      url: "/myapp.php?foo=1&bar=2",
      headers: [["Content-Type", urlencoded], ["X-Twilio-Signature", published]],
      body: new URLSearchParams(fields).toString(),
    },
    expect: { event: null, id: null, answer },
  });
}

// LINE: the SDK only checks; the signatures are computed here.
{
  const { validateSignature } = require("@line/bot-sdk");
  const secret = "8c570fa6dd201bb328f1c1eac23a96d8";
  function line(name, events, expect) {
    const body = JSON.stringify({ destination: "U8e742f61d673b39c7fff3cecb7536ef0", events });
    const signature = createHmac("sha256", secret).update(body).digest("base64");
    must(validateSignature(body, secret, signature), name);
    make("line", name, "@line/bot-sdk 11.0.0 (accepts)", [secret], [["Content-Type", `${json}; charset=utf-8`], ["User-Agent", "LineBotWebhook/2.0"], ["x-line-signature", signature]], body, expect);
  }
  const message = (n, isRedelivery = false) => ({
    type: "message",
    message: { type: "text", id: `${n}`, text: "こんにちは ☀" },
    webhookEventId: `01HORACLE000000000000000${n}`,
    deliveryContext: { isRedelivery },
    timestamp: (now - 2) * 1000,
    source: { type: "user", userId: "U4af4980629000000000000000000000a" },
    replyToken: "0f3779fba3b349968c5d07db31e00000",
    mode: "active",
  });
  const time = "2026-11-23T23:59:58Z";
  line("sdk-message", [message(1)], { event: "message", id: "01HORACLE0000000000000001", time });
  line("sdk-redelivered", [message(1, true)], { event: "message", id: "01HORACLE0000000000000001", time });
  line("sdk-batch", [message(1), message(2)], { event: "message", id: null, time });
  line("sdk-verify-button", [], { event: null, id: null });
}

// Discord: the library only checks.
{
  const { verifyKey } = await import("discord-interactions");
  const key = ed25519Public.toString("hex");
  async function discord(name, value, expect) {
    const body = JSON.stringify(value);
    const signature = sign(null, Buffer.from(now + body), ed25519).toString("hex");
    must(await verifyKey(body, signature, `${now}`, key), name);
    const headers = [
      ["Content-Type", json],
      ["User-Agent", "Discord-Interactions/1.0 (+https://discord.com)"],
      ["X-Signature-Ed25519", signature],
      ["X-Signature-Timestamp", `${now}`],
    ];
    make("discord", name, "discord-interactions 4.4.0 (accepts)", [key], headers, body, expect);
  }
  const app = { version: 1, application_id: "1234560123453231555" };
  const answer = { status: 204, contentType: json, body: "" };
  const authorized = { type: "APPLICATION_AUTHORIZED", timestamp: "2026-11-23T23:59:58.064834", data: { integration_type: 1, scopes: ["applications.commands"] } };
  await discord("sdk-event", { ...app, type: 1, event: authorized }, { event: "APPLICATION_AUTHORIZED", id: null, answer });
  await discord("sdk-event-ping", { ...app, type: 0 }, { handshake: true, answer });
  await discord("sdk-interaction-ping", { ...app, id: "1", token: "oracle", type: 1 }, { handshake: true, answer: { status: 200, contentType: json, body: '{"type":1}' } });
  await discord("sdk-interaction-command", { ...app, id: "846462639134605312", token: "oracle", type: 2, data: { name: "lamp" } }, { event: "2", id: "846462639134605312", answer });
}

// Telnyx: the SDK only checks.
{
  const { default: Telnyx } = await import("telnyx");
  const key = ed25519Public.toString("base64");
  const client = new Telnyx({ apiKey: "not-a-key", publicKey: key });
  async function telnyx(name, type, id, payload) {
    const body = JSON.stringify({ data: { event_type: type, id, occurred_at: "2026-11-23T23:59:58.000Z", payload, record_type: "event" }, meta: { attempt: 1 } });
    const signature = sign(null, Buffer.from(`${now}|${body}`), ed25519).toString("base64");
    const headers = { "telnyx-signature-ed25519": signature, "telnyx-timestamp": `${now}` };
    await client.webhooks.unwrap(body, { headers });
    make("telnyx", name, "telnyx (npm) 7.24.0 (accepts)", [key], [["Content-Type", json], ["User-Agent", "telnyx-webhooks"], ...Object.entries(headers)], body, { event: type, id, time: "2026-11-23T23:59:58Z" });
  }
  await telnyx("sdk-message-received", "message.received", "b301ed3f-0000-4000-8000-000000000001", { text: "Zoë ☃" });
  await telnyx("sdk-call-hangup", "call.hangup", "b301ed3f-0000-4000-8000-000000000002", { hangup_cause: "normal_clearing" });
}

// Plivo: the SDK only checks. Its own text has the query and the fields sorted, with a dot only between both.
{
  const { validateV3Signature } = require("plivo");
  const token = "oracle plivo auth token";
  const nonce = "12345678901234567890";
  const pairs = (list, between) => [...list].sort(([a, x], [b, y]) => (a < b || (a === b && x < y) ? -1 : 1)).map((pair) => pair.join(between));
  function plivo(name, query, fields, headerName, expect) {
    const url = `/shop/endpoint${query && `?${query}`}`;
    const sorted = pairs(new URLSearchParams(query), "=").join("&");
    const tail = `?${sorted}${sorted && "."}${pairs(fields, "").join("")}`;
    const signature = createHmac("sha256", token).update(`${site}/shop/endpoint${tail}.${nonce}`).digest("base64");
    const params = Object.fromEntries(fields);
    must(validateV3Signature("POST", site + url, nonce, token, signature, params), name);
    const other = createHmac("sha256", "another token").update(name).digest("base64");
    const headers = [["Content-Type", urlencoded], [headerName, `${other},${signature}`], ["X-Plivo-Signature-V3-Nonce", nonce]];
    make("plivo", name, "plivo (npm) 4.79.0 (accepts)", [token], headers, new URLSearchParams(fields).toString(), { event: expect, id: null }, { url });
  }
  const hangup = [["CallUUID", "c1"], ["Event", "Hangup"], ["From", "+4930000000"], ["HangupCause", "NORMAL_CLEARING"]];
  plivo("sdk-form", "", hangup, "X-Plivo-Signature-V3", "Hangup");
  plivo("sdk-form-and-query", "b=2&a=1", hangup, "X-Plivo-Signature-V3", "Hangup");
  plivo("sdk-main-account", "", [["MessageUUID", "m1"], ["Status", "delivered"]], "X-Plivo-Signature-Ma-V3", "delivered");
}

// WhatsApp: signed by the function with which Meta's library checks (its receiver itself fails on every body).
{
  const { generateXHub256Sig } = require(join(dirname(require.resolve("whatsapp")), "utils.js"));
  const secret = "oracle meta app secret";
  const source = "whatsapp (npm) 0.0.5-Alpha";
  function whatsapp(name, change, expect) {
    const body = JSON.stringify({ object: "whatsapp_business_account", entry: [{ id: "102290129340398", changes: [change].flat() }] });
    const headers = [["Content-Type", json], ["User-Agent", "facebookexternalua"], ["X-Hub-Signature-256", `sha256=${generateXHub256Sig(body, secret)}`]];
    make("whatsapp", name, source, [secret, { use: "verifyToken", value: "oracle verify token" }], headers, body, expect);
  }
  const to = { messaging_product: "whatsapp", metadata: { display_phone_number: "15550001111", phone_number_id: "106540352242922" } };
  const message = { from: "4915550000", id: "wamid.ORACLE1", timestamp: `${now - 2}`, type: "text", text: { body: "Grüße ☃" } };
  const status = { id: "wamid.ORACLE2", status: "read", timestamp: `${now - 2}`, recipient_id: "4915550000" };
  const time = "2026-11-23T23:59:58Z";
  whatsapp("sdk-message", { value: { ...to, messages: [message] }, field: "messages" }, { event: "messages", id: "wamid.ORACLE1", time });
  whatsapp("sdk-status", { value: { ...to, statuses: [status] }, field: "messages" }, { event: "messages", id: "wamid.ORACLE2.read", time });
  whatsapp("sdk-template-update", { value: { event: "APPROVED", message_template_id: 1 }, field: "message_template_status_update" }, { event: "message_template_status_update", id: null });
  // The check of a new URL, as the library answers it.
  make("whatsapp", "sdk-subscribe", source, [secret, { use: "verifyToken", value: "oracle verify token" }], [], "", { handshake: true, answer: { status: 200, contentType: "text/plain", body: "1158201444" } }, { method: "GET", url: "/shop/whatsapp?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=oracle%20verify%20token" });
}
