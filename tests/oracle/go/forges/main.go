// Command forges writes vectors that the providers' own Go libraries accept: Gitea, Forgejo, Buildkite, Harness; and those that
// Drone's library signs. What no library makes is computed here.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"code.gitea.io/sdk/gitea"
	"codeberg.org/mvdkleijn/forgejo-sdk/forgejo/v2"
	httpsignatures "github.com/99designs/httpsignatures-go"
	"github.com/buildkite/go-buildkite/v4"
	"github.com/drone/go-scm/scm"
	"github.com/drone/go-scm/scm/driver/harness"

	"jethook.dev/oracle/vector"
)

const (
	secret = "an oracle's secret, not a real one"
	json   = "application/json"
	form   = "application/x-www-form-urlencoded"
)

func main() {
	forge("gitea", "Gitea", "code.gitea.io/sdk/gitea 0.25.1 (accepts)", gitea.VerifyWebhookSignature)
	forge("forgejo", "Forgejo", "codeberg.org/mvdkleijn/forgejo-sdk 2.2.0 (accepts)", forgejo.VerifyWebhookSignature)
	buildkiteSigned()
	buildkiteToken()
	harnessCode()
	drone()
	sourcehut()
}

func mac(body string) string {
	digest := hmac.New(sha256.New, []byte(secret))
	digest.Write([]byte(body))
	return hex.EncodeToString(digest.Sum(nil))
}

func sdk(name string) vector.From {
	return vector.From{Kind: "sdk", Name: name, Date: vector.Date}
}

func must(ok bool, err error) {
	vector.Check(err)
	if !ok {
		log.Fatal("the library refuses the vector")
	}
}

// Gitea and Forgejo sign the JSON payload, in a form as well.
func forge(id, name, library string, verify func(string, string, []byte) (bool, error)) {
	push := `{"ref":"refs/heads/main","before":"0000000000000000000000000000000000000000","commits":[],"repository":{"id":1,"full_name":"acme/lamp"}}`
	pull := `{"action":"opened","number":7,"pull_request":{"title":"Brighter — ☀ & 100 %"},"repository":{"full_name":"acme/lamp"}}`
	write := func(file, event, delivery, contentType, payload, body, expect string) {
		signature := mac(payload)
		must(verify(secret, signature, []byte(payload)))
		headers := [][2]string{
			{"Content-Type", contentType},
			{"X-" + name + "-Delivery", delivery},
			{"X-" + name + "-Event", event},
			{"X-" + name + "-Event-Type", event},
			{"X-" + name + "-Signature", signature},
			{"X-GitHub-Delivery", delivery},
			{"X-GitHub-Event", event},
			{"X-Hub-Signature-256", "sha256=" + signature},
		}
		vector.Write(id, file, vector.Vector{
			From: sdk(library), Now: vector.Now, Secrets: []any{secret},
			Request: vector.Request{Method: "POST", URL: "/shop/" + id, Headers: headers, Body: body},
			Expect:  vector.Expect{Event: vector.Text(expect), ID: vector.Text(delivery)},
		})
	}
	write("sdk-push", "push", "6a4c1f4e-0000-4000-8000-000000000001", json, push, push, "push")
	write("sdk-pull-request", "pull_request", "6a4c1f4e-0000-4000-8000-000000000002", json, pull, pull, "pull_request.opened")
	write("sdk-form-pull-request", "pull_request", "6a4c1f4e-0000-4000-8000-000000000003", form, pull,
		url.Values{"payload": {pull}}.Encode(), "pull_request.opened")
}

func buildkiteRequest(header, value string) vector.Request {
	body := `{"event":"build.finished","build":{"id":"01970000-0000-4000-8000-000000000001","number":27,"state":"passed","message":"Brighter — ☀"},"pipeline":{"slug":"lamp"},"sender":{"name":"Ada"}}`
	if header == "X-Buildkite-Signature" {
		value = fmt.Sprintf("timestamp=%d,signature=%s", vector.Now, mac(fmt.Sprintf("%d.%s", vector.Now, body)))
	}
	headers := [][2]string{
		{"Content-Type", json}, {"User-Agent", "Buildkite-Request"}, {"X-Buildkite-Event", "build.finished"}, {header, value},
	}
	return vector.Request{Method: "POST", URL: "/shop/buildkite", Headers: headers, Body: body}
}

func acceptBuildkite(name string, request vector.Request, secrets ...any) {
	r := httptest.NewRequest(http.MethodPost, "https://hooks.example.com"+request.URL, bytes.NewReader([]byte(request.Body)))
	r.Header = vector.Header(request.Headers)
	_, err := buildkite.ValidatePayload(r, []byte(secret))
	vector.Check(err)
	vector.Write("buildkite", name, vector.Vector{
		From: sdk("github.com/buildkite/go-buildkite/v4 4.23.0 (accepts)"), Now: vector.Now, Secrets: secrets, Request: request,
		Expect: vector.Expect{Event: vector.Text("build.finished")},
	})
}

func buildkiteSigned() {
	acceptBuildkite("sdk-signed-build", buildkiteRequest("X-Buildkite-Signature", ""), secret)
}

func buildkiteToken() {
	acceptBuildkite("sdk-token-build", buildkiteRequest("X-Buildkite-Token", secret), vector.Secret{Use: "token", Value: secret})
}

func harnessCode() {
	body := `{"trigger":"branch_updated","repo":{"id":68,"path":"acme/default/lamp","uid":"lamp","default_branch":"main","git_url":"https://git.harness.io/acme/default/lamp.git"},"principal":{"id":59,"uid":"ada","display_name":"Ada","email":"ada@example.com","type":"user"},"ref":{"name":"refs/heads/main"},"sha":"92e21bfcddc1418079cddbb518ad6fd72917798a","old_sha":"0000000000000000000000000000000000000000","forced":false}`
	for _, name := range []string{"Harness", "Gitness"} {
		headers := [][2]string{
			{"Content-Type", json}, {"User-Agent", name + "/1.0.0"}, {"X-" + name + "-Signature", mac(body)},
			{"X-" + name + "-Trigger", "branch_updated"},
		}
		from := vector.From{Kind: "derived", Name: "github.com/harness/gitness, app/services/webhook/trigger.go", Date: vector.Date}
		file := "derived-gitness-push"
		if name == "Harness" {
			from, file = sdk("github.com/drone/go-scm 1.38.0 (accepts)"), "sdk-push"
			request := httptest.NewRequest(http.MethodPost, "https://hooks.example.com/shop/harness", bytes.NewReader([]byte(body)))
			request.Header = vector.Header(headers)
			client, err := harness.New("https://app.harness.io", "acme", "default", "lamp")
			vector.Check(err)
			_, err = client.Webhooks.Parse(request, func(scm.Webhook) (string, error) { return secret, nil })
			vector.Check(err)
		}
		vector.Write("harness-code", file, vector.Vector{
			From: from, Now: vector.Now, Secrets: []any{secret},
			Request: vector.Request{Method: "POST", URL: "/shop/harness", Headers: headers, Body: body},
			Expect:  vector.Expect{Event: vector.Text("branch_updated")},
		})
	}
}

// Drone signs with this library, over the headers date and digest.
func drone() {
	body := `{"event":"build","action":"updated","repo":{"id":42,"slug":"acme/lamp"},"build":{"id":100,"number":7,"status":"success","message":"Brighter — ☀"}}`
	digest := sha256.Sum256([]byte(body))
	headers := [][2]string{
		{"Content-Type", json},
		{"Date", time.Unix(vector.Now, 0).UTC().Format(http.TimeFormat)},
		{"Digest", "SHA-256=" + base64.StdEncoding.EncodeToString(digest[:])},
		{"X-Drone-Event", "build"},
	}
	request := httptest.NewRequest(http.MethodPost, "https://hooks.example.com/shop/drone", bytes.NewReader([]byte(body)))
	request.Header = vector.Header(headers)
	signer := httpsignatures.NewSigner(httpsignatures.AlgorithmHmacSha256, "date", "digest")
	vector.Check(signer.SignRequest("hmac-key", secret, request))
	headers = append(headers, [2]string{"Signature", request.Header.Get("Signature")})
	vector.Write("drone", "sdk-build", vector.Vector{
		From: sdk("github.com/99designs/httpsignatures-go, with which Drone signs"), Now: vector.Now, Secrets: []any{secret},
		Request: vector.Request{Method: "POST", URL: "/shop/drone", Headers: headers, Body: body},
		Expect:  vector.Expect{Event: vector.Text("build.updated")},
	})
}

// SourceHut has no library: the sender's source, with a fixed key and nonce of our own.
func sourcehut() {
	private := ed25519.NewKeyFromSeed([]byte("jethook oracle, an ed25519 seed."))
	public := base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	body := `{"data":{"webhook":{"uuid":"0e5b0d1c-0000-4000-8000-000000000001","event":"GIT_POST_RECEIVE","repository":{"name":"lamp"},"pusher":{"canonicalName":"~ada"}}}}`
	nonce, delivery := "6f1c2d3e4a5b6c7d", "0e5b0d1c-0000-4000-8000-000000000001"
	headers := [][2]string{
		{"Content-Type", json},
		{"X-Payload-Nonce", nonce},
		{"X-Payload-Signature", base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(body+nonce)))},
		{"X-Webhook-Delivery", delivery},
		{"X-Webhook-Event", "GIT_POST_RECEIVE"},
	}
	vector.Write("sourcehut", "derived-push", vector.Vector{
		From: vector.From{Kind: "derived", Name: "git.sr.ht/~sircmpwn/core-go, crypto.SignWebhook", Date: vector.Date}, Now: vector.Now,
		Secrets: []any{public, vector.Secret{Use: "url", Value: "an-oracles-token"}},
		Request: vector.Request{Method: "POST", URL: "/shop/sourcehut/an-oracles-token", Headers: headers, Body: body},
		Expect:  vector.Expect{Event: vector.Text("GIT_POST_RECEIVE"), ID: vector.Text(delivery)},
	})
}
