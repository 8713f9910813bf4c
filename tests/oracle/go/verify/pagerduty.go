package main

import (
	"bytes"
	"net/http"

	"github.com/PagerDuty/go-pagerduty/webhookv3"
)

func init() {
	example := Example{Secret: "an-oracles-pagerduty-secret", Event: "incident.triggered", ID: "01ORACLE000000000000000007"}
	register("pagerduty", "github.com/PagerDuty/go-pagerduty", example, func(request Request) error {
		delivery, err := http.NewRequest(request.Method, request.URL, bytes.NewReader(request.Body))
		if err != nil {
			return err
		}
		delivery.Header = request.Header()
		return webhookv3.VerifySignature(delivery, request.Secret)
	})
}
