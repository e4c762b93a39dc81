#!/bin/sh
# Makes the secrets of an installation, each in a file of its own:
#
#   deploy/secrets.sh [FOLDER]        default: deploy/secrets
#
# What is there stays as it is, so that it may run again; to change one, remove its file
# (and, for a password, the file in keys/ that it is made from) and run it again.
# DATABASE is host:port/name of the database, ?sslmode=require and the like included;
# NATS_SERVERS are host:port of the bus's servers, with spaces between.
set -eu

folder=${1:-$(dirname "$0")/secrets}
database=${DATABASE:-postgres:5432/atelier}
servers=${NATS_SERVERS:-nats:4222}

# The folder keeps others out. The files can be read by the users of containers, who see
# only those that they are given.
umask 022
mkdir -p "$folder/keys"
chmod 700 "$folder" "$folder/keys"

put() { [ -e "$folder/$1" ] || { cat >"$folder/$1.new" && mv "$folder/$1.new" "$folder/$1"; }; }
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
key() { random | put "keys/$1"; chmod 600 "$folder/keys/$1"; cat "$folder/keys/$1"; }

bus_url() {
  password=$(key "nats-$1") urls=
  for server in $servers; do urls="${urls:+$urls,}nats://$1:$password@$server"; done
  echo "$urls"
}

random | put secret-key
random | put grafana-password
for service in agent api; do
  echo "postgresql://$service:$(key "postgres-$service")@$database" | put "$service-database-url"
done
echo "postgresql://atelier:$(key postgres-atelier)@$database" | put atelier-database-url
key postgres-atelier | put postgres-password
for user in agent api gateway sandbox integration; do
  bus_url "$user" | put "$user-nats-url"
done
for user in agent api gateway sandbox integration system; do
  echo "$(echo "$user" | tr a-z A-Z)_PASSWORD: \"$(key "nats-$user")\""
done | put nats-passwords.conf
{
  echo "routes: ["
  for server in $servers; do echo "  \"nats-route://route:$(key nats-system)@${server%:*}:6222\""; done
  echo "]"
} | put nats-routes.conf

# Yours to fill: the language model's key, the secret of single sign-on, and for HTTPS a
# certificate for the host and the wildcard of previews.
for name in openrouter-api-key oidc-client-secret tls-certificate tls-key; do
  put "$name" </dev/null
done
