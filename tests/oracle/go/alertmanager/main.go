// Command alertmanager writes vectors of Alertmanager: its own webhook notifier sends to a listener here, which keeps what comes.
package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	amcommoncfg "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/notify/webhook"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/alertmanager/types"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"jethook.dev/oracle/vector"
)

func main() {
	bearer := &config.HTTPClientConfig{Authorization: &config.Authorization{Type: "Bearer", Credentials: "an-oracles-alertmanager-token"}}
	basic := &config.HTTPClientConfig{BasicAuth: &config.BasicAuth{Username: "alertmanager", Password: "an oracle's password"}}
	firing := alert("HighLatency", time.Time{})
	resolved := alert("HighLatency", time.Unix(vector.Now-60, 0).UTC())

	send("sender-bearer", bearer, "an-oracles-alertmanager-token", "firing", firing)
	send("sender-basic", basic, "alertmanager:an oracle's password", "resolved", resolved)
	send("sender-group", bearer, "an-oracles-alertmanager-token", "firing", firing, alert("DiskFull", time.Time{}))
}

func alert(name string, ends time.Time) *types.Alert {
	return &types.Alert{Alert: model.Alert{
		Labels:       model.LabelSet{"alertname": model.LabelValue(name), "service": "lamp", "severity": "page"},
		Annotations:  model.LabelSet{"summary": "The lamp flickers — ☀"},
		StartsAt:     time.Unix(vector.Now-600, 0).UTC(),
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
		vector.Check(err)
	}))
	defer server.Close()

	tmpl, err := template.FromGlobs(nil)
	vector.Check(err)
	tmpl.ExternalURL, err = url.Parse("https://alertmanager.example.com")
	vector.Check(err)
	receiver, err := webhook.New(&webhook.WebhookConfig{URL: amcommoncfg.SecretTemplateURL(server.URL), HTTPConfig: client}, tmpl, slog.New(slog.DiscardHandler))
	vector.Check(err)
	ctx := notify.WithGroupKey(context.Background(), `{}:{service="lamp"}`)
	ctx = notify.WithGroupLabels(ctx, model.LabelSet{"service": "lamp"})
	ctx = notify.WithReceiverName(ctx, "jethook")
	_, err = receiver.Notify(ctx, alerts...)
	vector.Check(err)
	vector.Write("alertmanager", name, vector.Vector{
		vector.From{"sender", "Prometheus Alertmanager 0.34.2", vector.Date}, vector.Now, nil, []any{secret},
		vector.Request{"POST", "/shop/alertmanager", headers, string(body)}, vector.Expect{Event: &status},
	})
}
