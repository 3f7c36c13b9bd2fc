# SPDX-License-Identifier: ISC
"""eas_proxy.py - between an ActiveSync client that nobody here wrote and the server, on loopback: the server's
versions are cut to the newest that the client is to speak, and what it does speak is written down.

    with EasProxy(g.ports["http"], newest=14.1) as proxy:
        ...                                              # the client at http://127.0.0.1:proxy.port/
    proxy.spoken, proxy.commands                         # {"14.1"}, ["OPTIONS", "Provision", ...]
"""
import http.client
import http.server
import threading
import urllib.parse

DROPPED = ("connection", "keep-alive", "transfer-encoding", "content-length", "accept-encoding", "host")


class EasProxy:
    def __init__(self, port, newest=16.1):
        proxy = self
        self.spoken, self.commands, self.statuses = set(), [], []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def relay(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {k: v for k, v in self.headers.items() if k.lower() not in DROPPED}
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                proxy.commands.append(query.get("Cmd", [self.command])[0])
                if "MS-ASProtocolVersion" in self.headers:
                    proxy.spoken.add(self.headers["MS-ASProtocolVersion"])
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
                try:
                    upstream.request(self.command, self.path, body=body or None, headers=headers)
                    answer = upstream.getresponse()
                    data = answer.read()
                finally:
                    upstream.close()
                proxy.statuses.append(answer.status)
                self.send_response(answer.status)
                for k, v in answer.getheaders():
                    if k.lower() == "ms-asprotocolversions":
                        v = ",".join(x for x in v.split(",") if float(x) <= newest)
                    if k.lower() not in DROPPED:
                        self.send_header(k, v)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_OPTIONS = do_POST = do_GET = relay

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
