import Anthropic from "@anthropic-ai/sdk";

export const example = { secret: "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", event: "session.created", id: "msg_oracle_anthropic_1" };

export async function verify({ headers, body, secret }) {
  const client = new Anthropic({ apiKey: "unused", webhookKey: secret });
  client.beta.webhooks.unwrap(body.toString("utf8"), { headers });
  return true;
}
