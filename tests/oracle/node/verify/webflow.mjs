import { WebflowClient } from "webflow-api";

export const example = { secret: "example client secret", event: "form_submission" };

export const verify = async ({ headers, body, secret }) => new WebflowClient({ accessToken: "none" }).webhooks.verifySignature({ headers, body: body.toString(), secret });
