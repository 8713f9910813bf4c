import { createPrivateKey, createPublicKey } from "node:crypto";
import Telnyx from "telnyx";

// A delivery is signed with the private half: here the seed of RFC 8032, section 7.1, test 1.
export const example = { secret: "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", event: "message.received", id: "b301ed3f-0000-4000-8000-000000000001" };

export async function verify({ headers, body, secret, now }) {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(secret, "base64")]);
  const { x } = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" })).export({ format: "jwk" });
  Date.now = () => now * 1000;
  const client = new Telnyx({ apiKey: "not-a-key", publicKey: Buffer.from(x, "base64url").toString("base64") });
  await client.webhooks.unwrap(body.toString(), { headers });
  return true;
}
