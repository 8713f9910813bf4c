// The library is the one that the provider's page names.
import { Webhook } from "standardwebhooks";

export const example = { secret: "v1,whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", event: "before-user-created", id: "msg_oracle_supabase-auth_1" };

export async function verify({ headers, body, secret }) {
  new Webhook(secret.replace("v1,", "")).verify(body.toString("utf8"), headers);
  return true;
}
