"""Sends the same request again and again and prints what it saw of each answer: its status, or the error."""

import http.client
import sys
import urllib.parse

url, size, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
parts = urllib.parse.urlsplit(url)
body = b"x" * size

for _ in range(times):
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request("POST", parts.path, body)
        answer = connection.getresponse()
        answer.read()
        print(answer.status)
    except (OSError, http.client.HTTPException) as error:
        print(repr(error))
    finally:
        connection.close()
