import { verifyPlainWebhook } from "@team-plain/typescript-sdk";

// The payload's form is checked too, after the signature; that error is no fault of the signature. The time is checked last.
export const example = {
  secret: "oracle plain signing secret",
  event: "customer.customer_group_changed",
  body: JSON.stringify({
    timestamp: "2026-11-23T23:59:58.000Z",
    workspaceId: "w_01HVRAC0000000000000000000",
    payload: {
      eventType: "customer.customer_group_changed",
      changeType: "ADDED",
      customerGroup: {
        id: "cg_01HVRAC0000000000000000000",
        workspaceId: "w_01HVRAC0000000000000000000",
        name: "Lamps",
        key: "lamps",
        color: "#FF0000",
        createdAt: "2026-11-23T23:59:58.000Z",
        createdBy: { actorType: "system", system: "plain" },
        updatedAt: "2026-11-23T23:59:58.000Z",
        updatedBy: { actorType: "system", system: "plain" },
      },
    },
    id: "pEv_01HVRAC0000000000000000001",
    type: "customer.customer_group_changed",
    webhookMetadata: {
      webhookTargetId: "whTarget_01HVRAC0000000000000000000",
      webhookTargetVersion: "2026-02-27",
      webhookDeliveryAttemptId: "whAttempt_01HVRAC0000000000000000000",
      webhookDeliveryAttemptNumber: 1,
      webhookDeliveryAttemptTimestamp: "2026-11-23T23:59:58.000Z",
    },
  }),
};

export async function verify({ headers, body, secret, now }) {
  Date.now = () => now * 1000;
  const { error } = verifyPlainWebhook(body.toString(), headers["plain-request-signature"], secret);
  if (error) throw error;
  return true;
}
