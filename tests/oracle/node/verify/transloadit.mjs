import { verifyWebhookSignature } from "@transloadit/utils";

export const example = { secret: "example auth secret", body: "transloadit=%7B%22ok%22%3A%22ASSEMBLY_COMPLETED%22%2C%22assembly_id%22%3A%22dd6cb9a0%22%7D", signed: ["ASSEMBLY_COMPLETED", "dd6cb9a0"] };

export async function verify({ headers, body, secret }) {
  const fields = await new Response(body, { headers: { "content-type": headers["content-type"] } }).formData();
  return verifyWebhookSignature({ rawBody: fields.get("transloadit"), signatureHeader: fields.get("signature"), authSecret: secret });
}
