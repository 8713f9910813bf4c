import { verifyTerraWebhookSignature } from "terra-api";

export const example = { secret: "example signing secret", event: "activity" };

export const verify = async ({ headers, body, secret }) => verifyTerraWebhookSignature(body.toString(), headers["terra-signature"], secret);
