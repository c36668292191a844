#!/usr/bin/env bash
# Installs the real software that the deeper checks run. What cannot be had is told here, and the test that needs it
# fails when CI=true, else is skipped. Run it as often as you like.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin

tell() { printf 'setup: %s\n' "$*" >&2; }

packages=()
need() { command -v "$1" >/dev/null || packages+=("$2"); }
need systemd-nspawn systemd-container
need dbus-daemon dbus
need ip iproute2
need chattr e2fsprogs
[ -x /usr/bin/python3 ] || packages+=(python3) # of the booted instances, which see no other
need docker-registry docker-registry
need skopeo skopeo
need htpasswd apache2-utils
need shellcheck shellcheck
need bats bats
need python3 python3
python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
need dash dash
need zsh zsh
need fish fish
need chromium chromium
need fc-match fontconfig
[ -e /usr/share/fonts/truetype/dejavu ] || packages+=(fonts-dejavu-core)
[ -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf ] || packages+=(fonts-noto-color-emoji)

have_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 "$@"
}

# A machine that was never updated knows no package, or only versions that are gone from the mirror.
apt_again() { apt "$@" || { apt update -qq && apt "$@"; }; }

if [ ${#packages[@]} -gt 0 ]; then
  if have_apt; then
    # docker-registry would start a registry of its own on port 5000.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
      trap 'rm -f "$policy"' EXIT
      printf '#!/bin/sh\nexit 101\n' >$policy
      chmod 755 $policy
    fi
    apt_again install -y -qq --no-install-recommends "${packages[@]}" >/dev/null || tell "not installed: ${packages[*]}"
  else
    tell "needs root and apt-get to install: ${packages[*]}"
  fi
fi

# Debian's docker CLI, without the daemon that its package would start.
docker=.tools/docker
if [ ! -x $docker/docker ] && have_apt; then
  folder=$(mktemp -d)
  for package in docker-cli docker.io; do
    chmod 777 "$folder" # apt drops root to download
    if (cd "$folder" && apt_again download -qq $package) >/dev/null 2>&1 && dpkg-deb -x "$folder"/$package*.deb "$folder/unpacked"; then
      mkdir -p $docker && cp "$folder"/unpacked/usr/bin/docker $docker/docker
      break
    fi
  done
  rm -rf "$folder"
  [ -x $docker/docker ] || tell 'no docker CLI in any package'
fi

# moto in an environment of its own: Debian's Python takes no packages but Debian's.
moto=.tools/moto
wanted=test/deep/moto-requirements.txt
has_moto() { cmp -s $wanted $moto/installed.txt && $moto/bin/python -c 'import moto.server, cfnlint, hcl2' 2>/dev/null; }
if ! has_moto; then
  rm -rf $moto
  if python3 -m venv $moto && $moto/bin/pip install --quiet --disable-pip-version-check --requirement $wanted; then
    cp $wanted $moto/installed.txt
  else
    rm -rf $moto
    tell 'no moto, cfn-lint, python-hcl2: python3 has no venv, or pip cannot install'
  fi
fi

# An IAM evaluator, beside the project and not in it: its licence is another one (AGPL-3.0).
simulator=.tools/iam-simulate
locked=test/tools/iam-simulate
has_simulator() { cmp -s $locked/package-lock.json $simulator/package-lock.json && [ -d $simulator/node_modules/@cloud-copilot/iam-simulate ]; }
if ! has_simulator; then
  rm -rf $simulator && mkdir -p $simulator
  cp $locked/package.json $locked/package-lock.json $simulator/
  if ! npm ci --silent --ignore-scripts --no-audit --no-fund --prefix $simulator; then
    rm -rf $simulator
    tell 'no iam-simulate: npm cannot install it'
  fi
fi

# The release lines of Node that the package admits, beside the one of the project; each is a package that runs no script.
nodes=.tools/nodes
versions='20.20.2 22.23.3 26.10.0'
case $(uname -m) in x86_64) machine=x64 ;; *) machine=arm64 ;; esac
if [ "$(cat $nodes/installed.txt 2>/dev/null)" != "$versions" ]; then
  rm -rf $nodes && mkdir -p $nodes
  aliases=()
  for version in $versions; do aliases+=("node-${version%%.*}@npm:node-linux-$machine@$version"); done
  if npm install --silent --ignore-scripts --no-audit --no-fund --no-save --prefix $nodes "${aliases[@]}"; then
    printf '%s' "$versions" >$nodes/installed.txt
  else
    rm -rf $nodes
    tell 'no Node 20, 22 and 26: npm cannot install them'
  fi
fi

# GitHub's own language service, and what draws a job summary.
github=.tools/github
locked=test/tools/github
has_github() { cmp -s $locked/package-lock.json $github/package-lock.json && [ -d $github/node_modules/@actions/languageservice ]; }
if ! has_github; then
  rm -rf $github && mkdir -p $github
  cp $locked/package.json $locked/package-lock.json $github/
  if ! npm ci --silent --ignore-scripts --no-audit --no-fund --prefix $github; then
    rm -rf $github
    tell 'no language service of GitHub, no marked, no mermaid: npm cannot install them'
  fi
fi

# zizmor, and actionlint from its sources: what the Python index has under that name fetches a program from elsewhere.
lint=.tools/lint
wanted=test/deep/lint-requirements.txt
actionlint=v1.7.12
has_lint() { cmp -s $wanted $lint/installed.txt && $lint/bin/actionlint -version 2>/dev/null | grep -qx "$actionlint"; }
# install_go FOLDER MODULE@VERSION…: with the Go beside zizmor, leaving nothing else behind.
install_go() {
  local folder=$1 build status=0
  build=$(mktemp -d)
  shift
  for module in "$@"; do
    GOPATH=$build/path GOCACHE=$build/cache GOFLAGS=-modcacherw GOBIN=$PWD/$folder $lint/bin/go install "$module" 2>"$build/log" ||
      { status=1 && tail -n 3 "$build/log" >&2 && break; }
  done
  rm -rf "$build"
  return $status
}
if ! has_lint; then
  rm -rf $lint
  if python3 -m venv $lint && $lint/bin/pip install --quiet --disable-pip-version-check --requirement $wanted &&
    install_go $lint/bin github.com/rhysd/actionlint/cmd/actionlint@$actionlint; then
    cp $wanted $lint/installed.txt
  else
    rm -rf $lint
    tell 'no linters of workflows: python3 has no venv, or pip or go cannot install'
  fi
fi

# Of Terraform, what can be had: the formatter of its language and its reader of modules, from their sources, and bindings
# that HashiCorp generated from the schema of its provider, which are read and not installed.
terraform=.tools/terraform
bindings=cdktf-cdktf-provider-aws==21.22.1
programs=(
  github.com/hashicorp/hcl/v2/cmd/hclfmt@v2.24.0
  github.com/hashicorp/terraform-config-inspect@v0.0.0-20260904064934-75d64de68c31
)
has_terraform() { [ "$(cat $terraform/installed.txt 2>/dev/null)" = "$bindings ${programs[*]}" ]; }
if ! has_terraform; then
  rm -rf $terraform
  if [ -x $lint/bin/go ] && install_go $terraform/bin "${programs[@]}" &&
    $lint/bin/pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest $terraform/bindings $bindings; then
    echo "$bindings ${programs[*]}" >$terraform/installed.txt
  else
    rm -rf $terraform
    tell 'nothing of Terraform: go or pip cannot install'
  fi
fi
