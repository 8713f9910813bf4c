import { WebhookVerificationError, validateEvent } from "@polar-sh/sdk/webhooks";

export const example = { secret: "polar_whs_oracle_secret", event: "customer.deleted", id: "msg_oracle_polar_1" };

// The library parses what it has verified and throws, with an error of another class, for a body that is not complete.
export function verify({ headers, body, secret }) {
  try {
    validateEvent(body.toString("utf8"), headers, secret);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
  }
  return true;
}
