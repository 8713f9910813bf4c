import { createPrivateKey, createPublicKey } from "node:crypto";
import { verifyKey } from "discord-interactions";

// A delivery is signed with the private half: here the seed of RFC 8032, section 7.1, test 1.
export const example = {
  secret: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
  event: "APPLICATION_AUTHORIZED",
  body: '{"version":1,"application_id":"1234560123453231555","type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}',
};

export async function verify({ headers, body, secret }) {
  const der = Buffer.from(`302e020100300506032b657004220420${secret}`, "hex");
  const { x } = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" })).export({ format: "jwk" });
  const key = Buffer.from(x, "base64url").toString("hex");
  return verifyKey(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], key);
}
