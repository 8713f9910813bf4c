import { Signature } from "@hubspot/api-client";

export const example = { secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", publicUrl: "https://hooks.example.com/shop/endpoint" };

export const verify = ({ method, url, headers, body, secret }) =>
  Signature.isValid({
    signatureVersion: "v2",
    signature: headers["x-hubspot-signature"],
    method,
    clientSecret: secret,
    requestBody: body.toString("utf8"),
    url,
  });
