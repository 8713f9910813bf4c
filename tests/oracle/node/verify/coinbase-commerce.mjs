import coinbase from "coinbase-commerce-node";

export const example = { secret: "oracle coinbase shared secret", event: "charge:confirmed", id: "24934862-0000-4000-8000-000000000001" };

export const verify = ({ headers, body, secret }) =>
  Boolean(coinbase.Webhook.verifyEventBody(body.toString("utf8"), headers["x-cc-webhook-signature"], secret));
