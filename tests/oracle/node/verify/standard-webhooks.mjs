import { Webhook } from "standardwebhooks";

export const example = { secret: "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", event: "contact.created", id: "msg_oracle_9" };

export async function verify({ headers, body, secret }) {
  new Webhook(secret).verify(body, headers);
  return true;
}
