# Every service of Atelier, one image each, built from the root of the checkout:
#
#   docker build -f deploy/service.Dockerfile --build-arg SERVICE=agent -t atelier/agent .
#
# SERVICE is api, agent, gateway-ws, sandbox or standalone (migrations, the demo model).
# The bases may come from a mirror: --build-arg PYTHON=registry.example/python:3.13-slim.
# Stages that a service does not need are skipped, unless the builder is a very old one.
ARG PYTHON=python:3.13-slim
ARG NODE=node:22-slim
ARG SERVICE

# The page.
FROM ${NODE} AS web
WORKDIR /src
COPY services/web/package.json services/web/package-lock.json services/web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY services/web ./
RUN npm run build -- --outDir dist

# The service and exactly what it imports, in the versions that are tested.
FROM ${PYTHON} AS build
ARG SERVICE
ARG UV=0.13.9
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore uv==${UV}
WORKDIR /src
COPY requirements.txt ./
COPY libs libs
COPY services/${SERVICE} services/${SERVICE}
RUN uv venv --quiet /opt/atelier \
  && uv pip install --quiet --no-cache --compile-bytecode --python /opt/atelier/bin/python \
    --constraints requirements.txt --build-constraints requirements.txt \
    ./libs/* ./services/${SERVICE}

# What all of them run in.
FROM ${PYTHON} AS runtime
ENV PATH=/opt/atelier/bin:/usr/local/bin:/usr/bin:/bin \
  PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
  HTTP_HOST=0.0.0.0 LOG_FORMAT=json
RUN mkdir -p /var/lib/atelier && chown 10001:10001 /var/lib/atelier
WORKDIR /var/lib/atelier
ENTRYPOINT ["python", "-m"]

FROM runtime AS runtime-agent
EXPOSE 3003
CMD ["agent"]

FROM runtime AS runtime-gateway-ws
EXPOSE 3002
CMD ["gateway_ws"]

FROM runtime AS runtime-standalone
COPY migrations /srv/migrations
ENV MIGRATIONS_DIR=/srv/migrations
CMD ["standalone.provision"]

FROM runtime AS runtime-api
COPY --from=web /src/dist /srv/web
ENV STATIC_DIR=/srv/web
EXPOSE 3001
CMD ["api"]

# Apps run in here, each in namespaces of its own; they see its /usr, and nothing else.
FROM ${NODE} AS node
FROM runtime AS runtime-sandbox
RUN apt-get update \
  && apt-get install --yes --no-install-recommends bubblewrap ca-certificates \
  && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
COPY --from=build /usr/local/bin/uv /usr/local/bin/uv
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
  && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
ENV SANDBOX_DIR=/var/lib/atelier/sandboxes HTTP_PORT=3004 PREVIEW_PORT=3005
EXPOSE 3004 3005
CMD ["sandbox"]

FROM runtime-${SERVICE}
COPY --from=build /opt/atelier /opt/atelier
USER 10001:10001
