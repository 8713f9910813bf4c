// GitLab's signing token is Standard Webhooks; its page names these libraries.
import { Webhook } from "standardwebhooks";

export const example = { secret: "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", event: "push", id: "f5e5f430-0000-4000-8000-000000000009" };

export async function verify({ headers, body, secret }) {
  new Webhook(secret).verify(body, headers);
  return true;
}
