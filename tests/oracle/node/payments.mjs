// Payments, commerce and CRM: signed by the provider's library where it signs, otherwise by the page's words, and in each case
// accepted by the provider's library (see verify/).
import { createHash, createHmac, createPublicKey, sign } from "node:crypto";
import { Signature } from "@hubspot/api-client";
import { hmacValidator } from "@adyen/api-library";
import coinbase from "coinbase-commerce-node";
import { SignatureValidator } from "mollie-api-typescript";
import { Webhook } from "standardwebhooks";
import { date, now, write } from "./vector.mjs";
import * as braintree from "./verify/braintree.mjs";
import * as modernTreasury from "./verify/modern-treasury.mjs";

const JSON_TYPE = ["Content-Type", "application/json"];
const FORM_TYPE = ["Content-Type", "application/x-www-form-urlencoded"];
const SITE = "https://hooks.example.com";
const TIME = "2026-11-23T23:59:58Z";

// Paddle's and Wix's libraries ask `new Date()`.
globalThis.Date = class extends Date {
  constructor(...given) {
    super(...(given.length ? given : [now * 1000]));
  }
};

const mac = (hash, key, text, encoding = "hex") => createHmac(hash, key).update(text).digest(encoding);

/** Writes a vector once the provider's library has accepted it. */
async function make(provider, name, by, { secrets, headers, body, expect, url = `/shop/${provider}`, parameters }) {
  const { example, verify } = await import(`./verify/${provider}.mjs`);
  const given = secrets ?? [example.secret];
  const folded = {};
  for (const [key, value] of headers) {
    const lower = key.toLowerCase();
    folded[lower] = lower in folded ? [folded[lower], value].flat() : value;
  }
  const one = { method: "POST", url: SITE + url, headers: folded, body: Buffer.from(body), now };
  const signing = given.filter((item) => typeof item === "string");
  const verdicts = [];
  for (const secret of provider === "wix" ? [example.secret] : signing) {
    verdicts.push(await Promise.resolve(one).then((request) => verify({ ...request, secret })).catch(() => false));
  }
  if (!verdicts.includes(true)) throw new Error(`${provider}/${name}: the library refuses it`);
  write(provider, name, {
    from: { kind: "sdk", name: by, date },
    now,
    ...(parameters && { parameters }),
    secrets: given,
    request: { method: "POST", url, headers, body },
    expect: { event: null, id: null, ...expect },
  });
}

// Square: the notification URL, then the body.
{
  const key = "oracle_square_signature_key";
  const url = "/shop/endpoint";
  const payment = JSON.stringify({ merchant_id: "6SSW7HV8K2ST5", type: "payment.updated", event_id: "6a8f5f28-0000-4000-8000-000000000001", created_at: TIME, data: { type: "payment", id: "hYy9pRFVxpDsO1FB05SunFWUe9JZY", object: { payment: { amount_money: { amount: 1200, currency: "USD" }, note: "Zoë ☃" } } } });
  const headers = (text) => [JSON_TYPE, ["square-environment", "Production"], ["x-square-hmacsha256-signature", mac("sha256", key, SITE + text, "base64")]];
  const expect = { event: "payment.updated", id: "6a8f5f28-0000-4000-8000-000000000001", time: TIME };
  const by = "square (npm) 46.0.0 (accepts)";
  await make("square", "sdk-payment", by, { secrets: [key], url, headers: headers(url + payment), body: payment, expect });
  const tenant = `${url}?tenant=a%20b`;
  await make("square", "sdk-query", by, { secrets: [key], url: tenant, headers: headers(tenant + payment), body: payment, expect });
}

// Adyen: eight fields of each item, or the body.
{
  const key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
  const by = "@adyen/api-library 32.1.0";
  const item = (pspReference, over = {}) => {
    const value = { additionalData: {}, amount: { currency: "EUR", value: 1130 }, eventCode: "AUTHORISATION", eventDate: "2026-11-24T00:59:58+01:00", merchantAccountCode: "OracleMerchant", merchantReference: "Order:1\\ Zoë", operations: ["CANCEL", "CAPTURE", "REFUND"], paymentMethod: "visa", pspReference, reason: "033899:1111:03/2030", success: "true", ...over };
    value.additionalData.hmacSignature = new hmacValidator().calculateHmac(value, key);
    return { NotificationRequestItem: value };
  };
  const notification = (...items) => JSON.stringify({ live: "false", notificationItems: items });
  const answer = { status: 200, contentType: "text/plain", body: "[accepted]" };
  const psp = "7914073381342284";
  await make("adyen-standard", "sdk-authorisation", by, { secrets: [key], headers: [JSON_TYPE], body: notification(item(psp)), expect: { event: "AUTHORISATION", id: `AUTHORISATION.${psp}.true`, answer } });
  const refund = notification(item("8825408195409505", { eventCode: "REFUND", originalReference: psp, success: "false", amount: { currency: "JPY", value: 0 } }));
  await make("adyen-standard", "sdk-refund", by, { secrets: [key], headers: [JSON_TYPE], body: refund, expect: { event: "REFUND", id: "REFUND.8825408195409505.false", answer } });
  const batch = notification(item(psp), item("7914073381342285"));
  await make("adyen-standard", "sdk-two-items", by, { secrets: [key], headers: [JSON_TYPE], body: batch, expect: { event: "AUTHORISATION", answer } });
  const basic = ["Authorization", `Basic ${Buffer.from("adyen:a long password").toString("base64")}`];
  await make("adyen-standard", "sdk-with-basic", by, { secrets: [key, { use: "basic", value: "adyen:a long password" }], headers: [JSON_TYPE, basic], body: notification(item(psp)), expect: { event: "AUTHORISATION", id: `AUTHORISATION.${psp}.true`, answer } });

  // The example of the library's own tests, also on Adyen's pages: key, item and signature are theirs.
  const published = '{"live":"false","notificationItems":[{"NotificationRequestItem":{"pspReference":"7914073381342284","originalReference":"","merchantAccountCode":"TestMerchant","merchantReference":"TestPayment-1407325143704","amount":{"value":1130,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true","eventDate":"2019-05-06T17:15:34.121+02:00","operations":["CANCEL"],"paymentMethod":"visa","reason":"0000","additionalData":{"hmacSignature":"coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="}}}]}';
  await make("adyen-standard", "sdk-published", `${by} (its tests' example)`, { secrets: [key], headers: [JSON_TYPE], body: published, expect: { event: "AUTHORISATION", id: `AUTHORISATION.${psp}.true`, answer } });

  const holder = JSON.stringify({ data: { balancePlatform: "OraclePlatform", accountHolder: { id: "AH00000000000000000000001", description: "Zoë ☃", status: "active" } }, environment: "test", timestamp: "2026-11-24T00:59:58+01:00", type: "balancePlatform.accountHolder.updated" });
  const signed = [JSON_TYPE, ["HmacSignature", new hmacValidator().calculateHmac(holder, key)], ["Protocol", "HmacSHA256"]];
  await make("adyen-platform", "sdk-account-holder", by, { secrets: [key], headers: signed, body: holder, expect: { event: "balancePlatform.accountHolder.updated" } });
  await make("adyen-platform", "sdk-with-basic", by, { secrets: [key, { use: "basic", value: "adyen:a long password" }], headers: [...signed, basic], body: holder, expect: { event: "balancePlatform.accountHolder.updated" } });
}

// Braintree: its test gateway makes the payload's signature, and the answer to a challenge.
{
  const by = "braintree (npm) 3.40.0";
  const gateway = braintree.gateway("oracle_private_key");
  const payload = `${Buffer.from(`<notification>
    <timestamp type="datetime">${TIME}</timestamp>
    <kind>subscription_went_past_due</kind>
    <subject><subscription><id>oracle</id><plan-id>Zoë</plan-id><transactions type="array"></transactions></subscription></subject>
</notification>`).toString("base64")}\n`;
  const signature = gateway.webhookTesting.sampleSignature(payload);
  const form = (value) => new URLSearchParams({ bt_signature: value, bt_payload: payload }).toString();
  const parameters = { publicKey: "oraclepublickey" };
  const expect = { event: "subscription_went_past_due", id: createHash("sha256").update(payload).digest("hex") };
  const given = { secrets: ["oracle_private_key"], parameters, headers: [FORM_TYPE], expect };
  await make("braintree", "sdk-past-due", by, { ...given, body: form(signature) });
  await make("braintree", "sdk-two-key-pairs", by, { ...given, body: form(`anotherpublickey|${"0".repeat(40)}&${signature}`) });
  const challenge = "20f9f8ed05f77439fe955c977e4c8a53";
  const told = gateway.webhookNotification.verify(challenge);
  write("braintree", "sdk-challenge", {
    from: { kind: "sdk", name: by, date },
    now,
    parameters,
    secrets: ["oracle_private_key"],
    request: { method: "GET", url: `/shop/braintree?bt_challenge=${challenge}`, headers: [], body: "" },
    expect: { handshake: true, answer: { status: 200, contentType: "text/plain", body: told } },
  });
}

// Paddle.
{
  const key = "pdl_ntfset_oracle_secret";
  const by = "@paddle/paddle-node-sdk 3.10.0 (accepts)";
  const body = JSON.stringify({ event_id: "evt_01oracle0000000000000001", event_type: "transaction.completed", occurred_at: TIME, notification_id: "ntf_01oracle0000000000000001", data: { id: "txn_01oracle", status: "completed", custom_data: { name: "Zoë ☃" } } });
  const h1 = mac("sha256", key, `${now}:${body}`);
  const other = mac("sha256", "pdl_ntfset_another_secret", `${now}:${body}`);
  const expect = { event: "transaction.completed", id: "ntf_01oracle0000000000000001", time: TIME };
  await make("paddle", "sdk-transaction", by, { headers: [JSON_TYPE, ["Paddle-Signature", `ts=${now};h1=${h1}`]], body, expect });
  // While a secret is rotated two h1 arrive. The library looks at the last one only.
  await make("paddle", "sdk-rotated", by, { secrets: [key], headers: [JSON_TYPE, ["Paddle-Signature", `ts=${now};h1=${other};h1=${h1}`]], body, expect });
}

// GoCardless.
{
  const key = "oracle gocardless secret";
  const by = "gocardless-nodejs 10.1.2 (accepts)";
  const event = (id, action) => ({ id, created_at: TIME, resource_type: "mandates", action, links: { mandate: `MD${id}` }, details: { origin: "bank", cause: "bank_account_closed", description: "Zoë ☃" } });
  const send = (name, events, expect) => {
    const body = JSON.stringify({ events, meta: { webhook_id: "WB00000000ORACLE" } });
    return make("gocardless", name, by, { headers: [JSON_TYPE, ["Webhook-Signature", mac("sha256", key, body)]], body, expect: { id: "WB00000000ORACLE", ...expect } });
  };
  await send("sdk-cancelled", [event("EV1", "cancelled")], { event: "mandates.cancelled" });
  await send("sdk-batch", [event("EV1", "cancelled"), event("EV2", "cancelled")], { event: "mandates.cancelled" });
  await send("sdk-mixed-batch", [event("EV1", "cancelled"), event("EV2", "created")], { event: null });
}

// Razorpay.
{
  const key = "oracle razorpay secret";
  const body = JSON.stringify({ entity: "event", account_id: "acc_oracle", event: "payment.captured", contains: ["payment"], payload: { payment: { entity: { id: "pay_oracle", amount: 1200, currency: "INR", notes: { name: "Zoë ☃" } } } }, created_at: now - 2 });
  await make("razorpay", "sdk-captured", "razorpay (npm) 2.9.8 (accepts)", { headers: [JSON_TYPE, ["X-Razorpay-Signature", mac("sha256", key, body)], ["x-razorpay-event-id", "PQ00oracle0001"]], body, expect: { event: "payment.captured", id: "PQ00oracle0001", time: TIME } });
}

// HubSpot: three versions of the signature, all made by its library.
{
  const by = "@hubspot/api-client 13.5.0";
  const key = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
  const url = "/shop/endpoint";
  const event = (eventId, subscriptionType) => ({ eventId, subscriptionId: 12, portalId: 62515, appId: 54321, occurredAt: (now - 2) * 1000, subscriptionType, attemptNumber: 0, objectId: 123, changeSource: "CRM", propertyName: "firstname", propertyValue: "Zoë ☃" });
  const one = JSON.stringify([event(1, "contact.propertyChange")]);
  const two = JSON.stringify([event(1, "contact.creation"), event(2, "contact.creation")]);
  const mixed = JSON.stringify([event(1, "contact.creation"), event(2, "contact.deletion")]);
  const sign = (version, options) => Signature.getSignature("POST", version, { clientSecret: key, signature: "", ...options });

  const v3 = (name, at, requestBody, expect, signedAt = at) => {
    const signature = sign("v3", { url: SITE + signedAt, requestBody, timestamp: now * 1000 });
    const headers = [JSON_TYPE, ["X-HubSpot-Signature-v3", signature], ["X-HubSpot-Request-Timestamp", String(now * 1000)]];
    return make("hubspot", name, by, { secrets: [key], url: at, headers, body: requestBody, expect });
  };
  await v3("sdk-property-change", url, one, { event: "contact.propertyChange" });
  await v3("sdk-batch", url, two, { event: "contact.creation" });
  await v3("sdk-mixed-batch", `${url}?tenant=a`, mixed, { event: null });

  const v1 = [JSON_TYPE, ["X-HubSpot-Signature", sign("v1", { requestBody: one })], ["X-HubSpot-Signature-Version", "v1"]];
  await make("hubspot-v1", "sdk-property-change", by, { headers: v1, body: one, expect: { event: "contact.propertyChange" } });

  const workflow = JSON.stringify({ object: { objectId: 1, objectType: "CONTACT" }, inputFields: { name: "Zoë ☃" } });
  const v2 = [JSON_TYPE, ["X-HubSpot-Signature", sign("v2", { url: SITE + url, requestBody: workflow })], ["X-HubSpot-Signature-Version", "v2"]];
  await make("hubspot-v2", "sdk-workflow", by, { url, headers: v2, body: workflow, expect: {} });
}

// EasyPost: the key is the secret in normal form KD.
{
  const key = "sécret d'oracle";
  const by = "@easypost/api 8.9.0 (accepts)";
  const body = JSON.stringify({ description: "tracker.updated", id: "evt_oracle1", object: "Event", mode: "test", created_at: TIME, result: { id: "trk_oracle", object: "Tracker", status: "delivered", signed_by: "Zoë ☃" } });
  await make("easypost", "sdk-tracker", by, { secrets: [key], headers: [JSON_TYPE, ["X-Hmac-Signature", `hmac-sha256-hex=${mac("sha256", key.normalize("NFKD"), body)}`]], body, expect: { event: "tracker.updated", id: "evt_oracle1", time: TIME } });
}

// Standard Webhooks under the providers' own libraries. Polar's secret is text.
{
  const send = (provider, by, secret, base64, id, body, expect) => {
    const signature = new Webhook(base64).sign(id, new Date(now * 1000), body);
    return make(provider, `sdk-${expect.event.replaceAll(/[._]/g, "-").toLowerCase()}`, by, { secrets: [secret], headers: [JSON_TYPE, ["webhook-id", id], ["webhook-timestamp", String(now)], ["webhook-signature", signature]], body, expect: { id, ...expect } });
  };
  const polar = "polar_whs_oracle_secret";
  const order = JSON.stringify({ type: "order.paid", timestamp: TIME, data: { id: "9a1f5a1e-0000-4000-8000-000000000001", total_amount: 1200, customer: { name: "Zoë ☃" } } });
  await send("polar", "@polar-sh/sdk 0.49.0 (accepts)", polar, Buffer.from(polar).toString("base64"), "msg_oracle_polar_1", order, { event: "order.paid", time: TIME });
  const dodo = "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=";
  const payment = JSON.stringify({ business_id: "bus_oracle", type: "payment.succeeded", timestamp: TIME, data: { payload_type: "Payment", payment_id: "pay_oracle", total_amount: 1200, customer: { name: "Zoë ☃" } } });
  await send("dodo-payments", "dodopayments (npm) 2.52.0 (accepts)", dodo, dodo, "msg_oracle_dodo_1", payment, { event: "payment.succeeded", time: TIME });
}

// BigCommerce's page signs nothing of its own: it hands the client secret, as base64, to the standard's library.
{
  const key = "oracle bigcommerce client secret";
  const id = "msg_oracle_bigcommerce_1";
  const body = JSON.stringify({ store_id: "11111", producer: "stores/abcde", scope: "store/order/statusUpdated", data: { type: "order", id: 173331 }, hash: "3f9ea420af83450d7ef9f78b08c8af25b2213637", created_at: now - 2 });
  const signature = new Webhook(Buffer.from(key).toString("base64")).sign(id, new Date(now * 1000), body);
  await make("bigcommerce", "sdk-status-updated", "standardwebhooks (npm) 1.1.1, as BigCommerce's page uses it", { headers: [JSON_TYPE, ["webhook-id", id], ["webhook-timestamp", String(now)], ["webhook-signature", signature]], body, expect: { event: "store.order.statusUpdated", id, time: TIME } });
}

// Coinbase Commerce.
{
  const key = "oracle coinbase shared secret";
  const id = "24934862-0000-4000-8000-000000000001";
  const body = JSON.stringify({ id: 1, scheduled_for: TIME, attempt_number: 1, event: { id, resource: "event", type: "charge:confirmed", api_version: "2018-03-22", created_at: TIME, data: { code: "66BEOV2A", name: "Zoë ☃" } } });
  await make("coinbase-commerce", "sdk-confirmed", "coinbase-commerce-node 1.0.4", { secrets: [key], headers: [JSON_TYPE, ["X-CC-Webhook-Signature", coinbase.Webhook.computeSignature(body, key)]], body, expect: { event: "charge:confirmed", id, time: TIME } });
}

// Coinbase Developer Platform: Hook0's scheme. The signature names the headers that it covers.
{
  const key = "oracle cdp subscription secret";
  const by = "hook0-client (npm) 1.1.0 (accepts)";
  const event = { id: "evt_oracle1", type: "onchain.activity.detected", createdAt: TIME, data: { networkId: "base-mainnet", eventName: "Transfer", value: "1000000", note: "Zoë ☃" } };
  const link = { id: "evt_oracle2", eventType: "payment_link.payment.success", amount: "12.00" };
  const send = (name, value, extra, expect) => {
    const body = JSON.stringify(value);
    const covered = [JSON_TYPE, ...extra];
    const names = covered.map(([header]) => header.toLowerCase()).join(" ");
    const text = `${now}.${names}.${covered.map(([, content]) => content).join(".")}.${body}`;
    const headers = [...covered, ["X-Hook0-Signature", `t=${now},h=${names},v1=${mac("sha256", key, text)}`]];
    return make("coinbase-cdp", name, by, { headers, body, expect });
  };
  await send("sdk-onchain", event, [["X-Hook0-Id", "evt_oracle1"]], { event: "onchain.activity.detected", id: "evt_oracle1", time: TIME });
  await send("sdk-payment-link", link, [["X-Event-Id", "evt_oracle2"], ["X-Event-Type", "payment_link.payment.success"]], { event: "payment_link.payment.success", id: "evt_oracle2" });
}

// Mollie: two header lines while a secret is rotated.
{
  const key = "oracle mollie signing secret";
  const by = "mollie-api-typescript 1.12.28";
  const body = JSON.stringify({ resource: "event", id: "event_oracle1", type: "payment-link.paid", entityId: "pl_oracle", createdAt: TIME, _embedded: { entity: { resource: "payment-link", description: "Zoë ☃" } } });
  const line = async (secret) => ["X-Mollie-Signature", `sha256=${await SignatureValidator.createSignature(body, secret)}`];
  const expect = { event: "payment-link.paid", id: "event_oracle1", time: TIME };
  await make("mollie", "sdk-paid", by, { secrets: [key], headers: [JSON_TYPE, await line(key)], body, expect });
  await make("mollie", "sdk-rotated", by, { secrets: [key], headers: [JSON_TYPE, await line("a secret before"), await line(key)], body, expect });
}

// Modern Treasury.
{
  const key = "oracle modern treasury key";
  const body = JSON.stringify({ event: "created", data: { id: "b1a5f4d2-0000-4000-8000-000000000001", object: "payment_order", description: "Zoë ☃", amount: 1200 } });
  await make("modern-treasury", "sdk-payment-order", "modern-treasury (npm) 3.3.0", { secrets: [key], headers: [JSON_TYPE, ["X-Topic", "payment_order"], ["X-Signature", modernTreasury.client(key).webhooks.getSignature(body)]], body, expect: { event: "payment_order.created" } });
}

// OpenNode: the charge's id alone.
{
  const key = "oracle-opennode-key";
  const id = "0aae1e17-0000-4000-8000-000000000001";
  const body = new URLSearchParams({ id, callback_url: "https://hooks.example.com/shop/opennode", status: "paid", order_id: "N/A", description: "Zoë ☃", price: "1200", fee: "12", auto_settle: "0", hashed_order: mac("sha256", key, id) }).toString();
  await make("opennode", "sdk-paid", "opennode (npm) 1.5.0 (accepts)", { headers: [FORM_TYPE], body, expect: { event: "paid", id: `${id}.paid` } });
}

// Chargebee: basic authentication.
{
  const user = "oracle:a long password: with a colon";
  const body = JSON.stringify({ id: "ev_oracle_1", occurred_at: now - 2, source: "admin_console", object: "event", api_version: "v2", event_type: "subscription_created", webhook_status: "scheduled", content: { subscription: { id: "sub_oracle", plan_id: "Zoë ☃" } } });
  await make("chargebee", "sdk-created", "chargebee (npm) 3.33.0 (accepts)", { secrets: [user], headers: [JSON_TYPE, ["Authorization", `Basic ${Buffer.from(user).toString("base64")}`]], body, expect: { event: "subscription_created", id: "ev_oracle_1" } });
}

// Mercado Pago: the id in the query, the request id and a time.
{
  const key = "oracle mercado pago secret";
  const by = "mercadopago (npm) 3.6.1 (accepts)";
  const request = "bb56a2f1-0000-4000-8000-000000000001";
  const send = (name, data, ts, body, event) => {
    const v1 = mac("sha256", key, `${data ? `id:${data.toLowerCase()};` : ""}request-id:${request};ts:${ts};`);
    const url = `/shop/mercado-pago?${data ? `data.id=${data}&` : ""}type=${body.type}`;
    return make("mercado-pago", name, by, { url, headers: [JSON_TYPE, ["x-signature", `ts=${ts},v1=${v1}`], ["x-request-id", request]], body: JSON.stringify(body), expect: { event, id: request } });
  };
  const payment = { id: 12345, live_mode: true, type: "payment", date_created: TIME, user_id: 44444, api_version: "v1", action: "payment.updated", data: { id: "999999999" } };
  await send("sdk-payment", "999999999", now, payment, "payment.updated");
  await send("sdk-letters", "ORD01ABCDEF", `${now}123`, { ...payment, type: "order", action: "order.processed", data: { id: "ORD01ABCDEF" } }, "order.processed");
  await send("sdk-without-id", null, now, { type: "delivery", data: {} }, "delivery");
}

// Worldline Connect.
{
  const key = "oracle worldline secret key";
  const id = "97a4fcdf-0000-4000-8000-000000000001";
  const body = JSON.stringify({ apiVersion: "v1", id, created: "2026-11-24T00:59:58.000+0100", merchantId: "20000", type: "payment.created", payment: { id: "000000200000143388", paymentOutput: { references: { merchantReference: "Zoë ☃" } } } });
  await make("worldline-connect", "sdk-payment", "connect-sdk-nodejs 5.2.0 (accepts)", { headers: [JSON_TYPE, ["X-GCS-KeyId", "oracle"], ["X-GCS-Signature", mac("sha256", key, body, "base64")]], body, expect: { event: "payment.created", id } });
}

// Wix: the body is a token.
{
  const { example } = await import("./verify/wix.mjs");
  const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const data = JSON.stringify({ data: JSON.stringify({ orderId: "oracle", buyer: "Zoë ☃" }), instanceId: "f3a1e6b0-0000-4000-8000-000000000001", eventType: "OrderCreated", identity: JSON.stringify({ identityType: "MEMBER" }) });
  const signed = `${base64url({ alg: "RS256", typ: "JWT" })}.${base64url({ data, iat: now - 2, exp: now + 3600 })}`;
  const body = `${signed}.${sign("sha256", signed, example.secret).toString("base64url")}`;
  const publicKey = createPublicKey(example.secret).export({ type: "spki", format: "pem" });
  await make("wix", "sdk-order", "@wix/sdk 1.21.16 (accepts)", { secrets: [publicKey], headers: [["Content-Type", "text/plain"]], body, expect: { event: "OrderCreated", id: createHash("sha256").update(body).digest("hex") } });
}

// ShipStation publishes its keys as a set and has no library that verifies: signed by the page's words.
{
  const { example } = await import("./verify/wix.mjs");
  const body = JSON.stringify({ resource_url: "https://api.shipengine.com/v1/tracking?carrier_code=usps", resource_type: "API_TRACK", data: { status_code: "DE", signed_by: "Zoë ☃" } });
  const at = "2026-11-24T00:00:00Z";
  const signature = sign("sha256", Buffer.from(`${at}.${body}`), example.secret).toString("base64");
  const { kty, n, e } = createPublicKey(example.secret).export({ format: "jwk" });
  write("shipstation", "derived-track", {
    from: { kind: "derived", name: "docs.shipstation.com, webhook validation", date },
    now,
    fetched: { "https://api.shipengine.com/jwks": { keys: [{ kty, n, e, kid: "oracle", use: "sig", alg: "RS256" }] } },
    secrets: [{ use: "url", value: "oracle-token-in-the-url" }],
    request: {
      method: "POST",
      url: "/shop/shipstation/oracle-token-in-the-url",
      headers: [JSON_TYPE, ["x-shipengine-timestamp", at], ["x-shipengine-rsa-sha256-key-id", "oracle"], ["x-shipengine-rsa-sha256-signature", signature]],
      body,
    },
    expect: { event: "API_TRACK", id: null },
  });
}
