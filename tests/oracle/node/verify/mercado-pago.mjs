import { WebhookSignatureValidator } from "mercadopago";

export const example = { secret: "oracle mercado pago secret", event: "payment.updated", id: "bb56a2f1-0000-4000-8000-000000000001", altered: "header:x-request-id" };

export function verify({ url, headers, secret }) {
  WebhookSignatureValidator.validate({
    xSignature: headers["x-signature"],
    xRequestId: headers["x-request-id"],
    dataId: new URL(url).searchParams.get("data.id")?.toLowerCase(),
    secret,
  });
  return true;
}
