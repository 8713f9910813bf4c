import OpenAI from "openai";

export const example = { secret: "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", event: "response.completed", id: "wh_oracle_1" };

export async function verify({ headers, body, secret }) {
  const client = new OpenAI({ apiKey: "unused", webhookSecret: secret });
  await client.webhooks.unwrap(body.toString("utf8"), headers);
  return true;
}
