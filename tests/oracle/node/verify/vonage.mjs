import { verifySignature } from "@vonage/jwt";

// The library checks the token and leaves the body's digest in it to the reader.
export const example = { secret: "oracle vonage signature secret, 32 bytes and more", event: "delivered", altered: "header:authorization" };

export async function verify({ headers, secret }) {
  return verifySignature(headers.authorization.replace(/^Bearer /, ""), secret);
}
