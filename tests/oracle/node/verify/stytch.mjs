// The library is the one that the provider's page names.
import { Webhook } from "svix";

export const example = { secret: "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", event: "direct.member.create", id: "msg_oracle_stytch_1" };

export async function verify({ headers, body, secret }) {
  new Webhook(secret).verify(body.toString("utf8"), headers);
  return true;
}
