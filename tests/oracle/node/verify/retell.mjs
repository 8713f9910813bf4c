import { Retell } from "retell-sdk";

export const example = { secret: "key_an-oracles-api-key", event: "call_ended" };

export async function verify({ headers, body, secret }) {
  return Retell.verify(body.toString("utf8"), secret, headers["x-retell-signature"]);
}
