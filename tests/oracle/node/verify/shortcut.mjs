import { verifyShortcutWebhookSignature } from "@shortcut/client/webhooks";

export const example = { secret: "an oracle's secret, not a real one", event: "story", id: "595285dc-0000-4000-8000-000000000009" };

export async function verify({ headers, body, secret }) {
  return verifyShortcutWebhookSignature(secret, body, headers["payload-signature"]);
}
