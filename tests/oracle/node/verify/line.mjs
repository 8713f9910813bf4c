import { validateSignature } from "@line/bot-sdk";

export const example = { secret: "8c570fa6dd201bb328f1c1eac23a96d8", event: "message" };

export async function verify({ headers, body, secret }) {
  return validateSignature(body, secret, headers["x-line-signature"]);
}
