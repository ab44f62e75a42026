"""Serves a folder to this machine, and keeps what its pages post.

    python3 embedded/serve.py FOLDER FILE     prints the port, which is a free one; FILE gets the bodies of all posts
"""

import functools
import http.server
import sys

folder, said = sys.argv[1:]


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(said, "ab") as file:
            file.write(body)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
print(server.server_port, flush=True)
server.serve_forever()
