import { isValidRequest } from "@sanity/webhook";

export const example = { secret: "example secret", event: "create", id: "example-key" };

export const verify = async ({ headers, body, secret }) => isValidRequest({ headers, body }, secret);
