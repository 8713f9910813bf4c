import DodoPayments from "dodopayments";

export const example = { secret: "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", event: "payment.succeeded", id: "msg_oracle_dodo_1" };

export function verify({ headers, body, secret }) {
  new DodoPayments({ bearerToken: "not-a-key", webhookKey: secret }).webhooks.unwrap(body.toString("utf8"), { headers });
  return true;
}
