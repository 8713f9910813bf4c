package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"

	"code.gitea.io/sdk/gitea"
	"codeberg.org/mvdkleijn/forgejo-sdk/forgejo/v2"
	"github.com/buildkite/go-buildkite/v4"
	"github.com/drone/go-scm/scm"
	"github.com/drone/go-scm/scm/driver/harness"
)

const forgeSecret = "an oracle's secret, not a real one"

var errRefused = errors.New("refused")

func init() {
	forge := func(header string, verify func(string, string, []byte) (bool, error)) func(Request) error {
		return func(request Request) error {
			ok, err := verify(request.Secret, request.Headers[header], request.Body)
			if err == nil && !ok {
				err = errRefused
			}
			return err
		}
	}
	push := Example{Secret: forgeSecret, Event: "push", Body: `{"ref":"refs/heads/main","commits":[]}`}
	register("gitea", "code.gitea.io/sdk/gitea", push, forge("x-gitea-signature", gitea.VerifyWebhookSignature))
	register("forgejo", "codeberg.org/mvdkleijn/forgejo-sdk/forgejo/v2", push, forge("x-forgejo-signature", forgejo.VerifyWebhookSignature))

	build := Example{Secret: forgeSecret, Event: "build.finished"}
	register("buildkite", "github.com/buildkite/go-buildkite/v4", build, func(request Request) error {
		_, err := buildkite.ValidatePayload(request.http(), []byte(request.Secret))
		return err
	})

	branch := Example{
		Secret: forgeSecret, Headers: map[string]string{"X-Harness-Trigger": "branch_updated"},
		Body: `{"trigger":"branch_updated","repo":{"id":68,"path":"acme/default/lamp","uid":"lamp","git_url":"https://git.harness.io/acme/default/lamp.git"},"ref":{"name":"refs/heads/main"},"sha":"92e21bf"}`,
	}
	register("harness-code", "github.com/drone/go-scm", branch, func(request Request) error {
		client, err := harness.New("https://app.harness.io", "acme", "default", "lamp")
		if err != nil {
			return err
		}
		_, err = client.Webhooks.Parse(request.http(), func(scm.Webhook) (string, error) { return request.Secret, nil })
		return err
	})
}

func (r Request) http() *http.Request {
	request := httptest.NewRequest(r.Method, r.URL, bytes.NewReader(r.Body))
	request.Header = r.Header()
	return request
}
