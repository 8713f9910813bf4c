import { SignatureValidator } from "mollie-api-typescript";

export const example = { secret: "oracle mollie signing secret", event: "payment-link.paid", id: "event_oracle1" };

// While a key is rotated the header has two lines, which arrive here as a list.
export const verify = ({ headers, body, secret }) => SignatureValidator.validate(body.toString("utf8"), secret, headers["x-mollie-signature"]);
