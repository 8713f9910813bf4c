import { Signature } from "@hubspot/api-client";

export const example = { secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", publicUrl: "https://hooks.example.com/shop/endpoint" };

// The library looks at the clock: the caller sets it to `now`. It wants the URL with HubSpot's escapes decoded.
export const verify = ({ method, url, headers, body, secret }) =>
  Signature.isValid({
    signatureVersion: "v3",
    signature: headers["x-hubspot-signature-v3"],
    method,
    clientSecret: secret,
    requestBody: body.toString("utf8"),
    url,
    timestamp: Number(headers["x-hubspot-request-timestamp"]),
  });
