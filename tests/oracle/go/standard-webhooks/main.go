// Command standard-webhooks writes vectors of Standard Webhooks: v1 by the reference library for Go, v1a by Go's Ed25519.
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"log"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"jethook.dev/oracle/vector"
)

func main() {
	body := `{"type":"contact.updated","timestamp":"2026-11-23T23:59:58Z","data":{"id":"c1","name":"Zoë ✓"}}`
	event := "contact.updated"

	// v1, signed and checked by the library.
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("jethook oracle, a test secret..."))
	webhook, err := standardwebhooks.NewWebhook(secret)
	vector.Check(err)
	v1, err := webhook.Sign("msg_oracle_go_1", time.Unix(vector.Now, 0), []byte(body))
	vector.Check(err)
	headers := headersOf("msg_oracle_go_1", vector.Now, v1)
	vector.Check(webhook.VerifyIgnoringTimestamp([]byte(body), vector.Header(headers)))
	vector.Write("standard-webhooks", "sdk-v1-go", vector.Vector{
		vector.From{"sdk", "standard-webhooks/libraries/go 0.0.1", vector.Date}, vector.Now, nil, []any{secret},
		vector.Request{"POST", "/shop/crm", headers, body}, vector.Expect{&event, vector.Text("msg_oracle_go_1"), "2026-11-23T23:59:58Z"},
	})

	// v1a: no library signs it, so the specification's text is signed with a fixed key of our own.
	private := ed25519.NewKeyFromSeed([]byte("jethook oracle, an ed25519 seed."))
	public := "whpk_" + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	v1a := "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(private, text("msg_oracle_go_2", vector.Now, body)))
	spec := vector.From{"derived", "Standard Webhooks specification 1.0.0", vector.Date}
	vector.Write("standard-webhooks", "derived-v1a", vector.Vector{
		spec, vector.Now, nil, []any{public},
		vector.Request{"POST", "/shop/crm", headersOf("msg_oracle_go_2", vector.Now, v1a), body},
		vector.Expect{&event, vector.Text("msg_oracle_go_2"), "2026-11-23T23:59:58Z"},
	})
	// Both kinds in one header: the key's prefix picks v1a.
	both, err := webhook.Sign("msg_oracle_go_2", time.Unix(vector.Now, 0), []byte(body))
	vector.Check(err)
	vector.Write("standard-webhooks", "derived-v1a-beside-v1", vector.Vector{
		spec, vector.Now, nil, []any{public},
		vector.Request{"POST", "/shop/crm", headersOf("msg_oracle_go_2", vector.Now, both+" "+v1a), body},
		vector.Expect{&event, vector.Text("msg_oracle_go_2"), "2026-11-23T23:59:58Z"},
	})

	// The published test of the Svix server; it has no event type. Only checked here.
	const published = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	const signature = "hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
	test := `{"test": 2432232314}`
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(published, "whpk_"))
	vector.Check(err)
	raw, err := base64.StdEncoding.DecodeString(signature)
	vector.Check(err)
	if !ed25519.Verify(key, text("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, test), raw) {
		log.Fatal("the published v1a test does not verify")
	}
	vector.Write("standard-webhooks", "documentation-v1a", vector.Vector{
		vector.From{"documentation", "Svix server, published test of asymmetric signing", vector.Date}, 1614265330, nil, []any{published},
		vector.Request{"POST", "/shop/crm", headersOf("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "v1a,"+signature), test},
		vector.Expect{nil, vector.Text("msg_p5jXN8AQM9LWM0D4loKWxJek"), ""},
	})
}

func text(id string, at int64, body string) []byte {
	return fmt.Appendf(nil, "%s.%d.%s", id, at, body)
}

func headersOf(id string, at int64, signature string) [][2]string {
	return [][2]string{
		{"Content-Type", "application/json"},
		{"webhook-id", id},
		{"webhook-timestamp", fmt.Sprint(at)},
		{"webhook-signature", signature},
	}
}
