import { Receiver } from "@upstash/qstash";

export const example = { secret: "sig_example_signing_key", id: "msg_example", body: '{"task":1}', publicUrl: "https://hooks.example.com/shop/endpoint" };

export const verify = async ({ headers, body, secret }) =>
  new Receiver({ currentSigningKey: secret, nextSigningKey: secret }).verify({ signature: headers["upstash-signature"], body: body.toString(), url: example.publicUrl });
