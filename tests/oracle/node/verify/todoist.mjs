import { verifyWebhookSignature } from "@doist/todoist-sdk";

export const example = { secret: "an oracle's secret, not a real one", event: "item:added" };

export async function verify({ headers, body, secret }) {
  return verifyWebhookSignature({ rawBody: body, signature: headers["x-todoist-hmac-sha256"], clientSecret: secret });
}
