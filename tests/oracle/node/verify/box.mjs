import { WebhooksManager } from "box-node-sdk/managers/webhooks";

export const example = { secret: "example primary key", event: "FILE.UPLOADED", id: "eb0c4e06-0000-4000-8000-000000000001" };

export const verify = async ({ headers, body, secret }) => WebhooksManager.validateMessage(body.toString(), headers, secret);
