// Command mailgun writes vectors of Mailgun, checked by its own library, which does not sign.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"

	mailgun "github.com/mailgun/mailgun-go/v4"

	"jethook.dev/oracle/vector"
)

const key = "oracle mailgun webhook signing key"

type object = map[string]any

func main() {
	log.SetFlags(0)
	delivered := "e0b5477167110d68991efc6b9f89f0a11066af27834600e001"
	write("sdk-delivered", "delivered", delivered, object{"signature": sign(key, delivered), "event-data": data("delivered")})

	// A subaccount's event: the second signature is made with the main account's key.
	opened := "e0b5477167110d68991efc6b9f89f0a11066af27834600e002"
	signature := sign("another account's key", opened)
	signature["parent-signature"] = sign(key, opened)["signature"]
	write("sdk-subaccount", "opened", opened, object{"signature": signature, "event-data": data("opened")})
}

func data(event string) object {
	return object{"event": event, "id": "Ase7i2zsRYeDXztHGENqRA", "timestamp": vector.Now - 2.5, "recipient": "zoë@example.com"}
}

func sign(key, token string) object {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%d%s", vector.Now, token)
	signature := mailgun.Signature{TimeStamp: fmt.Sprint(vector.Now), Token: token, Signature: hex.EncodeToString(mac.Sum(nil))}
	client := mailgun.NewMailgun("example.com", "not-a-key")
	client.SetWebhookSigningKey(key)
	if good, err := client.VerifyWebhookSignature(signature); err != nil || !good {
		log.Fatal("the library refuses ", token)
	}
	return object{"timestamp": signature.TimeStamp, "token": token, "signature": signature.Signature}
}

func write(name, event, id string, body object) {
	text, err := json.Marshal(body)
	vector.Check(err)
	headers := [][2]string{{"Content-Type", "application/json"}}
	vector.Write("mailgun", name, vector.Vector{
		From:    vector.From{Kind: "sdk", Name: "mailgun-go 4.23.0 (accepts)", Date: vector.Date},
		Now:     vector.Now,
		Secrets: []any{key},
		Request: vector.Request{Method: "POST", URL: "/shop/mailgun", Headers: headers, Body: string(text)},
		Expect:  vector.Expect{Event: &event, ID: &id},
	})
}
