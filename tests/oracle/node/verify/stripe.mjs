import Stripe from "stripe";

export const example = { secret: "whsec_oracle_secret_in_use", event: "invoice.paid", id: "evt_oracle_9" };

export async function verify({ headers, body, secret }) {
  return new Stripe("not-a-key").webhooks.constructEvent(body, headers["stripe-signature"], secret).type === "invoice.paid";
}
