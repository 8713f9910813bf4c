import braintree from "braintree";

const xml = `<notification>
  <timestamp type="datetime">2026-11-23T23:59:58Z</timestamp>
  <kind>subscription_went_past_due</kind>
  <subject><subscription><id>oracle</id><transactions type="array"></transactions></subscription></subject>
</notification>`;

export const example = {
  secret: "oracle_private_key",
  parameters: { publicKey: "oraclepublickey" },
  body: new URLSearchParams({ bt_payload: `${Buffer.from(xml).toString("base64")}\n` }).toString(),
};

export const gateway = (privateKey, publicKey = example.parameters.publicKey) =>
  new braintree.BraintreeGateway({ environment: braintree.Environment.Sandbox, merchantId: "oracle", publicKey, privateKey });

export async function verify({ body, secret }) {
  const form = new URLSearchParams(body.toString("utf8"));
  const told = await gateway(secret).webhookNotification.parse(form.get("bt_signature"), form.get("bt_payload"));
  return Boolean(told.kind);
}
