package main

import standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

func init() {
	example := Example{Secret: "whsec_amV0aG9vayBvcmFjbGUsIGEgdGVzdCBzZWNyZXQuLi4=", Event: "contact.created", ID: "msg_oracle_7"}
	register("standard-webhooks", "github.com/standard-webhooks/standard-webhooks/libraries", example, func(request Request) error {
		webhook, err := standardwebhooks.NewWebhook(request.Secret)
		if err != nil {
			return err
		}
		return webhook.Verify(request.Body, request.Header())
	})
}
