"""nginx as a TLS front: every port serves one page to whoever shows a known bearer token, or
forwards everything to a server behind it."""
import os
import pwd
from typing import NamedTuple

from support.processes import Server, accepts_connections, free_port

BINARY = "/usr/sbin/nginx"

_MAIN = """
daemon off;
worker_processes 1;
user {user};
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  log_format seen '$server_port $status $bearer $sent_http_content_encoding $connection '
                  '$ssl_client_serial';
  access_log {folder}/access.log seen;
  gzip on;
  gzip_types *;
  gzip_min_length 1;
  map $http_authorization $bearer {{
    default nobody;
{tokens}
  }}
{servers}
}}
"""

_SERVER = """
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    {client_check}
    {location}
  }}
"""

_PAGE = """location = /federate {{
      if ($bearer = nobody) {{ return 401; }}
      types {{ }}
      default_type "text/plain; version=0.0.4; charset=utf-8";
      alias {page};
    }}"""

_FORWARD = """location / {{
      proxy_pass http://{behind};
    }}"""


class Site(NamedTuple):
    certificate: str
    key: str
    client_ca: str = ""  # when set, a client certificate of this authority is demanded
    behind: str = ""     # when set, the host:port that everything is forwarded to


class Request(NamedTuple):
    port: int
    status: int
    bearer: str    # the name of the token that came, or "nobody"
    encoding: str  # of the answer
    connection: int
    serial: str    # of the client's certificate, or "-"


class Nginx(Server):
    """`sites` by name, `tokens` as name -> token; `ports` tells where each site listens."""

    def __init__(self, folder, page, sites, tokens):
        self._folder = folder
        self.ports = {name: free_port() for name in sites}
        with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as file:
            file.write(_MAIN.format(
                folder=folder, user=pwd.getpwuid(os.getuid()).pw_name,
                tokens="\n".join(f'    "Bearer {token}" {name};' for name, token in tokens.items()),
                servers="".join(self._server(name, site, page) for name, site in sites.items())))
        super().__init__([BINARY, "-p", folder, "-c", os.path.join(folder, "nginx.conf"),
                          "-e", os.path.join(folder, "nginx-error.log")],
                         os.path.join(folder, "nginx.log"))
        try:
            self.wait_ready(lambda: all(map(accepts_connections, self.ports.values())))
        except BaseException:
            self.stop()
            raise

    def _server(self, name, site, page):
        check = (f"ssl_verify_client on; ssl_client_certificate {site.client_ca};"
                 if site.client_ca else "")
        location = (_FORWARD.format(behind=site.behind) if site.behind else
                    _PAGE.format(page=page))
        return _SERVER.format(port=self.ports[name], certificate=site.certificate, key=site.key,
                              client_check=check, location=location)

    def url(self, name):
        return f"https://127.0.0.1:{self.ports[name]}/federate?match[]={{job=\"federate\"}}"

    def requests(self, name):
        """What was asked of a site so far, in order."""
        with open(os.path.join(self._folder, "access.log"), encoding="utf-8") as file:
            rows = [line.split() for line in file if line.endswith("\n")]
        return [Request(int(port), int(status), bearer, encoding, int(connection), serial)
                for port, status, bearer, encoding, connection, serial in rows
                if int(port) == self.ports[name]]
