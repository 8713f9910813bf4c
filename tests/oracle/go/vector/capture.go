package vector

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"time"
)

// Capture has a sender's own program deliver to a server here and gives the request, headers in the order of their names.
func Capture(path string, send func(target string)) Request {
	seen := make(chan Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		Check(err)
		request := Request{Method: r.Method, URL: path, Headers: kept(r.Header), Body: string(body)}
		select {
		case seen <- request:
		default:
		}
	}))
	defer server.Close()
	target, err := url.JoinPath(server.URL, path)
	Check(err)
	send(target)
	select {
	case request := <-seen:
		return request
	case <-time.After(10 * time.Second):
		panic("the sender has sent nothing")
	}
}

func kept(header http.Header) [][2]string {
	transport := map[string]bool{"Accept-Encoding": true, "Connection": true, "Content-Length": true}
	var all [][2]string
	for name, values := range header {
		for _, value := range values {
			if !transport[name] {
				all = append(all, [2]string{name, value})
			}
		}
	}
	sort.Slice(all, func(a, b int) bool { return all[a][0] < all[b][0] })
	return all
}
