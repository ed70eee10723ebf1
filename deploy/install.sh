#!/usr/bin/env bash
# The lab on a Debian or Ubuntu server: services, TLS and a login. Run it again to repair, or, from
# a newer release, to update; readings, settings and the login are kept.
#
#   sudo bash install.sh --site lab.internal                               Caddy's own certificates
#   sudo bash install.sh --site lab.example.org --email you@example.org    public ones, by ACME
#
#   --login NAME     who logs in; by default lab
#   --monitoring     Debian's Prometheus too, at /prometheus/, behind the same login, and Alertmanager
#   --prepare        only what needs the network: packages, Python libraries, Kafka's jars
#
# The password is LOGIN_PASSWORD of the environment, or made up and told once.
# Beside this script lie the wheel and the lock: `python deploy/release.py` packs all three.
set -euo pipefail
umask 022
export HOME=/root # cloud-init sets none
release=$(dirname "$(readlink -f "$0")")

site='' email='' login=lab monitoring='' prepare=''
while (($#)); do
  case $1 in
    --site) site=$2; shift ;;
    --email) email=$2; shift ;;
    --login) login=$2; shift ;;
    --monitoring) monitoring=yes ;;
    --prepare) prepare=yes ;;
    *) echo "Error: unknown option $1" >&2; exit 2 ;;
  esac
  shift
done

fail() { printf 'Error: %s\nNext:  %s\n' "$1" "$2" >&2; exit 1; }
say() { printf '==> %s (%s s)\n' "$1" "$SECONDS"; }

[[ $(id -u) == 0 ]] || fail "only root can install services" "sudo bash install.sh --site NAME"
[[ -n $site$prepare ]] || fail "the page has no name yet" "sudo bash install.sh --site NAME"
[[ $site =~ ^[A-Za-z0-9.:-]*$ ]] || fail "$site is not the name of a machine" "--site lab.example.org"
[[ $login =~ ^[A-Za-z0-9._-]+$ ]] || fail "$login is not a login" "--login lab"
wheel=$(ls "$release"/labkit-*.whl) || fail "no wheel lies beside this script" "python deploy/release.py"

say "Packages"
packages=(caddy ca-certificates curl logrotate python3 python3-venv restic)
if [[ -n $monitoring ]]; then
  # Before the packages start them: by default both listen on all addresses.
  packages+=(prometheus prometheus-alertmanager)
  echo "ARGS='--config.file=/etc/labkit/alertmanager.yml --web.listen-address=127.0.0.1:9093" \
    "--cluster.listen-address='" >/etc/default/prometheus-alertmanager
  echo "ARGS='--web.listen-address=127.0.0.1:9090" \
    "--web.external-url=https://${site:-localhost}/prometheus/" \
    "--storage.tsdb.retention.time=30d --storage.tsdb.retention.size=1GB'" >/etc/default/prometheus
fi
if ! dpkg-query --status "${packages[@]}" >/dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq install --yes --no-install-recommends -o Dpkg::Options::=--force-confold \
    "${packages[@]}" >/dev/null
fi

# Each release has an environment of its own, so an update that fails leaves the old one in use.
say "labkit and its libraries"
hash=$(cat "$wheel" "$release/requirements-server.lock" | sha256sum | cut -c1-12)
venv=/opt/labkit/venv-$hash
if [[ ! -e $venv/installed ]]; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --no-cache-dir --require-hashes \
    --requirement "$release/requirements-server.lock"
  "$venv/bin/pip" install --quiet --no-deps --no-index "$wheel"
  touch "$venv/installed"
fi

say "Kafka"
LABKIT_CACHE_DIR=/var/cache/labkit "$venv/bin/python" -c \
  'from labkit.broker.install.kafka_jars import kafka_jars; kafka_jars()'
if [[ -n $prepare ]]; then
  say "Prepared"
  exit
fi

say "Services"
"$venv/bin/labkit" service install --site "$site" 2>&1 | sed 's/^/    /'

say "TLS and the login"
caddyfile=/etc/caddy/Caddyfile
password=${LOGIN_PASSWORD:-} hash=''
if [[ -z $password ]] && grep -qs '^# labkit' "$caddyfile"; then
  hash=$(awk -v name="$login" '$1 == name && NF == 2 {print $2}' "$caddyfile")
fi
if [[ -z $hash ]]; then
  made_up=''
  [[ -n $password ]] || made_up=yes password=$(head -c 15 /dev/urandom | base64 | tr '+/' '-_')
  hash=$(caddy hash-password <<<"$password")
fi
# Caddy's own CA answers for a name that nobody registered. HTTP/3 is left out: it is another port.
own_ca="	tls internal" default_sni="	default_sni $site" acme=''
[[ -z $email ]] || own_ca='' default_sni='' acme="	email $email"
prometheus=''
[[ -z $monitoring ]] || prometheus='	reverse_proxy /prometheus/* 127.0.0.1:9090 {
		header_up -Authorization
	}'
touch "$caddyfile"
chown root:caddy "$caddyfile"
chmod 640 "$caddyfile"
cat >"$caddyfile" <<END
# labkit: made by install.sh, which keeps the login and replaces the rest.
{
	admin off
	skip_install_trust
	servers {
		protocols h1 h2
	}
$default_sni
$acme
}
$site {
$own_ca
	basicauth {
		$login $hash
	}
	header Strict-Transport-Security max-age=31536000
$prometheus
	reverse_proxy 127.0.0.1:8050 {
		header_up -Authorization
	}
}
END
caddy fmt --overwrite "$caddyfile"
caddy validate --adapter caddyfile --config "$caddyfile" >/dev/null 2>&1 ||
  fail "Caddy refuses its settings" "caddy validate --adapter caddyfile --config $caddyfile"
systemctl enable --quiet caddy
systemctl restart caddy

if [[ -n $monitoring ]]; then
  say "Prometheus and Alertmanager"
  install -m 644 "$release"/prometheus/*.yml /etc/prometheus/
  # Whom to call is yours to set: an existing file is kept.
  [[ -e /etc/labkit/alertmanager.yml ]] ||
    install -m 644 "$release"/alertmanager/alertmanager.yml /etc/labkit/
  systemctl enable --quiet prometheus prometheus-alertmanager
  systemctl restart prometheus prometheus-alertmanager
fi

# What older releases left, but for the last one, to which you may want to go back.
touch "$venv"
ls -dt /opt/labkit/venv-* | tail -n +3 | xargs -r rm -rf

say "Done: https://$site/"
if [[ -n ${made_up:-} ]]; then
  if [[ -t 1 ]]; then
    printf 'Log in as %s with the password %s\nIt is not told again.\n' "$login" "$password"
  else
    (umask 077 && printf '%s %s\n' "$login" "$password" >/root/labkit-login)
    echo "The login is in /root/labkit-login. Next: sudo cat /root/labkit-login, then delete it"
  fi
fi
[[ -n $email ]] ||
  echo "Your browser needs this CA: /var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
