import twilio from "twilio";

export const example = {
  secret: "0123456789abcdef0123456789abcdef",
  event: "com.twilio.messaging.message.delivered",
  body: '[{"specversion":"1.0","type":"com.twilio.messaging.message.delivered","id":"EZ1","data":{}}]',
  publicUrl: "https://hooks.example.com/shop/twilio",
};

export async function verify({ url, headers, body, secret }) {
  const full = new URL(url, example.publicUrl).href;
  return twilio.validateRequestWithBody(secret, headers["x-twilio-signature"], full, body.toString());
}
