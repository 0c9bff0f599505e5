"""Page loads for `bench.web_waiting`: `python -m bench.web_watch PORT RATE SECONDS COOKIE` gets RATE pages per second.

It prints a JSON list: the seconds from the time each page was due to its arrival.
"""

import http.client
import json
import sys
import threading
import time

PAGES = ("/", "/trade", "/history", "/symbols/ABC")
WATCHERS = 8
"""Connections among which the requests are distributed, so that a slow one delays few others."""


def main() -> int:
    port, rate, seconds, cookie = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    latencies: list[float] = []
    begin = time.monotonic()

    def look(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for number in range(first, round(rate * seconds), WATCHERS):
            due = begin + number / rate
            time.sleep(max(0.0, due - time.monotonic()))
            connection.request("GET", PAGES[number % len(PAGES)], headers={"Cookie": cookie})
            response = connection.getresponse()
            response.read()
            latencies.append(time.monotonic() - due)
            assert response.status == 200, response.status
        connection.close()

    threads = [threading.Thread(target=look, args=(first,)) for first in range(WATCHERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(latencies))
    return 0


if __name__ == "__main__":
    sys.exit(main())
