// Command senders has the senders' own programs deliver: the registry of Distribution, Argo CD's notifications, Atlantis.
package main

import (
	"net/http"
	"regexp"
	"time"

	"github.com/argoproj/notifications-engine/pkg/services"
	"github.com/distribution/distribution/v3/notifications"
	"github.com/runatlantis/atlantis/server/events/models"
	"github.com/runatlantis/atlantis/server/events/webhooks"

	"jethook.dev/oracle/vector"
)

const token = "an-oracles-token"

func main() {
	distribution()
	argocd()
	atlantis()
}

func sender(name string) vector.From {
	return vector.From{Kind: "sender", Name: name, Date: vector.Date}
}

func write(id, file, program, secret string, request vector.Request, event, delivery *string) {
	vector.Write(id, file, vector.Vector{
		From: sender(program), Now: vector.Now, Secrets: []any{secret}, Request: request,
		Expect: vector.Expect{Event: event, ID: delivery},
	})
}

func distribution() {
	id := "1f0ad5e6-0000-4000-8000-000000000001"
	event := notifications.Event{ID: id, Timestamp: time.Unix(vector.Now-2, 0).UTC(), Action: notifications.EventActionPush}
	event.Target.MediaType = "application/vnd.oci.image.manifest.v1+json"
	event.Target.Repository, event.Target.Tag = "acme/lamp", "1.0"
	event.Target.URL = "https://registry.example.com/v2/acme/lamp/manifests/1.0"
	event.Request = notifications.RequestRecord{ID: "req-1", Host: "registry.example.com", Method: "PUT", UserAgent: "docker/29.0"}
	headers := http.Header{"Authorization": {"Bearer " + token}}
	request := vector.Capture("/shop/registry", func(target string) {
		endpoint := notifications.NewEndpoint("jethook", target, notifications.EndpointConfig{Headers: headers, Timeout: 5 * time.Second})
		vector.Check(endpoint.Write(event))
		vector.Check(endpoint.Close())
	})
	write("distribution", "sender-push", "github.com/distribution/distribution 3.1.2, notifications", token, request,
		vector.Text("push"), vector.Text(id))
}

func argocd() {
	body := `{"type":"app.sync-succeeded","id":"lamp-7","app":"lamp","revision":"92e21bf","text":"Brighter — ☀"}`
	send := func(options services.WebhookOptions) vector.Request {
		return vector.Capture("/shop/argocd", func(target string) {
			options.URL = target
			notification := services.Notification{Webhook: services.WebhookNotifications{
				"jethook": {Method: http.MethodPost, Body: body},
			}}
			vector.Check(services.NewWebhookService(options).Send(notification, services.Destination{Service: "jethook"}))
		})
	}
	json := services.Header{Name: "Content-Type", Value: "application/json"}
	bearer := services.Header{Name: "Authorization", Value: "Bearer " + token}
	const program = "github.com/argoproj/notifications-engine 0.5.0"
	write("argocd-notifications", "sender-bearer", program, token, send(services.WebhookOptions{Headers: []services.Header{json, bearer}}),
		vector.Text("app.sync-succeeded"), vector.Text("lamp-7"))
	basic := &services.BasicAuth{Username: "argocd", Password: token}
	write("argocd-notifications", "sender-basic", program, "argocd:"+token,
		send(services.WebhookOptions{Headers: []services.Header{json}, BasicAuth: basic}),
		vector.Text("app.sync-succeeded"), vector.Text("lamp-7"))
}

func atlantis() {
	any := regexp.MustCompile(".*")
	result := webhooks.ApplyResult{
		Workspace: "default", Directory: "lamp", ProjectName: "lamp", Success: true,
		Repo: models.Repo{FullName: "acme/lamp", Owner: "acme", Name: "lamp"},
		Pull: models.PullRequest{Num: 7, BaseBranch: "main", HeadBranch: "brighter", Author: "ada"},
		User: models.User{Username: "ada"},
	}
	request := vector.Capture("/shop/atlantis", func(target string) {
		client := &webhooks.HttpClient{Client: http.DefaultClient, Headers: map[string][]string{"Authorization": {"Bearer " + token}}}
		hook := webhooks.HttpWebhook{Client: client, WorkspaceRegex: any, BranchRegex: any, URL: target}
		vector.Check(hook.Send(nil, result))
	})
	write("atlantis", "sender-apply", "github.com/runatlantis/atlantis 0.34.0, server/events/webhooks", token, request,
		vector.Text("apply.true"), nil)
}
