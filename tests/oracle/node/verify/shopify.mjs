import "@shopify/shopify-api/adapters/web-api";
import { shopifyApi, ApiVersion, LogSeverity } from "@shopify/shopify-api";

export const example = {
  secret: "oracle-client-secret",
  event: "orders/create",
  body: '{"id":820982911946154500,"note":"Zoë"}',
  // What Shopify's validator asks for beside the signature.
  headers: { "X-Shopify-API-Version": "2026-10", "X-Shopify-Shop-Domain": "lamp-shop.myshopify.com" },
};

export async function verify({ method, url, headers, body, secret }) {
  const shopify = shopifyApi({
    apiKey: "oracle",
    apiSecretKey: secret,
    apiVersion: Object.values(ApiVersion)[0],
    hostName: "hooks.example.com",
    isEmbeddedApp: false,
    logger: { level: LogSeverity.Error },
  });
  const request = new Request(url, { method, headers, body });
  return (await shopify.webhooks.validate({ rawBody: body.toString("utf8"), rawRequest: request })).valid;
}
