// WorkOS's library serialises the parsed body again, so the example's body must be what JSON.stringify gives.
import { WorkOS } from "@workos-inc/node";

const body = JSON.stringify({ id: "event_oracle_1", event: "user.created", data: { object: "user", id: "user_oracle" }, created_at: "2026-11-23T23:59:58.000Z" });

export const example = { secret: "an-oracles-workos-secret", body };

export async function verify({ headers, body, secret }) {
  const workos = new WorkOS("sk_unused");
  await workos.webhooks.constructEvent({ payload: JSON.parse(body.toString("utf8")), sigHeader: headers["workos-signature"], secret });
  return true;
}
