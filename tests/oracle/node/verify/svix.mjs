import { Webhook } from "svix";

export const example = { secret: "whsec_amV0aG9vayBleGFtcGxlLCBhIHNlY3JldCBrZXkuLg==", event: "invoice.paid", id: "msg_example" };

// Throws where the signature is wrong.
export async function verify({ headers, body, secret }) {
  new Webhook(secret).verify(body, headers);
  return true;
}
