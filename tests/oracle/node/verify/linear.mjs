import { LinearWebhookClient } from "@linear/sdk/webhooks";

export const example = { secret: "lin_wh_example_secret", event: "Issue", id: "example-delivery" };

export const verify = async ({ headers, body, secret }) => new LinearWebhookClient(secret).verify(body, headers["linear-signature"]);
