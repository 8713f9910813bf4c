// A receiver as one writes it by hand in Go: net/http, crypto/hmac, nats.go. Reads PORT, NATS_URL and SECRET.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	connection, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		log.Fatal(err)
	}
	store, err := jetstream.New(connection)
	if err != nil {
		log.Fatal(err)
	}
	secret := []byte(os.Getenv("SECRET"))
	http.HandleFunc("POST /bench/hmac", func(answer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(answer, request.Body, 1<<20))
		if err != nil {
			answer.WriteHeader(http.StatusBadRequest)
			return
		}
		sent, err := hex.DecodeString(strings.TrimPrefix(request.Header.Get("X-Hub-Signature-256"), "sha256="))
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		if err != nil || !hmac.Equal(sent, mac.Sum(nil)) {
			answer.WriteHeader(http.StatusUnauthorized)
			return
		}
		message := nats.NewMsg("webhooks.bench.hmac.push")
		message.Header.Set(nats.MsgIdHdr, request.Header.Get("X-GitHub-Delivery"))
		message.Data = body
		if _, err := store.PublishMsg(request.Context(), message); err != nil {
			answer.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	stream := jetstream.StreamConfig{
		Name:       "WEBHOOKS",
		Subjects:   []string{"webhooks.>"},
		Discard:    jetstream.DiscardNew,
		MaxAge:     168 * time.Hour,
		Duplicates: 2 * time.Hour,
	}
	if _, err := store.CreateStream(context.Background(), stream); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
