import { verifySignature } from "gocardless-nodejs";

export const example = { secret: "oracle gocardless secret" };

export function verify({ headers, body, secret }) {
  verifySignature(body, secret, headers["webhook-signature"]);
  return true;
}
