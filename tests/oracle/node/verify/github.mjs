import { verify as isGenuine } from "@octokit/webhooks-methods";

export const example = { secret: "an oracle's secret, not a real one", event: "push" };

export async function verify({ headers, body, secret }) {
  return isGenuine(secret, body.toString("utf8"), headers["x-hub-signature-256"]);
}
