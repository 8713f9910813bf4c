// Bento with the components that a receiver in front of NATS takes, and no more. It makes its stream first, which Bento
// itself leaves to others; reads NATS_URL, and PORT and SECRET by its configuration.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/warpstreamlabs/bento/public/service"

	_ "github.com/warpstreamlabs/bento/public/components/io"
	_ "github.com/warpstreamlabs/bento/public/components/nats"
	_ "github.com/warpstreamlabs/bento/public/components/pure"
)

func main() {
	if err := makeStream(os.Getenv("NATS_URL")); err != nil {
		log.Fatal(err)
	}
	service.RunCLI(context.Background())
}

func makeStream(url string) error {
	connection, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer connection.Close()
	store, err := jetstream.New(connection)
	if err != nil {
		return err
	}
	_, err = store.CreateStream(context.Background(), jetstream.StreamConfig{
		Name:       "WEBHOOKS",
		Subjects:   []string{"webhooks.>"},
		Discard:    jetstream.DiscardNew,
		MaxAge:     168 * time.Hour,
		Duplicates: 2 * time.Hour,
	})
	return err
}
