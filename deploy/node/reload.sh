#!/bin/bash
# Reloads the ECS agent with the registry credentials of a Secrets Manager secret: what AWS Systems Manager runs, as root.
# make-document.mjs puts bottlerocket.sh and the Python parts in and makes document.json of the whole.
umask 077

# As a command: `boot ARN [MODE]` only writes the file, for the moment before the agent starts; `install ARN [MODE]` does
# so too, and has systemd do it before every later start.
case "${1-}" in
  boot | install)
    export ECS_PULL_AUTH_BOOT=1 SSM_secretArn="${2-}" SSM_versionId=any SSM_mode="${3:-auth-only}" SSM_jitterSeconds=0
    if [ "$1" = install ]; then export SSM_bootHook=install; else export SSM_bootHook=keep; fi
    ;;
esac
export ECS_PULL_AUTH_SCRIPT="$0"

# SSM agents from 3.3.2746.0 on export parameters as SSM_<name>. Older ones paste the text instead, which the patterns of
# the parameters make safe. This form is AWS's own fallback; "${SSM_x:-…}" would append to a variable that is set.
if [ -z "${SSM_secretArn+x}" ]; then export SSM_secretArn="{{secretArn}}"; fi
if [ -z "${SSM_versionId+x}" ]; then export SSM_versionId="{{versionId}}"; fi
if [ -z "${SSM_mode+x}" ]; then export SSM_mode="{{mode}}"; fi
if [ -z "${SSM_jitterSeconds+x}" ]; then export SSM_jitterSeconds="{{jitterSeconds}}"; fi
if [ -z "${SSM_bootHook+x}" ]; then export SSM_bootHook="{{bootHook}}"; fi

@bottlerocket@
if [ -e "${ECS_PULL_AUTH_ROOT-}/.bottlerocket" ] || command -v apiclient >/dev/null 2>&1; then bottlerocket; fi
if ! command -v python3 >/dev/null 2>&1; then
  echo 'ecs-pull-auth result=unsupported version=- agent=- seconds=0 reason=no-python3'
  echo 'ecs-pull-auth: python3 is missing. Install it; ECS-optimized AMIs have it.' >&2
  exit 15
fi

# From standard input, so that no file has to be written first; -I keeps PYTHON* variables and the working directory out.
exec python3 -I - <<'PYTHON'
@python@
PYTHON
