// An independent implementation: the RFC has no library of its own.
import { createHash } from "node:crypto";
import { createVerifier, httpbis } from "http-message-signatures";

export const example = { secret: "amV0aG9vayBvcmFjbGUsIGEgc2hhcmVkIHNlY3JldCBvZiBSRkMgOTQyMSwgNjQgYnl0ZXMu", event: "lamp.lit", id: "example", publicUrl: "https://hooks.example.com/shop/endpoint" };

// Whether the body is the digest's is not the library's business.
export async function verify({ method, headers, body, secret }) {
  const [name, digest] = headers["content-digest"].split(/=(.*)/s);
  if (digest !== `:${createHash(name.replace("-", "")).update(body).digest("base64")}:`) return false;
  const key = { id: "any", algs: ["hmac-sha256"], verify: createVerifier(Buffer.from(secret, "base64"), "hmac-sha256") };
  return httpbis.verifyMessage({ keyLookup: async () => key }, { method, url: example.publicUrl, headers });
}
