import EasyPost from "@easypost/api";

export const example = { secret: "sécret d'oracle", event: "tracker.updated" };

export function verify({ headers, body, secret }) {
  new EasyPost("not-a-key").Utils.validateWebhook(body, headers, secret);
  return true;
}
