# What generated apps run in under SANDBOX_RUNTIME=docker. Build it once on each machine:
#
#   docker build -t atelier-sandbox -f deploy/sandbox.Dockerfile deploy
#
# The base may come from a mirror: --build-arg BASE=registry.example/node:22-bookworm.
# Nothing of Atelier is inside: what keeps an app in is mounted, so that image and
# service cannot be of different ages.
ARG BASE=node:22-bookworm
FROM ${BASE}

# The full base has Python, without what makes virtual environments; a slim one has none.
RUN python3 -c 'import ensurepip, venv' 2>/dev/null \
  || { apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*; }

# Where the project, its home, its packages and the keeper are mounted.
RUN mkdir -p /app /home/app /cache /run/atelier /opt/atelier

# Each container gets a user of its own; this one is for whoever runs the image by hand.
USER 65534:65534
WORKDIR /app
