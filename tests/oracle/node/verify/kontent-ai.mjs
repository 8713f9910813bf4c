import helper from "@kontent-ai/webhook-helper";

export const example = {
  secret: "oracle kontent.ai secret",
  event: "content_item.published",
  body: '{"notifications":[{"message":{"object_type":"content_item","action":"published"}}]}',
};

export async function verify({ headers, body, secret }) {
  return helper.signatureHelper.isValidSignatureFromString(body.toString(), secret, headers["x-kontent-ai-signature"]);
}
