import ModernTreasury from "modern-treasury";

export const example = { secret: "oracle modern treasury key" };

export const client = (webhookKey) => new ModernTreasury({ apiKey: "unused", organizationID: "unused", webhookKey });

export const verify = ({ headers, body, secret }) => client(secret).webhooks.validateSignature(body.toString("utf8"), headers["x-signature"]);
