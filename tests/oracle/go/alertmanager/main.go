// Command alertmanager writes vectors of Alertmanager: its own webhook notifier sends to a listener here, which keeps what comes.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"time"

	amcommoncfg "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/notify/webhook"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/alertmanager/types"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

// 2026-11-24T00:00:00Z, the clock of all vectors made here.
const (
	now  = 1795478400
	date = "2026-11-24"
)

func main() {
	log.SetFlags(0)
	bearer := &config.HTTPClientConfig{Authorization: &config.Authorization{Type: "Bearer", Credentials: "an-oracles-alertmanager-token"}}
	basic := &config.HTTPClientConfig{BasicAuth: &config.BasicAuth{Username: "alertmanager", Password: "an oracle's password"}}
	firing := alert("HighLatency", time.Time{})
	resolved := alert("HighLatency", time.Unix(now-60, 0).UTC())

	send("sender-bearer", bearer, "an-oracles-alertmanager-token", "firing", firing)
	send("sender-basic", basic, "alertmanager:an oracle's password", "resolved", resolved)
	send("sender-group", bearer, "an-oracles-alertmanager-token", "firing", firing, alert("DiskFull", time.Time{}))
}

func alert(name string, ends time.Time) *types.Alert {
	return &types.Alert{Alert: model.Alert{
		Labels:       model.LabelSet{"alertname": model.LabelValue(name), "service": "lamp", "severity": "page"},
		Annotations:  model.LabelSet{"summary": "The lamp flickers — ☀"},
		StartsAt:     time.Unix(now-600, 0).UTC(),
		EndsAt:       ends,
		GeneratorURL: "https://prometheus.example.com/graph?g0.expr=up",
	}}
}

func send(name string, client *config.HTTPClientConfig, secret, status string, alerts ...*types.Alert) {
	var headers [][2]string
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		for _, header := range []string{"Authorization", "Content-Type", "User-Agent"} {
			headers = append(headers, [2]string{header, request.Header.Get(header)})
		}
		var err error
		body, err = io.ReadAll(request.Body)
		check(err)
	}))
	defer server.Close()

	tmpl, err := template.FromGlobs(nil)
	check(err)
	tmpl.ExternalURL, err = url.Parse("https://alertmanager.example.com")
	check(err)
	receiver, err := webhook.New(&webhook.WebhookConfig{URL: amcommoncfg.SecretTemplateURL(server.URL), HTTPConfig: client}, tmpl, slog.New(slog.DiscardHandler))
	check(err)
	ctx := notify.WithGroupKey(context.Background(), `{}:{service="lamp"}`)
	ctx = notify.WithGroupLabels(ctx, model.LabelSet{"service": "lamp"})
	ctx = notify.WithReceiverName(ctx, "jethook")
	if _, err := receiver.Notify(ctx, alerts...); err != nil {
		log.Fatal(err)
	}
	write("alertmanager", name, map[string]any{
		"from":    map[string]any{"kind": "sender", "name": "Prometheus Alertmanager 0.34.2", "date": date},
		"now":     now,
		"secrets": []string{secret},
		"request": map[string]any{"method": "POST", "url": "/shop/alertmanager", "headers": headers, "body": string(body)},
		"expect":  map[string]any{"event": status, "id": nil},
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
