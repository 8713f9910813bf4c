import cloudinary from "cloudinary";

export const example = { secret: "exampleApiSecret", event: "upload" };

export async function verify({ headers, body, secret }) {
  cloudinary.v2.config({ api_secret: secret });
  return cloudinary.v2.utils.verifyNotificationSignature(body.toString(), Number(headers["x-cld-timestamp"]), headers["x-cld-signature"]);
}
