import Mux from "@mux/mux-node";

export const example = { secret: "example signing secret", event: "video.asset.ready", id: "example-event" };

// Throws where the signature is wrong.
export async function verify({ headers, body, secret }) {
  await new Mux({ tokenId: "none", tokenSecret: "none" }).webhooks.verifySignature(body.toString(), headers, secret);
  return true;
}
