import { Paddle } from "@paddle/paddle-node-sdk";

export const example = { secret: "pdl_ntfset_oracle_secret", event: "transaction.completed" };

// The library looks at the clock: the caller sets it to `now`.
export const verify = ({ headers, body, secret }) =>
  new Paddle("not-a-key").webhooks.isSignatureValid(body.toString("utf8"), secret, headers["paddle-signature"]);
