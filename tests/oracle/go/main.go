// Command oracle writes vectors of Standard Webhooks: v1 by the reference library for Go, v1a by Go's Ed25519.
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// 2026-11-24T00:00:00Z, the clock of all vectors made here.
const (
	now  = 1795478400
	date = "2026-11-24"
)

type vector struct {
	From    from     `json:"from"`
	Now     int64    `json:"now"`
	Secrets []string `json:"secrets"`
	Request request  `json:"request"`
	Expect  expect   `json:"expect"`
}
type from struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Date string `json:"date"`
}
type request struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
}
type expect struct {
	Event *string `json:"event"`
	ID    string  `json:"id"`
	Time  string  `json:"time,omitempty"`
}

func main() {
	log.SetFlags(0)
	body := `{"type":"contact.updated","timestamp":"2026-11-23T23:59:58Z","data":{"id":"c1","name":"Zoë ✓"}}`
	event := "contact.updated"

	// v1, signed and checked by the library.
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("jethook oracle, a test secret..."))
	webhook, err := standardwebhooks.NewWebhook(secret)
	check(err)
	v1, err := webhook.Sign("msg_oracle_go_1", time.Unix(now, 0), []byte(body))
	check(err)
	headers := headersOf("msg_oracle_go_1", now, v1)
	check(webhook.VerifyIgnoringTimestamp([]byte(body), httpHeader(headers)))
	write("standard-webhooks", "sdk-v1-go", vector{
		from{"sdk", "standard-webhooks/libraries/go 0.0.1", date}, now, []string{secret},
		request{"POST", "/shop/crm", headers, body}, expect{&event, "msg_oracle_go_1", "2026-11-23T23:59:58Z"},
	})

	// v1a: no library signs it, so the specification's text is signed with a fixed key of our own.
	private := ed25519.NewKeyFromSeed([]byte("jethook oracle, an ed25519 seed."))
	public := "whpk_" + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	v1a := "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(private, text("msg_oracle_go_2", now, body)))
	spec := from{"derived", "Standard Webhooks specification 1.0.0", date}
	write("standard-webhooks", "derived-v1a", vector{
		spec, now, []string{public},
		request{"POST", "/shop/crm", headersOf("msg_oracle_go_2", now, v1a), body},
		expect{&event, "msg_oracle_go_2", "2026-11-23T23:59:58Z"},
	})
	// Both kinds in one header: the key's prefix picks v1a.
	both, err := webhook.Sign("msg_oracle_go_2", time.Unix(now, 0), []byte(body))
	check(err)
	write("standard-webhooks", "derived-v1a-beside-v1", vector{
		spec, now, []string{public},
		request{"POST", "/shop/crm", headersOf("msg_oracle_go_2", now, both+" "+v1a), body},
		expect{&event, "msg_oracle_go_2", "2026-11-23T23:59:58Z"},
	})

	// The published test of the Svix server; it has no event type. Only checked here.
	const published = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	const signature = "hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
	test := `{"test": 2432232314}`
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(published, "whpk_"))
	check(err)
	raw, err := base64.StdEncoding.DecodeString(signature)
	check(err)
	if !ed25519.Verify(key, text("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, test), raw) {
		log.Fatal("the published v1a test does not verify")
	}
	write("standard-webhooks", "documentation-v1a", vector{
		from{"documentation", "Svix server, published test of asymmetric signing", date}, 1614265330, []string{published},
		request{"POST", "/shop/crm", headersOf("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "v1a,"+signature), test},
		expect{nil, "msg_p5jXN8AQM9LWM0D4loKWxJek", ""},
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

func httpHeader(headers [][2]string) http.Header {
	all := http.Header{}
	for _, header := range headers {
		all.Add(header[0], header[1])
	}
	return all
}

func write(provider, name string, v vector) {
	folder := filepath.Join("..", "..", "vectors", provider)
	check(os.MkdirAll(folder, 0o755))
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	check(encoder.Encode(v))
	check(os.WriteFile(filepath.Join(folder, name+".json"), out.Bytes(), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
