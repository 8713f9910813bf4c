import { WebhooksHelper } from "square";

export const example = { secret: "oracle_square_signature_key", event: "payment.updated", publicUrl: "https://hooks.example.com/shop/endpoint" };

export const verify = ({ url, headers, body, secret }) =>
  WebhooksHelper.verifySignature({
    requestBody: body.toString("utf8"),
    signatureHeader: headers["x-square-hmacsha256-signature"],
    signatureKey: secret,
    notificationUrl: url,
  });
