import { Signature } from "@hubspot/api-client";

export const example = { secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy" };

export const verify = ({ headers, body, secret }) =>
  Signature.isValid({ signatureVersion: "v1", signature: headers["x-hubspot-signature"], clientSecret: secret, requestBody: body.toString("utf8") });
