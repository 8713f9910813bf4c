// Reads events that jethook stored and enters each in a ledger once, however often it is killed. See ../README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// After this many deliveries an event is a dead letter.
	maxDeliveries = 5
	// Events fetched ahead. Few: the time to acknowledge runs from the fetch.
	ahead = 16
)

var (
	stream     = setting("STREAM", "WEBHOOKS")
	durable    = setting("DURABLE", "ledger")
	retryDelay = seconds("RETRY_DELAY", "60s")
	pause      = seconds("WORK", "0s")
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	nc, err := nats.Connect(setting("NATS_URL", nats.DefaultURL), nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Durable:       durable,
		FilterSubject: setting("SUBJECT", "webhooks.>"),
		AckPolicy:     jetstream.AckExplicitPolicy,
		// One that is killed never says no, so its event comes again after the same time.
		AckWait:    retryDelay,
		MaxDeliver: maxDeliveries,
	})
	if err != nil {
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	ledger, err := openLedger(setting("LEDGER", "ledger.tsv"))
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- deadLetters(ctx, js) }()
	go func() { failed <- events(consumer, ledger) }()
	return <-failed
}

func events(consumer jetstream.Consumer, ledger *ledger) error {
	messages, err := consumer.Messages(jetstream.PullMaxMessages(ahead))
	if err != nil {
		return err
	}
	for {
		msg, err := messages.Next()
		if err != nil {
			return err
		}
		if err := handle(msg, ledger); err != nil {
			return err
		}
	}
}

func handle(msg jetstream.Msg, ledger *ledger) error {
	id := idOf(msg.Headers())
	if ledger.known[id] {
		fmt.Println("again", id)
		return msg.Ack()
	}
	fmt.Println("working", id)
	var event map[string]any
	if err := json.Unmarshal(msg.Data(), &event); err != nil || event == nil {
		// No retry can mend it.
		fmt.Printf("poison %s: not a JSON object\n", id)
		return msg.TermWithReason("not a JSON object")
	}
	if err := work(event); err != nil {
		fmt.Printf("retry %s: %v\n", id, err)
		return msg.NakWithDelay(retryDelay)
	}
	if err := ledger.enter(id, msg.Headers().Get("ce-type")); err != nil {
		return err
	}
	fmt.Println("done", id)
	return msg.Ack()
}

// Here goes what your service does with an event.
func work(event map[string]any) error {
	time.Sleep(pause)
	if why, ok := event["fail"].(string); ok {
		return errors.New(why)
	}
	return nil
}

// What makes an event the same one: a replay has an id of its own and names the first.
func idOf(headers nats.Header) string {
	if id := headers.Get("jethook-replay-of"); id != "" {
		return id
	}
	return headers.Get("Nats-Msg-Id")
}

// Tells what this consumer gave up, so that somebody looks at it: the server names the events in advisories.
func deadLetters(ctx context.Context, js jetstream.JetStream) error {
	of := func(kind string) string {
		return fmt.Sprintf("$JS.EVENT.ADVISORY.CONSUMER.%s.%s.%s", kind, stream, durable)
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, "DEAD_LETTERS", jetstream.ConsumerConfig{
		Durable:        durable + "-dead",
		FilterSubjects: []string{of("MAX_DELIVERIES"), of("MSG_TERMINATED")},
		AckPolicy:      jetstream.AckExplicitPolicy,
	})
	if err != nil {
		return fmt.Errorf("stream DEAD_LETTERS, which `jethook dlq setup` makes: %w", err)
	}
	source, err := js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	for {
		msg, err := messages.Next()
		if err != nil {
			return err
		}
		var advisory struct {
			Sequence   uint64 `json:"stream_seq"`
			Deliveries uint64 `json:"deliveries"`
			Reason     string `json:"reason"`
		}
		if err := json.Unmarshal(msg.Data(), &advisory); err != nil {
			return err
		}
		id := fmt.Sprintf("#%d, no longer in the stream", advisory.Sequence)
		if event, err := source.GetMsg(ctx, advisory.Sequence); err == nil {
			id = event.Header.Get("Nats-Msg-Id")
		}
		fmt.Printf("dead %s: %d deliveries %s\n", id, advisory.Deliveries, advisory.Reason)
		if err := msg.Ack(); err != nil {
			return err
		}
	}
}

// A file that stands for your database. What matters: the effect and the id are written in one transaction.
type ledger struct {
	file  *os.File
	known map[string]bool
}

func openLedger(path string) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		id, _, _ := strings.Cut(lines.Text(), "\t")
		known[id] = true
	}
	return &ledger{file, known}, lines.Err()
}

func (l *ledger) enter(id, kind string) error {
	if _, err := fmt.Fprintf(l.file, "%s\t%s\n", id, kind); err != nil {
		return err
	}
	l.known[id] = true
	return nil
}

func setting(name, standard string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return standard
}

func seconds(name, standard string) time.Duration {
	value, err := time.ParseDuration(strings.TrimSuffix(setting(name, standard), "s") + "s")
	if err != nil {
		log.Fatalf("%s: a number of seconds: %v", name, err)
	}
	return value
}
