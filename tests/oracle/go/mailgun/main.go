// Command mailgun writes vectors of Mailgun, checked by its own library, which does not sign.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	mailgun "github.com/mailgun/mailgun-go/v4"
)

// 2026-11-24T00:00:00Z, the clock of all vectors made here.
const now = 1795478400

const key = "oracle mailgun webhook signing key"

type object = map[string]any

func main() {
	log.SetFlags(0)
	delivered := "e0b5477167110d68991efc6b9f89f0a11066af27834600e001"
	write("sdk-delivered", key, "delivered", delivered, object{"signature": sign(key, delivered), "event-data": data("delivered")})

	// A subaccount's event: the second signature is made with the main account's key.
	opened := "e0b5477167110d68991efc6b9f89f0a11066af27834600e002"
	signature := sign("another account's key", opened)
	signature["parent-signature"] = sign(key, opened)["signature"]
	write("sdk-subaccount", key, "opened", opened, object{"signature": signature, "event-data": data("opened")})
}

func data(event string) object {
	return object{"event": event, "id": "Ase7i2zsRYeDXztHGENqRA", "timestamp": now - 2.5, "recipient": "zoë@example.com"}
}

func sign(key, token string) object {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%d%s", now, token)
	signature := mailgun.Signature{TimeStamp: fmt.Sprint(now), Token: token, Signature: hex.EncodeToString(mac.Sum(nil))}
	client := mailgun.NewMailgun("example.com", "not-a-key")
	client.SetWebhookSigningKey(key)
	if good, err := client.VerifyWebhookSignature(signature); err != nil || !good {
		log.Fatal("the library refuses ", token)
	}
	return object{"timestamp": signature.TimeStamp, "token": token, "signature": signature.Signature}
}

func write(name, key, event, id string, body object) {
	text, err := json.Marshal(body)
	check(err)
	vector := struct {
		From    object   `json:"from"`
		Now     int64    `json:"now"`
		Secrets []string `json:"secrets"`
		Request object   `json:"request"`
		Expect  object   `json:"expect"`
	}{
		object{"kind": "sdk", "name": "mailgun-go 4.23.0 (accepts)", "date": "2026-11-24"},
		now,
		[]string{key},
		object{"method": "POST", "url": "/shop/mailgun", "headers": [][2]string{{"Content-Type", "application/json"}}, "body": string(text)},
		object{"event": event, "id": id},
	}
	folder := filepath.Join("..", "..", "vectors", "mailgun")
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
