// Sends the same request again and again and prints what it saw of each answer: its status, or the error.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

func main() {
	url := os.Args[1]
	size, _ := strconv.Atoi(os.Args[2])
	times, _ := strconv.Atoi(os.Args[3])
	body := bytes.Repeat([]byte("x"), size)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range times {
		answer, err := client.Post(url, "application/octet-stream", bytes.NewReader(body))
		if err != nil {
			fmt.Println(err)
			continue
		}
		_, err = io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(answer.StatusCode)
	}
}
