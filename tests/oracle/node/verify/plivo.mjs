import plivo from "plivo";

export const example = {
  secret: "oracle plivo auth token",
  event: "Hangup",
  body: "CallUUID=c1&Event=Hangup&From=%2B4930000000",
  publicUrl: "https://hooks.example.com/shop/plivo",
};

export async function verify({ url, headers, body, secret }) {
  const nonce = headers["x-plivo-signature-v3-nonce"];
  const fields = Object.fromEntries(new URLSearchParams(body.toString()));
  const full = new URL(url, example.publicUrl).href;
  return plivo.validateV3Signature("POST", full, nonce, secret, headers["x-plivo-signature-v3"], fields);
}
