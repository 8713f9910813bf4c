import { WebhookHandler } from "@liveblocks/node";

export const example = {
  secret: "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=",
  event: "roomCreated",
  id: "wh_oracle_1",
  body: '{"type":"roomCreated","data":{"projectId":"p1","roomId":"r1","createdAt":"2026-11-23T23:59:58.000Z"}}',
};

export async function verify({ headers, body, secret }) {
  new WebhookHandler(secret).verifyRequest({ headers, rawBody: body.toString() });
  return true;
}
