import acuity from "acuityscheduling";

export const example = { secret: "0example0api0key0", event: "scheduled" };

// Throws where the signature is wrong.
export async function verify({ headers, body, secret }) {
  acuity.bodyParserVerify(secret)({ headers }, null, body);
  return true;
}
