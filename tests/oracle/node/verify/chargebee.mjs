import { basicAuthValidator } from "chargebee";

export const example = { secret: "oracle:a long password: with a colon", event: "subscription_created", id: "ev_oracle_1", altered: "header:authorization" };

export async function verify({ headers, secret }) {
  const [, user, password] = /^([^:]*):(.*)$/.exec(secret);
  await basicAuthValidator((u, p) => u === user && p === password)(headers);
  return true;
}
