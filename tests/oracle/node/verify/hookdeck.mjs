import { verifyWebhookSignature } from "@hookdeck/sdk/webhooks/index.js";

export const example = { secret: "example signing secret", id: "evt_example", body: '{"order":7}' };

export const verify = async ({ headers, body, secret }) => (await verifyWebhookSignature({ headers, rawBody: body.toString(), signingSecret: secret })).isValidSignature;
