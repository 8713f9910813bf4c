// Shopify: the digest is the library's own, and its validator accepts each request.
import "@shopify/shopify-api/adapters/web-api";
import { shopifyApi, ApiVersion, LogSeverity } from "@shopify/shopify-api";
import { createSHA256HMAC } from "@shopify/shopify-api/runtime";
import { date, now, write } from "./vector.mjs";

const from = { kind: "sdk", name: "@shopify/shopify-api 15.0.0", date };
const secret = "oracle-client-secret";
const shopify = shopifyApi({
  apiKey: "oracle",
  apiSecretKey: secret,
  apiVersion: Object.values(ApiVersion)[0],
  hostName: "hooks.example.com",
  isEmbeddedApp: false,
  logger: { level: LogSeverity.Error },
});

async function make(name, body, headers, expect) {
  const digest = await createSHA256HMAC(secret, body);
  const all = [["Content-Type", "application/json"], ...headers.map(([key, value]) => [key, value ?? digest])];
  const check = await shopify.webhooks.validate({
    rawBody: body,
    rawRequest: new Request("https://hooks.example.com/shop/shopify", { method: "POST", headers: all, body }),
  });
  if (!check.valid) throw new Error(`${name}: ${JSON.stringify(check)}`);
  write("shopify", name, { from, now, secrets: [secret], request: { method: "POST", url: "/shop/shopify", headers: all, body }, expect });
}

const webhook = (topic, id) => [
  ["X-Shopify-API-Version", "2026-10"],
  ["X-Shopify-Event-Id", "98880550-0000-4000-8000-000000000001"],
  ["X-Shopify-Hmac-Sha256", null],
  ["X-Shopify-Shop-Domain", "lamp-shop.myshopify.com"],
  ["X-Shopify-Topic", topic],
  ["X-Shopify-Triggered-At", "2026-11-23T23:59:58.000000000Z"],
  ["X-Shopify-Webhook-Id", id],
];
const event = (topic, action, id) => [
  ["shopify-action", action],
  ["shopify-api-version", "unstable"],
  ["shopify-handle", "lamp-products"],
  ["shopify-hmac-sha256", null],
  ["shopify-shop-domain", "lamp-shop.myshopify.com"],
  ["shopify-topic", topic],
  ["shopify-triggered-at", "2026-11-23T23:59:58Z"],
  ["shopify-webhook-id", id],
];

const order = JSON.stringify({ id: 820982911946154500, email: "jon@example.com", note: "Zoë" });
const product = JSON.stringify({ topic: "Product", action: "update", handle: "lamp-products", fields_changed: { updated: ["product.title"] } });
const redact = JSON.stringify({ shop_id: 1, shop_domain: "lamp-shop.myshopify.com" });

await make("sdk-webhook-order", order, webhook("orders/create", "b54557e4-0000-4000-8000-000000000001"), {
  event: "orders.create",
  id: "b54557e4-0000-4000-8000-000000000001",
});
await make("sdk-webhook-compliance", redact, webhook("shop/redact", "b54557e4-0000-4000-8000-000000000002"), {
  event: "shop.redact",
  id: "b54557e4-0000-4000-8000-000000000002",
});
await make("sdk-event-product", product, event("Product", "update", "b54557e4-0000-4000-8000-000000000003"), {
  event: "Product.update",
  id: "b54557e4-0000-4000-8000-000000000003",
});
await make(
  "sdk-both-header-sets",
  product,
  [...webhook("Product", "b54557e4-0000-4000-8000-000000000004"), ...event("Product", "update", "b54557e4-0000-4000-8000-000000000004")],
  { event: "Product.update", id: "b54557e4-0000-4000-8000-000000000004" },
);
