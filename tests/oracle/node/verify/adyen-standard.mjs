import { hmacValidator } from "@adyen/api-library";

const item = {
  additionalData: {},
  amount: { currency: "EUR", value: 1130 },
  eventCode: "AUTHORISATION",
  eventDate: "2026-11-24T00:59:58+01:00",
  merchantAccountCode: "OracleMerchant",
  merchantReference: "Order-1",
  operations: ["CANCEL"],
  originalReference: "",
  paymentMethod: "visa",
  pspReference: "7914073381342284",
  reason: "0000",
  success: "true",
};

export const example = {
  secret: "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
  signed: ["7914073381342284", "OracleMerchant", "Order-1", "AUTHORISATION"],
  body: JSON.stringify({ live: "false", notificationItems: [{ NotificationRequestItem: item }] }),
};

export function verify({ body, secret }) {
  const items = JSON.parse(body).notificationItems.map((entry) => entry.NotificationRequestItem);
  return items.length > 0 && items.every((entry) => new hmacValidator().validateHMAC(entry, secret));
}
