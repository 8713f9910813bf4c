// Package vector writes one vector file. Everything that goes in is fixed, so a second run gives the same bytes.
package vector

import (
	"bytes"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
)

// Now is 2026-11-24T00:00:00Z, the clock of all vectors made here.
const (
	Now  = 1795478400
	Date = "2026-11-24"
)

// Vector is the file; Secrets are texts or Secret.
type Vector struct {
	From       From              `json:"from"`
	Now        int64             `json:"now"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Secrets    []any             `json:"secrets"`
	Request    Request           `json:"request"`
	Expect     Expect            `json:"expect"`
}

// From says who made the signature.
type From struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Date string `json:"date"`
}

// Secret is a key of another use than signing.
type Secret struct {
	Use   string `json:"use"`
	Value string `json:"value"`
}

// Request is the delivery.
type Request struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
}

// Expect is what jethook must read from it; nil is none.
type Expect struct {
	Event *string `json:"event"`
	ID    *string `json:"id"`
	Time  string  `json:"time,omitempty"`
}

// Text is for the fields that can be none.
func Text(text string) *string { return &text }

// Write writes a file of the provider's folder.
func Write(provider, name string, v Vector) {
	folder := filepath.Join(root(), provider)
	Check(os.MkdirAll(folder, 0o755))
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	Check(encoder.Encode(v))
	Check(os.WriteFile(filepath.Join(folder, name+".json"), out.Bytes(), 0o644))
}

func root() string {
	if root := os.Getenv("JETHOOK_VECTORS"); root != "" {
		return root
	}
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "vectors")
}

// Header gives the headers to a library.
func Header(headers [][2]string) http.Header {
	all := http.Header{}
	for _, header := range headers {
		all.Add(header[0], header[1])
	}
	return all
}

// Check ends the program on an error.
func Check(err error) {
	if err != nil {
		log.SetFlags(0)
		log.Fatal(err)
	}
}
