// Stripe: headers by stripe-node's generator for tests, each checked by its verifier.
import Stripe from "stripe";
import { date, now, write } from "./vector.mjs";

const from = { kind: "sdk", name: "stripe-node 23.1.0", date };
const { webhooks } = new Stripe("not-a-key");
const current = "whsec_oracle_secret_in_use";
const previous = "whsec_oracle_secret_being_rolled";

const header = (payload, secret, scheme) => webhooks.generateTestHeaderString({ payload, secret, timestamp: now, scheme });
const signature = (...args) => header(...args).split(",")[1];

function make(name, payload, signatures, secrets, good, expect) {
  const value = [`t=${now}`, ...signatures].join(",");
  webhooks.signature.verifyHeader(payload, value, good, 300, undefined, now * 1000);
  write("stripe", name, {
    from,
    now,
    secrets,
    request: {
      method: "POST",
      url: "/shop/stripe",
      headers: [
        ["Content-Type", "application/json; charset=utf-8"],
        ["User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)"],
        ["Stripe-Signature", value],
      ],
      body: payload,
    },
    expect,
  });
}

const event = (id, type, object) =>
  JSON.stringify({ id, object: "event", api_version: "2026-10-28", created: now - 2, type, livemode: false, data: { object } }, null, 2);

const paid = event("evt_oracle_1", "payment_intent.succeeded", { id: "pi_oracle_1", object: "payment_intent", amount: 1200, currency: "eur" });
const invoice = event("evt_oracle_2", "invoice.paid", { id: "in_oracle_1", object: "invoice", customer_name: "Zoë ☃" });
const time = "2026-11-23T23:59:58Z";

make("sdk-payment-intent", paid, [signature(paid, current)], [current], current, { event: "payment_intent.succeeded", id: "evt_oracle_1", time });
// While a secret is rolled two v1 signatures arrive; the second is the one that matches here.
make("sdk-rolled", invoice, [signature(invoice, previous), signature(invoice, current)], [current], current, { event: "invoice.paid", id: "evt_oracle_2", time });
// A test event: a v0 that must not count, then the v1 that does.
make("sdk-decoy", invoice, [signature(invoice, "whsec_some_other_secret", "v0"), signature(invoice, current)], [current], current, { event: "invoice.paid", id: "evt_oracle_2", time });
// The admin lists two keys; the delivery is signed with the second alone.
make("sdk-two-keys", paid, [signature(paid, previous)], [current, previous], previous, { event: "payment_intent.succeeded", id: "evt_oracle_1", time });
// A thin event gives its time as text, which is not taken.
const thin = JSON.stringify({ id: "evt_oracle_3", object: "v2.core.event", type: "v1.billing.meter.error_report_triggered", livemode: false, created: "2026-11-23T23:59:58.000Z" });
make("sdk-thin-event", thin, [signature(thin, current)], [current], current, { event: "v1.billing.meter.error_report_triggered", id: "evt_oracle_3" });
// An endpoint for events of connected accounts: the same scheme under that endpoint's own secret.
const connect = "whsec_oracle_secret_of_a_connect_endpoint";
const payout = JSON.stringify({ id: "evt_oracle_4", object: "event", account: "acct_1Oracle", created: now - 2, type: "payout.paid", livemode: false, data: { object: { id: "po_oracle_1", object: "payout", amount: 1200 } } }, null, 2);
make("sdk-connect", payout, [signature(payout, connect)], [connect], connect, { event: "payout.paid", id: "evt_oracle_4", time });
// A thin event of an event destination, about a connected account.
const destination = JSON.stringify({ id: "evt_test_oracle_5", object: "v2.core.event", type: "v2.core.account.updated", livemode: false, created: "2026-11-23T23:59:58.000Z", context: "acct_1Oracle", related_object: { id: "acct_1Oracle", type: "v2.core.account", url: "/v2/core/accounts/acct_1Oracle" } });
make("sdk-destination", destination, [signature(destination, current)], [current], current, { event: "v2.core.account.updated", id: "evt_test_oracle_5" });
