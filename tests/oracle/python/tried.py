"""Providers whose own programs were tried with the requests made here, by hand: most are not on a package registry.

`sender`: the program that sends made the same signature of the same body. `sdk`: the provider's program that receives took the
request, and refused copies of it with one letter changed.
"""

TRIED = {
    "allura": ("sender", "github.com/apache/allura, SendWebhookHelper.sign (by hand)"),
    "cal-com": ("sender", "github.com/calcom/cal.com, createWebhookSignature (by hand)"),
    "docusign": ("sdk", "github.com/docusign/code-examples-node, Connect (accepts)"),
    "dwolla": ("sdk", "github.com/Dwolla/webhook-receiver (accepts)"),
    "gogs": ("sender", "github.com/gogs/gogs, internal/database/webhook.go (by hand)"),
    "help-scout": ("sdk", "helpscout/api (Packagist), IncomingWebhook (accepts)"),
    "infisical": ("sender", "github.com/Infisical/infisical, triggerWebhookRequest (by hand)"),
    "keycloak": ("sender", "github.com/p2-inc/keycloak-events, calculateHmacSha (by hand)"),
    "lemon-squeezy": ("sdk", "github.com/lmsqueezy/nextjs-billing (accepts)"),
    "mautic": ("sender", "github.com/mautic/mautic, WebhookBundle Client (by hand)"),
    "microsoft-graph": ("sdk", "github.com/microsoftgraph/nodejs-webhooks-sample (accepts)"),
    "openproject": ("sender", "github.com/opf/openproject, request_signature (by hand)"),
    "paystack": ("sdk", "github.com/PaystackOSS/doc-code-snippets (accepts)"),
    "phabricator": ("sender", "github.com/phorgeit/phorge, digestHMACSHA256 (by hand)"),
    "plane": ("sender", "github.com/makeplane/plane, webhook_send_task (by hand)"),
    "pulumi": ("sdk", "github.com/pulumi/examples, aws-ts-pulumi-webhooks (accepts)"),
    "quickbooks": ("sdk", "github.com/IntuitDeveloper/SampleApp-Webhooks-nodejs (accepts)"),
    "readthedocs": ("sender", "github.com/readthedocs/readthedocs.org, sign_payload (by hand)"),
    "rubygems": ("sender", "github.com/rubygems/rubygems.org, NotifyWebHookJob#authorization (by hand)"),
    "sentry": ("sdk", "github.com/getsentry/integration-platform-example (accepts)"),
    "storyblok": ("sdk", "storyblok/symfony-bundle (Packagist), WebhookController (accepts)"),
    "taiga": ("sender", "github.com/taigaio/taiga-back, _generate_signature (by hand)"),
    "terraform-run-task": ("sdk", "github.com/hashicorp/terraform-run-task-scaffolding-go (accepts)"),
    "travis-ci": ("sdk", "github.com/travis-ci/webhook-signature-verifier (accepts)"),
    "unleash": ("sender", "unleash-server 8.2.0 (npm), addons/webhook (by hand)"),
    "webex": ("sdk", "webex-node-bot-framework 2.3.14 (accepts)"),
    "woocommerce": ("sender", "github.com/woocommerce/woocommerce, WC_Webhook::generate_signature (by hand)"),
    "xero": ("sdk", "github.com/XeroAPI/xero-node-oauth2-app (accepts)"),
    "zot": ("sender", "github.com/project-zot/zot, NewHTTPSink (by hand)"),
}
