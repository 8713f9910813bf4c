"""Payments, commerce and CRM without a library that signs: requests computed here from what their pages say.

They prove that jethook does what we read, not that the provider does; hence `derived`. Three examples that providers published
with key and signature stand at the end.
"""

import base64
import hashlib
import hmac

from vector import DATE, NOW, compact, write

TIME = "2026-11-23T23:59:58Z"
JSON = ["Content-Type", "application/json"]
KEY = "oracle webhook secret"
HEX_KEY = "6a6574686f6f6b206f7261636c652c203332206279746573206f66206b65792e"
NAME = "Zoë ☃"


def digest(body, key=KEY, hash="sha256", encoding="hex"):
    raw = hmac.new(key if isinstance(key, bytes) else key.encode(), body.encode(), hash).digest()
    return base64.b64encode(raw).decode() if encoding == "base64" else raw.hex()


def plain(hash, text):
    return hashlib.new(hash, text.encode()).hexdigest()


def make(provider, name, page, headers, body, expect, secrets=(KEY,), url=None, parameters=None, method="POST", now=NOW, kind="derived", fetched=None):
    vector = {"from": {"kind": kind, "name": page, "date": DATE}, "now": now}
    if parameters:
        vector["parameters"] = parameters
    if fetched:
        vector["fetched"] = fetched
    vector["secrets"] = list(secrets)
    vector["request"] = {"method": method, "url": url or f"/shop/{provider}", "headers": headers, "body": body}
    vector["expect"] = expect if "handshake" in expect else {"event": None, "id": None, **expect}
    write(provider, f"{kind}-{name}", vector)


def handshake(**answer):
    return {"handshake": True, "answer": answer}


def basic(user):
    return ["Authorization", f"Basic {base64.b64encode(user.encode()).decode()}"]


# Provider, name, page, the body, how its headers are made from the body, what is expected, and what else differs.
TABLE = [
    (
        "xero",
        "invoice",
        "developer.xero.com, configuring your server",
        {"events": [{"resourceId": "717f2bfc-0000-4000-8000-000000000001", "eventDateUtc": "2026-11-23T23:59:58.230", "eventType": "UPDATE", "eventCategory": "INVOICE", "tenantType": "ORGANISATION"}], "lastEventSequence": 7, "firstEventSequence": 7, "entropy": "S0m3r4Nd0mt3xt"},
        lambda body: [["x-xero-signature", digest(body, encoding="base64")]],
        {"event": "INVOICE.UPDATE", "id": "7-7", "answer": {"status": 200, "body": ""}},
        {},
    ),
    (
        "xero",
        "batch",
        "developer.xero.com, configuring your server",
        {"events": [{"eventType": "UPDATE", "eventCategory": "INVOICE"}, {"eventType": "CREATE", "eventCategory": "CONTACT"}], "lastEventSequence": 9, "firstEventSequence": 8, "entropy": "S0m3r4Nd0mt3xt"},
        lambda body: [["x-xero-signature", digest(body, encoding="base64")]],
        {"id": "8-9", "answer": {"status": 200, "body": ""}},
        {},
    ),
    (
        "xero",
        "intent-to-receive",
        "developer.xero.com, configuring your server",
        {"events": [], "lastEventSequence": 0, "firstEventSequence": 0, "entropy": "S0m3r4Nd0mt3xt"},
        lambda body: [["x-xero-signature", digest(body, encoding="base64")]],
        handshake(status=200, body=""),
        {},
    ),
    (
        "quickbooks",
        "cloud-event",
        "developer.intuit.com, managing webhooks notifications",
        [{"specversion": "1.0", "id": "88cd52aa-0000-4000-8000-000000000001", "source": "intuit.oracle", "type": "qbo.invoice.created.v1", "datacontenttype": "application/json", "time": TIME, "intuitentityid": "95", "intuitaccountid": "310687", "data": {}}],
        lambda body: [["intuit-signature", digest(body, encoding="base64")]],
        {"event": "qbo.invoice.created.v1", "id": "88cd52aa-0000-4000-8000-000000000001"},
        {},
    ),
    (
        "quickbooks",
        "event-notification",
        "developer.intuit.com, managing webhooks notifications",
        {"eventNotifications": [{"realmId": "1185883450", "dataChangeEvent": {"entities": [{"name": "Customer", "id": "1", "operation": "Create", "lastUpdated": "2026-11-23T15:59:58-0800"}]}}]},
        lambda body: [["intuit-signature", digest(body, encoding="base64")]],
        {"event": "Customer.Create"},
        {},
    ),
    (
        "checkout-com",
        "payment",
        "checkout.com, set up your webhook receiver",
        {"id": "evt_oracle1", "type": "payment_approved", "version": "1.0.0", "created_on": TIME, "data": {"id": "pay_oracle", "amount": 1200, "customer": {"name": NAME}}},
        lambda body: [["Cko-Signature", digest(body)]],
        {"event": "payment_approved", "id": "evt_oracle1", "time": TIME},
        {},
    ),
    (
        "checkout-com",
        "with-authorization",
        "checkout.com, set up your webhook receiver",
        {"id": "evt_oracle1", "type": "payment_approved", "created_on": TIME, "data": {"id": "pay_oracle"}},
        lambda body: [["Cko-Signature", digest(body)], ["Authorization", "oracle-authorization"]],
        {"event": "payment_approved", "id": "evt_oracle1", "time": TIME},
        {"secrets": [KEY, {"use": "authorization", "value": "oracle-authorization"}]},
    ),
    (
        "lemon-squeezy",
        "order",
        "docs.lemonsqueezy.com, signing requests",
        {"meta": {"event_name": "order_created", "custom_data": {"name": NAME}}, "data": {"type": "orders", "id": "1", "attributes": {"total": 1200, "status": "paid"}}},
        lambda body: [["X-Event-Name", "order_created"], ["X-Signature", digest(body)]],
        {"event": "order_created"},
        {},
    ),
    (
        "revolut",
        "rotated",
        "developer.revolut.com, verify the payload signature",
        {"event": "ORDER_COMPLETED", "order_id": "9fc01989-0000-4000-8000-000000000001", "merchant_order_ext_ref": NAME},
        lambda body: [
            ["Revolut-Request-Timestamp", f"{NOW}360"],
            ["Revolut-Signature", f"v1={digest(f'v1.{NOW}360.{body}', 'another secret')},v1={digest(f'v1.{NOW}360.{body}')}"],
        ],
        {"event": "ORDER_COMPLETED"},
        {},
    ),
    (
        "recurly",
        "payment",
        "docs.recurly.com, signature verification",
        {"id": "oracle1", "object_type": "payment", "site_id": "oracle", "event_type": "succeeded", "event_time": TIME, "account_code": NAME},
        lambda body: [["recurly-signature", f"{NOW}000,{digest(f'{NOW}000.{body}')}"]],
        {"event": "payment.succeeded"},
        {},
    ),
    (
        "recurly",
        "regenerated",
        "docs.recurly.com, signature verification",
        {"id": "oracle1", "object_type": "account", "event_type": "created"},
        lambda body: [["recurly-signature", f"{NOW}000,{digest(f'{NOW}000.{body}', 'another secret')},{digest(f'{NOW}000.{body}')}"]],
        {"event": "account.created"},
        {},
    ),
    (
        "dwolla",
        "customer",
        "developers.dwolla.com, processing and validating webhooks",
        {"id": "80d8ff7d-0000-4000-8000-000000000001", "resourceId": "36e9dcb2-0000-4000-8000-000000000001", "topic": "customer_created", "timestamp": TIME, "_links": {}},
        lambda body: [["X-Dwolla-Topic", "customer_created"], ["X-Request-Signature-SHA-256", digest(body)]],
        {"event": "customer_created", "id": "80d8ff7d-0000-4000-8000-000000000001", "time": TIME},
        {},
    ),
    (
        "aftership",
        "tracking",
        "aftership.com, webhook signature",
        {"event": "tracking_update", "is_tracking_first_tag": True, "msg": {"tag": "Delivered", "signed_by": NAME}, "ts": NOW - 2},
        lambda body: [["aftership-hmac-sha256", digest(body, encoding="base64")]],
        {"event": "tracking_update"},
        {},
    ),
    (
        "squarespace",
        "order",
        "developers.squarespace.com, verifying notifications",
        {"id": "5c2ba184b63ed3cb411ce2b1", "websiteId": "5f3c3d55ac435e1a051f77b3", "subscriptionId": "5f3c2155d947844beedda991", "topic": "order.create", "createdOn": TIME, "data": {"orderId": "oracle", "name": NAME}},
        lambda body: [["User-Agent", "Squarespace/1.0"], ["Squarespace-Signature", digest(body, bytes.fromhex(HEX_KEY))]],
        {"event": "order.create", "id": "5c2ba184b63ed3cb411ce2b1"},
        {"secrets": [HEX_KEY.upper()]},
    ),
    (
        "ecwid",
        "order",
        "docs.ecwid.com, set up webhooks",
        {"eventId": "80aece08-0000-4000-8000-000000000001", "eventCreated": NOW - 2, "storeId": 1003, "entityId": 103878161, "eventType": "order.updated", "data": {"oldPaymentStatus": "AWAITING_PAYMENT", "newPaymentStatus": "PAID"}},
        lambda body: [["X-Ecwid-Webhook-Signature", digest(f"{NOW - 2}.80aece08-0000-4000-8000-000000000001", encoding="base64")]],
        {"event": "order.updated", "id": f"80aece08-0000-4000-8000-000000000001.{NOW - 2}", "time": TIME},
        {},
    ),
    (
        "fourthwall",
        "shop",
        "docs.fourthwall.com, signature verification",
        {"type": "ORDER_PLACED", "testMode": False, "data": {"username": NAME}},
        lambda body: [["X-Fourthwall-Hmac-SHA256", digest(body, encoding="base64")]],
        {"event": "ORDER_PLACED"},
        {},
    ),
    (
        "fourthwall",
        "platform-app",
        "docs.fourthwall.com, signature verification",
        {"type": "ORDER_PLACED", "testMode": False, "data": {"username": NAME}},
        lambda body: [["X-Fourthwall-Hmac-Apps-SHA256", digest(body, encoding="base64")]],
        {"event": "ORDER_PLACED"},
        {},
    ),
    (
        "worldpay",
        "event",
        "docs.worldpay.com, HMAC signature",
        {"eventId": "d3ba1d4b-0000-4000-8000-000000000001", "eventTimestamp": TIME, "eventDetails": {"classification": "payment", "transactionReference": NAME, "type": "authorized"}},
        lambda body: [["Event-Signature", f"1/SHA256/{digest(body)}"]],
        {"event": "authorized", "id": "d3ba1d4b-0000-4000-8000-000000000001"},
        {},
    ),
    (
        "worldpay",
        "renewed",
        "docs.worldpay.com, HMAC signature",
        {"eventId": "d3ba1d4b-0000-4000-8000-000000000001", "eventDetails": {"type": "authorized"}},
        lambda body: [["Event-Signature", f"1/SHA256/{digest(body, 'another secret')},2/SHA256/{digest(body)}"]],
        {"event": "authorized", "id": "d3ba1d4b-0000-4000-8000-000000000001"},
        {"parameters": {"keyId": "2"}},
    ),
    (
        "pipedrive",
        "deal",
        "pipedrive.readme.io, guide for webhooks v2",
        {"meta": {"action": "change", "entity": "deal", "company_id": "1", "version": "2.0", "attempt": 1}, "data": {"id": 1, "title": NAME}, "previous": {}},
        lambda body: [basic("oracle:a long password")],
        {"event": "change.deal"},
        {"secrets": ["oracle:a long password"]},
    ),
    (
        "pipedrive",
        "version-1",
        "pipedrive.readme.io, guide for webhooks",
        {"v": 1, "meta": {"action": "updated", "object": "deal", "id": 1, "company_id": 1}, "current": {"title": NAME}, "previous": {}, "retry": 0},
        lambda body: [basic("oracle:a long password")],
        {"event": "updated.deal"},
        {"secrets": ["oracle:a long password"]},
    ),
    (
        "coinflow",
        "settled",
        "docs.coinflow.cash, verifying webhook signatures",
        {"eventType": "Settled", "category": "Purchase", "created": TIME, "data": {"id": "oracle", "total": {"cents": 1200}, "name": NAME}},
        lambda body: [["Coinflow-Signature", f"t={NOW},v1={digest(f'{NOW}.{body}')}"]],
        {"event": "Settled"},
        {},
    ),
    (
        "billit",
        "order",
        "docs.billit.be, verify signature",
        {"OrderID": 12345, "EntityType": "Order", "OrderNumber": NAME},
        lambda body: [["Billit-Signature", f"t={NOW},s={digest(f'{NOW}.{body}')}"]],
        {"event": "Order"},
        {},
    ),
    (
        "shippo",
        "signed",
        "receivers of Shippo's webhooks",
        {"event": "track_updated", "test": False, "data": {"tracking_number": "SHIPPO_DELIVERED", "tracking_status": {"status": "DELIVERED", "status_details": NAME}}},
        lambda body: [["Shippo-Auth-Signature", f"t={NOW},v1={digest(f'{NOW}.{body}')}"]],
        {"event": "track_updated"},
        {},
    ),
    (
        "shippo",
        "query-token",
        "docs.goshippo.com, webhook security",
        {"event": "transaction_created", "test": False, "data": {"object_id": "oracle"}},
        lambda body: [],
        {"event": "transaction_created"},
        {"secrets": [{"use": "url", "value": "oracle-token-in-the-url"}], "url": "/shop/shippo?token=oracle-token-in-the-url"},
    ),
    (
        "onfleet",
        "completed",
        "docs.onfleet.com, webhook authentication",
        {"taskId": "oracle", "workerId": "oracle", "actionContext": {"type": "WORKER"}, "triggerId": 3, "triggerName": "taskCompleted", "time": (NOW - 2) * 1000, "data": {"task": {"notes": NAME}}},
        lambda body: [["X-Onfleet-Signature", digest(body, bytes.fromhex(HEX_KEY), "sha512")]],
        {"event": "3", "time": TIME},
        {"secrets": [HEX_KEY]},
    ),
    (
        "payu",
        "order",
        "openpayu_php, Util.php",
        {"order": {"orderId": "LDLW5N7MF4140324GUEST000P01", "extOrderId": "1", "orderCreateDate": "2026-11-24T00:59:58+01:00", "merchantPosId": "145227", "description": NAME, "totalAmount": "1200", "status": "COMPLETED"}},
        lambda body: [["OpenPayu-Signature", f"sender=checkout;signature={plain('md5', body + KEY)};algorithm=MD5;content=DOCUMENT"]],
        {"event": "order.COMPLETED", "id": "LDLW5N7MF4140324GUEST000P01.COMPLETED"},
        {},
    ),
    (
        "payu",
        "refund",
        "openpayu_php, Util.php",
        {"orderId": "LDLW5N7MF4140324GUEST000P01", "refund": {"refundId": "912128", "amount": "1200", "status": "FINALIZED", "reason": "refund"}},
        lambda body: [["OpenPayu-Signature", f"sender=checkout;signature={plain('md5', body + KEY)};algorithm=MD5;content=DOCUMENT"]],
        {"event": "refund.FINALIZED"},
        {},
    ),
    (
        "pagbank",
        "paid",
        "developer.pagbank.com.br, notifications",
        {"id": "ORDE_ORACLE", "reference_id": NAME, "charges": [{"id": "CHAR_ORACLE", "status": "PAID", "amount": {"value": 1200, "currency": "BRL"}}]},
        lambda body: [["x-authenticity-token", plain("sha256", f"{KEY}-{body}")]],
        {"event": "PAID"},
        {},
    ),
    (
        "pagbank",
        "charge",
        "developer.pagbank.com.br, notifications",
        {"id": "CHAR_ORACLE", "status": "WAITING", "created_at": "2026-11-23T20:59:58.000-03:00", "description": NAME, "amount": {"value": 1200, "currency": "BRL"}},
        lambda body: [["x-authenticity-token", plain("sha256", f"{KEY}-{body}")]],
        {"event": "WAITING"},
        {},
    ),
    (
        "xendit",
        "payment",
        "xendit/demo-store, payments.yaml",
        {"event": "payment.succeeded", "business_id": "oracle", "created": TIME, "data": {"id": "py-oracle", "status": "SUCCEEDED", "description": NAME}},
        lambda body: [["x-callback-token", "oracle-verification-token"], ["webhook-id", "oracle-webhook-1"]],
        {"event": "payment.succeeded", "id": "oracle-webhook-1"},
        {"secrets": ["oracle-verification-token"]},
    ),
    (
        "xendit",
        "invoice",
        "xendit/demo-store, payments.yaml",
        {"id": "579c8d61f23fa4ca35e52da4", "external_id": "invoice_1", "status": "PAID", "amount": 50000},
        lambda body: [["x-callback-token", "oracle-verification-token"], ["webhook-id", "oracle-webhook-2"]],
        {"event": "PAID", "id": "oracle-webhook-2"},
        {"secrets": ["oracle-verification-token"]},
    ),
    (
        "paystack",
        "charge",
        "PaystackOSS/doc-code-snippets",
        {"event": "charge.success", "data": {"id": 302961, "domain": "live", "status": "success", "reference": "oracle", "amount": 1200, "customer": {"first_name": NAME}}},
        lambda body: [["x-paystack-signature", digest(body, "sk_test_oracle", "sha512")]],
        {"event": "charge.success"},
        {"secrets": ["sk_test_oracle"]},
    ),
    (
        "fastspring",
        "order",
        "developer.fastspring.com, message security",
        {"events": [{"id": "oracle-1", "processed": False, "created": (NOW - 2) * 1000, "type": "order.completed", "live": True, "data": {"order": "1", "customer": {"first": NAME}}}]},
        lambda body: [["X-FS-Signature", digest(body, encoding="base64")]],
        {"event": "order.completed", "id": "oracle-1"},
        {},
    ),
    (
        "fastspring",
        "mixed-batch",
        "developer.fastspring.com, message security",
        {"events": [{"id": "oracle-1", "type": "order.completed"}, {"id": "oracle-2", "type": "subscription.activated"}]},
        lambda body: [["X-FS-Signature", digest(body, encoding="base64")]],
        {},
        {},
    ),
    (
        "marqeta",
        "transactions",
        "marqeta.com, about webhooks",
        {"transactions": [{"type": "authorization", "state": "PENDING", "token": "oracle-1", "acting_user_token": "oracle", "amount": 12.0, "merchant": {"name": NAME}}]},
        lambda body: [basic("oracle:A long passw0rd!")],
        {"event": "transactions"},
        {"secrets": ["oracle:A long passw0rd!"]},
    ),
    (
        "marqeta",
        "ping",
        "marqeta.com, about webhooks",
        {"pings": [{"token": "marqeta", "payload": "healthcheck"}]},
        lambda body: [basic("oracle:A long passw0rd!")],
        {"event": "pings"},
        {"secrets": ["oracle:A long passw0rd!"]},
    ),
    (
        "revenuecat",
        "renewal",
        "revenuecat.com, webhooks",
        {"api_version": "1.0", "event": {"id": "12345678-0000-4000-8000-000000000001", "type": "RENEWAL", "app_user_id": NAME, "event_timestamp_ms": (NOW - 2) * 1000}},
        lambda body: [["Authorization", "Bearer oracle-authorization"]],
        {"event": "RENEWAL", "id": "12345678-0000-4000-8000-000000000001"},
        {"secrets": ["Bearer oracle-authorization"]},
    ),
    (
        "tiktok-shop",
        "order",
        "receivers of TikTok Shop's webhooks",
        {"type": 1, "tts_notification_id": "7327112393057371910", "shop_id": "7494049642642441621", "timestamp": NOW - 2, "data": {"order_id": "576460000000000001", "order_status": "AWAITING_SHIPMENT"}},
        lambda body: [["Authorization", digest("oracleappkey" + body)]],
        {"event": "1", "id": "7327112393057371910", "time": TIME, "answer": {"status": 200, "body": ""}},
        {"parameters": {"appKey": "oracleappkey"}},
    ),
    (
        "flutterwave",
        "charge",
        "Flutterwave-WooCommerce, class-flutterwave-gateway.php",
        {"event": "charge.completed", "data": {"id": 285959875, "tx_ref": "oracle", "amount": 1200, "currency": "NGN", "status": "successful", "customer": {"name": NAME}}},
        lambda body: [["verif-hash", "oracle-secret-hash"]],
        {"event": "charge.completed"},
        {"secrets": ["oracle-secret-hash"]},
    ),
    (
        "flutterwave-v4",
        "charge",
        "receivers of Flutterwave's webhooks",
        {"webhook_id": "wbk_oracle", "timestamp": (NOW - 2) * 1000, "type": "charge.completed", "data": {"id": "chg_oracle", "amount": 1200, "status": "succeeded", "customer": {"name": {"first": NAME}}}},
        lambda body: [["flutterwave-signature", digest(body, encoding="base64")]],
        {"event": "charge.completed"},
        {},
    ),
    (
        "klarna",
        "captured",
        "receivers of Klarna's webhooks",
        {"metadata": {"event_type": "payment.request.state-change.completed", "event_id": "d9f9b1a0-0000-4000-8000-000000000001", "event_version": "v2", "occurred_at": TIME, "webhook_id": "krn:oracle"}, "payload": {"payment_request_id": "krn:oracle", "state": "COMPLETED", "name": NAME}},
        lambda body: [["Klarna-Signature", digest(body)], ["Klarna-Signing-Key-Id", "krn:oracle"]],
        {"event": "payment.request.state-change.completed", "id": "d9f9b1a0-0000-4000-8000-000000000001", "time": TIME},
        {},
    ),
    (
        "ripple-collections",
        "payment",
        "receivers of Ripple's webhooks",
        {"data": {"id": "oracle", "amount": "12.00", "currency": "USD", "name": NAME}},
        lambda body: [
            ["X-Webhook-Event-Type", "payment.completed"],
            ["X-Webhook-Timestamp", f"{NOW}123"],
            ["X-Webhook-Signature", f"t={NOW}123,v1={digest(f'{NOW}123.' + plain('sha256', body), bytes.fromhex(HEX_KEY))}"],
        ],
        {"event": "payment.completed"},
        {"secrets": [base64.b64encode(bytes.fromhex(HEX_KEY)).decode()]},
    ),
]

for provider, name, page, value, headers, expect, more in TABLE:
    body = compact(value)
    make(provider, name, page, [JSON, *headers(body)], body, expect, **more)

# WooCommerce: its delivery ids are shared by deliveries of the same second, so the body's digest is part of the id.
order = compact({"id": 727, "status": "processing", "currency": "USD", "total": "29.35", "billing": {"first_name": NAME}})
make(
    "woocommerce",
    "order",
    "woocommerce, class-wc-webhook.php",
    [
        JSON,
        ["X-WC-Webhook-Source", "https://shop.example.com/"],
        ["X-WC-Webhook-Topic", "order.created"],
        ["X-WC-Webhook-Resource", "order"],
        ["X-WC-Webhook-Event", "created"],
        ["X-WC-Webhook-Signature", digest(order, encoding="base64")],
        ["X-WC-Webhook-ID", "142"],
        ["X-WC-Webhook-Delivery-ID", "b3f9fd1f5f0bbb35e9c8d1c8a0f8bd1d"],
    ],
    order,
    {"event": "order.created", "id": f"b3f9fd1f5f0bbb35e9c8d1c8a0f8bd1d.{plain('sha256', order)}"},
)
FORM = ["Content-Type", "application/x-www-form-urlencoded"]
make("woocommerce", "ping", "woocommerce, class-wc-webhook.php", [FORM], "webhook_id=142", handshake(status=200, body=""))

# Senders that do not sign: a token in the URL.
TOKEN = "oracle-token-in-the-url"
sale = "sale_id=oracle-1&sale_timestamp=2026-11-23T23%3A59%3A58Z&seller_id=oracle&product_id=p1&full_name=Zo%C3%AB&price=1200"
for name, url, body, expect in [
    ("ping", f"/shop/gumroad/{TOKEN}", sale, {"id": "oracle-1"}),
    ("refund", f"/shop/gumroad?token={TOKEN}", f"{sale}&resource_name=refund", {"event": "refund", "id": "oracle-1.refund"}),
]:
    make("gumroad", name, "gumroad.com, ping and resource subscriptions", [FORM], body, expect, secrets=[TOKEN], url=url)
for name, url in [("path-token", f"/shop/mollie-classic/{TOKEN}"), ("query-token", f"/shop/mollie-classic?token={TOKEN}")]:
    make("mollie-classic", name, "docs.mollie.com, webhooks", [FORM], "id=tr_d0b0E3EA3v", {}, secrets=[TOKEN], url=url)
invoice = compact({"event": {"code": 1005, "name": "invoice_confirmed"}, "data": {"id": "oracle", "status": "confirmed", "price": 12, "buyerFields": {"buyerName": NAME}}})
make(
    "bitpay",
    "invoice",
    "developer.bitpay.com, notifications",
    [JSON],
    invoice,
    {"event": "invoice_confirmed", "answer": {"status": 200, "body": ""}},
    secrets=[TOKEN],
    url=f"/shop/bitpay/{TOKEN}",
)

# Checks of a new URL.
page = "docs.onfleet.com, webhook authentication"
make("onfleet", "check", page, [], "", handshake(status=200, contentType="text/plain", body="oracle-check"), secrets=[HEX_KEY], method="GET", url="/shop/onfleet?check=oracle-check")
page = "docs.connect.worldline-solutions.com, webhooks"
make("worldline-connect", "verification", page, [["X-GCS-Webhooks-Endpoint-Verification", "oracle-verification"]], "", handshake(status=200, contentType="text/plain", body="oracle-verification"), method="GET")

# Revolut's example: secret, time, payload and signature are the page's.
make(
    "revolut",
    "business-transaction",
    "developer.revolut.com, verify the payload signature",
    [
        JSON,
        ["Revolut-Request-Timestamp", "1683650202360"],
        ["Revolut-Signature", "v1=bca326fb378d0da7f7c490ad584a8106bab9723d8d9cdd0d50b4c5b3be3837c0"],
    ],
    '{"data":{"id":"645a7696-22f3-aa47-9c74-cbae0449cc46","new_state":"completed","old_state":"pending",'
    '"request_id":"app_charges-9f5d5eb3-1e06-46c5-b1c0-3914763e0bcb"},"event":"TransactionStateChanged",'
    '"timestamp":"2023-05-09T16:36:38.028960Z"}',
    {"event": "TransactionStateChanged", "time": "2023-05-09T16:36:38.02896Z"},
    secrets=["wsk_r59a4HfWVAKycbCaNO1RvgCJec02gRd8"],
    now=1683650202,
    kind="documentation",
)

# Wise's example: the sandbox's public key, body and signature are those of its repository of examples.
WISE_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwpb91cEYuyJNQepZAVfP
ZIlPZfNUefH+n6w9SW3fykqKu938cR7WadQv87oF2VuT+fDt7kqeRziTmPSUhqPU
ys/V2Q1rlfJuXbE+Gga37t7zwd0egQ+KyOEHQOpcTwKmtZ81ieGHynAQzsn1We3j
wt760MsCPJ7GMT141ByQM+yW1Bx+4SG3IGjXWyqOWrcXsxAvIXkpUD/jK/L958Cg
nZEgz0BSEh0QxYLITnW1lLokSx/dTianWPFEhMC9BgijempgNXHNfcVirg1lPSyg
z7KqoKUN0oHqWLr2U1A+7kqrl6O2nx3CKs1bj1hToT1+p4kcMoHXA7kA+VBLUpEs
VwIDAQAB
-----END PUBLIC KEY-----
"""
WISE_PAGE = "github.com/transferwise/digital-signatures-examples, verify-webhook-signature"
make(
    "wise",
    "transfer",
    WISE_PAGE,
    [
        JSON,
        [
            "X-Signature-SHA256",
            "wKcKCYXAzxNgiu7xmoDm943NUni7Rz33QN8JkEA9dWSGebgndonabgSj18Y4C08OrwVmueGsED2s00M7DtJVcYKOS1i3G4TMVx+mgM3aL9djMBkQ"
            "tiYNBFUd6wrPI7ZUNHv/TrlKSjTMc+6JFvUvJ7owY3z85e3I4jLRLJowMFvO8kvCJ60+1pY9wDwZvtZ//WS93LrwGjk9Dvwzpmu0w+P4J75tETT5"
            "qC3Uv0y5G2yO8SEoO3yNP/tg/BOli02niHb53vEOUWUb9bly6thnfMoXoiV/osoGxgF20R58RlvkAmezyyl1Sv542TfS2DpiwVnmjjjkCyXeSUcK"
            "ookYLQ==",
        ],
    ],
    '{"data":{"resource":{"id":49983981,"profile_id":16055450,"account_id":14124090,"type":"transfer"},'
    '"current_state":"incoming_payment_waiting","previous_state":null,"occurred_at":"2021-08-23T10:12:50Z"},'
    '"subscription_id":"90aa8e14-4ef1-4a56-861c-f3c9cde097ea","event_type":"transfers#state-change",'
    '"schema_version":"2.0.0","sent_at":"2021-08-23T10:12:50Z"}',
    {"event": "transfers#state-change", "time": "2021-08-23T10:12:50Z"},
    secrets=[WISE_KEY],
    parameters={"profileId": "16055450"},
    kind="documentation",
)
make(
    "wise",
    "test-notification",
    "docs.wise.com, event handling",
    [JSON, ["X-Test-Notification", "true"]],
    "{}",
    handshake(status=200, body=""),
    secrets=[WISE_KEY],
    parameters={"profileId": "16055450"},
)

# PayPal's example: a delivery of the sandbox in May 2015 with its certificate, from the tests of PayPal's library. The header that
# names the algorithm is not in it.
PAYPAL_CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIHqDCCBpCgAwIBAgIQCSVMkxB1Kw9SPZtpAr3lTDANBgkqhkiG9w0BAQsFADB1
MQswCQYDVQQGEwJVUzEVMBMGA1UEChMMRGlnaUNlcnQgSW5jMRkwFwYDVQQLExB3
d3cuZGlnaWNlcnQuY29tMTQwMgYDVQQDEytEaWdpQ2VydCBTSEEyIEV4dGVuZGVk
IFZhbGlkYXRpb24gU2VydmVyIENBMB4XDTE1MDMxODAwMDAwMFoXDTE3MDMyMjEy
MDAwMFowggElMR0wGwYDVQQPDBRQcml2YXRlIE9yZ2FuaXphdGlvbjETMBEGCysG
AQQBgjc8AgEDEwJVUzEZMBcGCysGAQQBgjc8AgECEwhEZWxhd2FyZTEQMA4GA1UE
BRMHMzAxNDI2NzEWMBQGA1UECRMNMjIxMSBOIDFzdCBTdDEOMAwGA1UEERMFOTUx
MzExCzAJBgNVBAYTAlVTMRMwEQYDVQQIEwpDYWxpZm9ybmlhMREwDwYDVQQHEwhT
YW4gSm9zZTEVMBMGA1UEChMMUGF5UGFsLCBJbmMuMRgwFgYDVQQLEw9QYXJ0bmVy
IFN1cHBvcnQxNDAyBgNVBAMTK21lc3NhZ2V2ZXJpZmljYXRpb25jZXJ0cy5zYW5k
Ym94LnBheXBhbC5jb20wggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDI
XgwJj1E+vPOLNA7e3nFsRpQq7G1CFcoCNeRgFIGRfd4itt2jBRPfHXf1eeXODQ6V
wTMP6rVYrI3HBQu5SZRZKO3gALPiBWTcz5FhVovYDz/d/DtasA5L7l1xmRM+GGPE
e/D3ETPeyym6GTAuIzR1ju1BuSQlVnIrcILDHrFZo0RyqFH1eNL3oYfgz+ZCv+WH
65rhS60VowiLAb2lsARckJ2P8wKIps3YUxAqVG5SJ9H49ueBDI01wEzE/+59J8s9
GThmbMTqP6x4MneAcGN1TPimGd9wZlbwwrCYDtCoqFDcxMVgvD83uPrIinFwTIOX
w63QSv8/+ANuawBcNJDrAgMBAAGjggOAMIIDfDAfBgNVHSMEGDAWgBQ901Cl1qCt
7vNKYApl0yHU+PjWDzAdBgNVHQ4EFgQUt5yLggZOjjfzULzZCgX2KZO3R/gwNgYD
VR0RBC8wLYIrbWVzc2FnZXZlcmlmaWNhdGlvbmNlcnRzLnNhbmRib3gucGF5cGFs
LmNvbTAOBgNVHQ8BAf8EBAMCBaAwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUF
BwMCMHUGA1UdHwRuMGwwNKAyoDCGLmh0dHA6Ly9jcmwzLmRpZ2ljZXJ0LmNvbS9z
aGEyLWV2LXNlcnZlci1nMS5jcmwwNKAyoDCGLmh0dHA6Ly9jcmw0LmRpZ2ljZXJ0
LmNvbS9zaGEyLWV2LXNlcnZlci1nMS5jcmwwQgYDVR0gBDswOTA3BglghkgBhv1s
AgEwKjAoBggrBgEFBQcCARYcaHR0cHM6Ly93d3cuZGlnaWNlcnQuY29tL0NQUzCB
iAYIKwYBBQUHAQEEfDB6MCQGCCsGAQUFBzABhhhodHRwOi8vb2NzcC5kaWdpY2Vy
dC5jb20wUgYIKwYBBQUHMAKGRmh0dHA6Ly9jYWNlcnRzLmRpZ2ljZXJ0LmNvbS9E
aWdpQ2VydFNIQTJFeHRlbmRlZFZhbGlkYXRpb25TZXJ2ZXJDQS5jcnQwDAYDVR0T
AQH/BAIwADCCAX0GCisGAQQB1nkCBAIEggFtBIIBaQFnAHUApLkJkLQYWBSHuxOi
zGdwCjw1mAT5G9+443fNDsgN3BAAAAFMLovtNgAABAMARjBEAiBTR7r3p76qUJzF
23lsbD/cLsA0KlxoJRSIvIK0OIYWiQIgVQWja8tWBlpcoFP30Iym7IuczitSazpH
fhKAVroTgXgAdgBo9pj4H2SCvjqM7rkoHUz8cVFdZ5PURNEKZ6y7T0/7xAAAAUwu
i+z4AAAEAwBHMEUCIEP3VYyLQB7lOgFo4WstyOurmRe3xa0OVaeFL/bDohHOAiEA
+xQrRVAfaeT4qBdBJzLyVLU4V9bh/qBMXJdjvYujhAcAdgBWFAaaL9fC7NP14b1E
sj7HRna5vJkRXMDvlJhV1onQ3QAAAUwui+6EAAAEAwBHMEUCIQC/YUc5X6xyb3ho
o4VMSJqSoNg9KKkvLh9nUQCdwHi3/QIgNwcBc9ZZCR/aWXQ7hKH6d39kpkDX2Z43
XPy/Kl5sKI4wDQYJKoZIhvcNAQELBQADggEBAHixEZNpb0M1MsvsfNI6lLKxrs9s
JkcBcmxrFyhTC8KP+Qp+Z1fnMRQwpTLIMr1+uAMqCPAnIShGHeFNJpUFSMyW4o0l
+pZGz/L/YJBs7XP3ChSGC17ZKeGSQFfMqMQXfY/L6+n/1HkAwqmewqUMEuUmWN3F
kXJqVngIYGZtxXRyiv2azLOhrNP8BgNZK6d2gVxntQfGr4hnd8Juq8SJy/S4xpPY
YPD8vW7/wSOdAe1/kU38QwDVBQ5PJePS2WFwz8YA/eKcyg9lfsianfw35SjehJbn
wGwzUbjtibyJnv3eAeYDGxaI6vbuoE99pSmYGIwSBLJwZamJHjci6HL6wLg=
-----END CERTIFICATE-----
"""
PAYPAL_URL = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
make(
    "paypal",
    "sale",
    "PayPal-node-SDK, test/notification.js and its mock of the certificate",
    [
        JSON,
        ["PAYPAL-AUTH-ALGO", "SHA256withRSA"],
        ["PAYPAL-CERT-URL", PAYPAL_URL],
        ["PAYPAL-TRANSMISSION-ID", "dfb3be50-fd74-11e4-8bf3-77339302725b"],
        [
            "PAYPAL-TRANSMISSION-SIG",
            "thy4/U002quzxFavHPwbfJGcc46E8rc5jzgyeafWm5mICTBdY/8rl7WJpn8JA0GKA+oDTPsSruqusw+XXg5RLAP7ip53Euh9Xu3UbUhQFX7UgwzE"
            "2FeYoY6lyRMiiiQLzy9BvHfIzNIVhPad4KnC339dr6y2l+mN8ALgI4GCdIh3/SoJO5wE64Bh/ueWtt8EVuvsvXfda2Le5a2TrOI9vLEzsm9GS79h"
            "AR/5oLexNz8UiZr045Mr5ObroH4w4oNfmkTaDk9Rj0G19uvISs5QzgmBpauKr7Nw++JI0pr/v5mFctQkoWJSGfBGzPRXawrvIIVHQ9Wer48GR2g9"
            "ZiApWg==",
        ],
        ["PAYPAL-TRANSMISSION-TIME", "2015-05-18T15:45:13Z"],
    ],
    '{"id":"WH-0G2756385H040842W-5Y612302CV158622M","create_time":"2015-05-18T15:45:13Z","resource_type":"sale","even'
    't_type":"PAYMENT.SALE.COMPLETED","summary":"Payment completed for $ 20.0 USD","resource":{"id":"4EU7004268015634'
    'R","create_time":"2015-05-18T15:44:02Z","update_time":"2015-05-18T15:44:21Z","amount":{"total":"20.00","currency'
    '":"USD"},"payment_mode":"INSTANT_TRANSFER","state":"completed","protection_eligibility":"ELIGIBLE","protection_e'
    'ligibility_type":"ITEM_NOT_RECEIVED_ELIGIBLE,UNAUTHORIZED_PAYMENT_ELIGIBLE","parent_payment":"PAY-86C81811X52285'
    '90KKVNARQQ","transaction_fee":{"value":"0.88","currency":"USD"},"links":[{"href":"https://api.sandbox.paypal.com'
    '/v1/payments/sale/4EU7004268015634R","rel":"self","method":"GET"},{"href":"https://api.sandbox.paypal.com/v1/pay'
    'ments/sale/4EU7004268015634R/refund","rel":"refund","method":"POST"},{"href":"https://api.sandbox.paypal.com/v1/'
    'payments/payment/PAY-86C81811X5228590KKVNARQQ","rel":"parent_payment","method":"GET"}]},"links":[{"href":"https:'
    '//api.sandbox.paypal.com/v1/notifications/webhooks-events/WH-0G2756385H040842W-5Y612302CV158622M","rel":"self","'
    'method":"GET"},{"href":"https://api.sandbox.paypal.com/v1/notifications/webhooks-events/WH-0G2756385H040842W-5Y6'
    '12302CV158622M/resend","rel":"resend","method":"POST"}]}',
    {"event": "PAYMENT.SALE.COMPLETED", "id": "dfb3be50-fd74-11e4-8bf3-77339302725b"},
    secrets=[],
    parameters={"webhookId": "4JH86294D6297924G"},
    now=1431963913,
    kind="documentation",
    fetched={PAYPAL_URL: PAYPAL_CERTIFICATE},
)
