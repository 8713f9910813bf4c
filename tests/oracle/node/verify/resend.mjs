import { Resend } from "resend";

export const example = { secret: "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", event: "email.delivered", id: "msg_oracle_1" };

export async function verify({ headers, body, secret }) {
  const given = { id: headers["svix-id"], timestamp: headers["svix-timestamp"], signature: headers["svix-signature"] };
  new Resend("re_not_a_key").webhooks.verify({ payload: body.toString(), headers: given, webhookSecret: secret });
  return true;
}
