import { webhooks } from "connect-sdk-nodejs";

export const example = {
  secret: "oracle worldline secret key",
  body: '{"apiVersion":"v1","id":"97a4fcdf-0000-4000-8000-000000000001","created":"2026-11-24T00:59:58.000+0100","merchantId":"20000","type":"payment.created"}',
};

// X-GCS-KeyId is not signed; the library only looks the key up by it.
export async function verify({ headers, body, secret }) {
  const helper = webhooks.v1.init({ getSecretKey: async () => secret });
  await helper.unmarshal(body.toString("utf8"), { "X-GCS-KeyId": "oracle", ...headers });
  return true;
}
