import { WebhookEventVerifier } from "@onfido/api";

export const example = { secret: "an-oracles-onfido-token", event: "check.completed" };

export async function verify({ headers, body, secret }) {
  new WebhookEventVerifier(secret).readPayload(body, headers["x-sha2-signature"]);
  return true;
}
