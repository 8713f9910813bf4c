import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { decodeWebhook } from "@kinde/webhooks";

// The private half signs for Kinde, whose library fetches the public one.
const domain = "acme.kinde.com";
export const example = { secret: readFileSync(new URL("../keys/rsa.pem", import.meta.url), "utf8"), event: "user.created", id: "event_oracle_7", parameters: { domain } };

export async function verify({ body, secret }) {
  const keys = [{ ...createPublicKey(secret).export({ format: "jwk" }), use: "sig", alg: "RS256" }];
  globalThis.fetch = async (url) => new Response(String(url).startsWith(`https://${domain}/.well-known/jwks`) ? JSON.stringify({ keys }) : "");
  return (await decodeWebhook(body.toString(), `https://${domain}`)) !== null;
}
