import { Webhook } from "standardwebhooks";

// As BigCommerce's page does it: the client secret, which is text, goes into the standard's library as base64.
export const example = { secret: "oracle bigcommerce client secret", event: "store.order.created", id: "msg_oracle_bigcommerce_1" };

export function verify({ headers, body, secret }) {
  new Webhook(Buffer.from(secret).toString("base64")).verify(body.toString("utf8"), headers);
  return true;
}
