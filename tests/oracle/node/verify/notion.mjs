import { verifyWebhookSignature } from "@notionhq/client";

export const example = { secret: "secret_exampleVerificationToken", event: "page.created", id: "367cba44-0000-4000-8000-000000000001" };

export const verify = async ({ headers, body, secret }) => verifyWebhookSignature({ body, signature: headers["x-notion-signature"], verificationToken: secret });
