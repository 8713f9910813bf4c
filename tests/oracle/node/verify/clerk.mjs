// Clerk's own function, of its backend SDK.
import { verifyWebhook } from "@clerk/backend/webhooks";

export const example = { secret: "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", event: "user.created", id: "msg_oracle_clerk_1" };

export async function verify({ method, headers, body, secret }) {
  const request = new Request("https://hooks.example.com/shop/clerk", { method, headers, body });
  await verifyWebhook(request, { signingSecret: secret });
  return true;
}
