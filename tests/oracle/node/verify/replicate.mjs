import { validateWebhook } from "replicate";

export const example = { secret: "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", event: "succeeded", id: "msg_oracle_replicate_1" };

export async function verify({ headers, body, secret }) {
  return validateWebhook({ headers, body: body.toString("utf8") }, secret);
}
