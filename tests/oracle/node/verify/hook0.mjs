import { verifyWebhookSignature } from "hook0-client";

export const example = { secret: "example-subscription-secret", event: "billing.invoice.paid", id: "6f5c1f0e-0000-4000-8000-000000000001", body: '{"invoice":7}' };

export const verify = async ({ headers, body, secret }) => verifyWebhookSignature(headers["x-hook0-signature"], body, new Headers(headers), secret, 300);
