// Command pagerduty writes vectors of PagerDuty: signed by the page's words, accepted by PagerDuty's library for Go.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/PagerDuty/go-pagerduty/webhookv3"

	"jethook.dev/oracle/vector"
)

const (
	secret   = "an-oracles-pagerduty-secret"
	previous = "an-older-pagerduty-secret"
)

func main() {
	triggered := `{"event":{"id":"01ORACLE000000000000000001","event_type":"incident.triggered","resource_type":"incident","occurred_at":"2026-11-23T23:59:58.000Z","agent":null,"client":null,"data":{"id":"PORACLE","type":"incident","number":2,"status":"triggered","title":"The lamp flickers — ☀"}}}`
	ping := `{"event":{"id":"01ORACLE000000000000000002","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-11-23T23:59:58.000Z","agent":null,"client":null,"data":{"message":"Hello from your friend Pagey!","type":"ping"}}}`
	write("sdk-incident-triggered", triggered, sign(secret, triggered), "incident.triggered", "01ORACLE000000000000000001")
	write("sdk-ping", ping, sign(secret, ping), "pagey.ping", "01ORACLE000000000000000002")
	write("sdk-rotated", triggered, sign(previous, triggered)+","+sign(secret, triggered), "incident.triggered", "01ORACLE000000000000000001")
}

func sign(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

func write(name, body, signature, event, id string) {
	request, err := http.NewRequest(http.MethodPost, "https://hooks.example.com/shop/pagerduty", strings.NewReader(body))
	vector.Check(err)
	request.Header.Set("X-PagerDuty-Signature", signature)
	vector.Check(webhookv3.VerifySignature(request, secret))
	headers := [][2]string{
		{"Content-Type", "application/json"},
		{"User-Agent", "PagerDuty-Webhook/V3.0"},
		{"X-PagerDuty-Signature", signature},
		{"X-Webhook-Id", "00000000-0000-4000-8000-000000000001"},
	}
	vector.Write("pagerduty", name, vector.Vector{
		vector.From{"sdk", "go-pagerduty/webhookv3 1.8.0 (accepts)", vector.Date}, vector.Now, nil, []any{secret},
		vector.Request{"POST", "/shop/pagerduty", headers, body}, vector.Expect{&event, &id, "2026-11-23T23:59:58Z"},
	})
}
