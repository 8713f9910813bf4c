// WorkOS's library serialises the parsed body again, so the example's body must be what JSON.stringify gives.
import { WorkOS } from "@workos-inc/node";

export const example = { secret: "an-oracles-workos-secret", event: "user.created", id: "event_oracle_1" };

export async function verify({ headers, body, secret }) {
  const workos = new WorkOS("sk_unused");
  await workos.webhooks.constructEvent({ payload: JSON.parse(body.toString("utf8")), sigHeader: headers["workos-signature"], secret });
  return true;
}
