// Command pagerduty writes vectors of PagerDuty: signed by the page's words, accepted by PagerDuty's library for Go.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/PagerDuty/go-pagerduty/webhookv3"
)

// 2026-11-24T00:00:00Z, the clock of all vectors made here.
const (
	now      = 1795478400
	date     = "2026-11-24"
	secret   = "an-oracles-pagerduty-secret"
	previous = "an-older-pagerduty-secret"
)

func main() {
	log.SetFlags(0)
	triggered := `{"event":{"id":"01ORACLE000000000000000001","event_type":"incident.triggered","resource_type":"incident","occurred_at":"2026-11-23T23:59:58.000Z","agent":null,"client":null,"data":{"id":"PORACLE","type":"incident","number":2,"status":"triggered","title":"The lamp flickers — ☀"}}}`
	ping := `{"event":{"id":"01ORACLE000000000000000002","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-11-23T23:59:58.000Z","agent":null,"client":null,"data":{"message":"Hello from your friend Pagey!","type":"ping"}}}`
	vector("sdk-incident-triggered", triggered, sign(secret, triggered), "incident.triggered", "01ORACLE000000000000000001")
	vector("sdk-ping", ping, sign(secret, ping), "pagey.ping", "01ORACLE000000000000000002")
	vector("sdk-rotated", triggered, sign(previous, triggered)+","+sign(secret, triggered), "incident.triggered", "01ORACLE000000000000000001")
}

func sign(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

func vector(name, body, signature, event, id string) {
	request, err := http.NewRequest(http.MethodPost, "https://hooks.example.com/shop/pagerduty", strings.NewReader(body))
	check(err)
	request.Header.Set("X-PagerDuty-Signature", signature)
	check(webhookv3.VerifySignature(request, secret))
	headers := [][2]string{
		{"Content-Type", "application/json"},
		{"User-Agent", "PagerDuty-Webhook/V3.0"},
		{"X-PagerDuty-Signature", signature},
		{"X-Webhook-Id", "00000000-0000-4000-8000-000000000001"},
	}
	write("pagerduty", name, map[string]any{
		"from":    map[string]any{"kind": "sdk", "name": "go-pagerduty/webhookv3 1.8.0 (accepts)", "date": date},
		"now":     now,
		"secrets": []string{secret},
		"request": map[string]any{"method": "POST", "url": "/shop/pagerduty", "headers": headers, "body": body},
		"expect":  map[string]any{"event": event, "id": id, "time": "2026-11-23T23:59:58Z"},
	})
}

func write(provider, name string, vector map[string]any) {
	folder := filepath.Join("..", "..", "vectors", provider)
	check(os.MkdirAll(folder, 0o755))
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	check(encoder.Encode(vector))
	check(os.WriteFile(filepath.Join(folder, name+".json"), out.Bytes(), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
