#!/bin/sh
# Makes what docker-compose.yml mounts from secrets/: a password per login and the keys of the
# services. What is there already stays, so it is safe to run again after an upgrade.
#
#   deploy/secrets.sh                          for the Postgres of docker-compose.yml
#   deploy/secrets.sh db.example:5432/footfall for another; then write its administrator's URL,
#                                              which only you know, into secrets/admin_url
set -eu
umask 077
cd "$(dirname "$0")/.."
place=${1:-postgres:5432/footfall}

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# The files are readable so that the account inside a container, which is none of this machine's,
# can read what is mounted for it; the directory lets nobody else on this machine come near.
keep() {
    [ -e "secrets/$1" ] && return
    "$2" > "secrets/.$1"
    chmod 0444 "secrets/.$1"
    mv "secrets/.$1" "secrets/$1"
    echo "made secrets/$1"
}

url() { printf 'postgresql://%s:%s@%s\n' "$1" "$2" "$place"; }
admin_url() { url postgres "$(cat secrets/postgres_password)"; }
login_url() { url "footfall_$login" "$(random)"; }

# An Ed25519 key in PKCS#8 is these sixteen bytes and thirty-two random ones (RFC 8410).
ed25519_key() {
    echo '-----BEGIN PRIVATE KEY-----'
    {
        printf '\060\056\002\001\000\060\005\006\003\053\145\160\004\042\004\040'
        head -c 32 /dev/urandom
    } | base64
    echo '-----END PRIVATE KEY-----'
}

mkdir -p secrets
chmod 0700 secrets
keep postgres_password random
keep admin_url admin_url
for login in owner maintenance event_ingest insight journey pricing bi; do
    keep "${login}_url" login_url
done
keep token_key random
keep internal_key ed25519_key
