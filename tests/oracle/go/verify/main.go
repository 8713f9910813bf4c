// Command verify asks the modules of this folder: `examples IN OUT` lists what each is tried with, `verify IN OUT` has each
// request judged. A module is a file <id>.go that registers itself.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"runtime/debug"
	"sort"
)

// Request is what a module judges: a delivery that jethook signed, and the secret as the provider gives it.
type Request struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"bodyBase64"`
	Secret  string            `json:"secret"`
	Now     int64             `json:"now"`
}

// Header gives the headers to a library.
func (r Request) Header() http.Header {
	all := http.Header{}
	for name, value := range r.Headers {
		all.Set(name, value)
	}
	return all
}

// Example is what `jethook send` is called with.
type Example struct {
	Secret    string            `json:"secret"`
	Event     string            `json:"event,omitempty"`
	ID        string            `json:"id,omitempty"`
	Body      string            `json:"body,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	PublicURL string            `json:"publicUrl,omitempty"`
}

type module struct {
	ID      string  `json:"id"`
	SDK     string  `json:"sdk"`
	Example Example `json:"example"`
	verify  func(Request) error
}

type answer struct {
	Accepted bool   `json:"accepted"`
	Error    string `json:"error,omitempty"`
}

var modules = map[string]module{}

func register(id, sdk string, example Example, verify func(Request) error) {
	modules[id] = module{id, sdk, example, verify}
}

func main() {
	what, given, answered := os.Args[1], os.Args[2], os.Args[3]
	var out any
	if what == "examples" {
		out = examples()
	} else {
		out = judge(given)
	}
	text, err := json.Marshal(out)
	check(err)
	check(os.WriteFile(answered, text, 0o600))
}

func examples() []module {
	versions := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			versions[dep.Path] = dep.Version
		}
	}
	all := []module{}
	for _, each := range modules {
		each.SDK = fmt.Sprintf("%s %s", each.SDK, versions[each.SDK])
		all = append(all, each)
	}
	sort.Slice(all, func(a, b int) bool { return all[a].ID < all[b].ID })
	return all
}

func judge(given string) []answer {
	text, err := os.ReadFile(given)
	check(err)
	var requests []Request
	check(json.Unmarshal(text, &requests))
	answers := []answer{}
	for _, request := range requests {
		if err := modules[request.ID].verify(request); err != nil {
			answers = append(answers, answer{Error: err.Error()})
		} else {
			answers = append(answers, answer{Accepted: true})
		}
	}
	return answers
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
