#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154,SC2317 # what the sourced script sets, what bats calls, and $ that is meant to stay
# The document's shell by itself: how parameters reach the Python, and the parts of the Bottlerocket script.

setup() {
  deploy="$BATS_TEST_DIRNAME/../../deploy"
  export ECS_PULL_AUTH_ROOT="$BATS_TEST_TMPDIR" ECS_PULL_AUTH_POLL_SECONDS=0.01 ECS_PULL_AUTH_LOCK_SECONDS=0
  arn=arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/ecs-AbCdEf
  # shellcheck source=/dev/null
  source "$deploy/node/bottlerocket.sh"
}

# The script of the document, with a python3 that tells its parameters instead of running anything.
script() {
  jq -r '.mainSteps[0].inputs.runCommand[]' "$deploy/document.json" >"$BATS_TEST_TMPDIR/script"
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  # shellcheck disable=SC2016
  printf '#!/bin/bash\necho "${ECS_PULL_AUTH_BOOT-} $SSM_secretArn $SSM_versionId $SSM_mode $SSM_jitterSeconds $SSM_bootHook"\n' >"$BATS_TEST_TMPDIR/bin/python3"
  chmod +x "$BATS_TEST_TMPDIR/bin/python3"
  bash=$(command -v bash)
}

in_script() { PATH="$BATS_TEST_TMPDIR/bin" "$bash" "$BATS_TEST_TMPDIR/script" "$@"; }

@test "parameters that the SSM agent exports are taken as they are, whatever is in them" {
  script
  export SSM_secretArn='$(id)"x' SSM_versionId=any SSM_mode=replace SSM_jitterSeconds=7 SSM_bootHook=remove
  run in_script
  [ "$output" = ' $(id)"x any replace 7 remove' ]
}

@test "parameters that it does not export are what it pasted" {
  script
  run in_script
  [ "$output" = ' {{secretArn}} {{versionId}} {{mode}} {{jitterSeconds}} {{bootHook}}' ]
}

@test "as a command it boots or installs, without jitter and without a version" {
  script
  run in_script boot "$arn"
  [ "$output" = "1 $arn any auth-only 0 keep" ]
  run in_script install "$arn" replace
  [ "$output" = "1 $arn any replace 0 install" ]
}

@test "without python3 it says so and ends with 15" {
  script
  rm "$BATS_TEST_TMPDIR/bin/python3"
  run in_script
  [ "$status" = 15 ]
  [[ ${lines[0]} = 'ecs-pull-auth result=unsupported version=- agent=- seconds=0 reason=no-python3' ]]
}

@test "the lock of a process that is gone is taken over, and given back" {
  mkdir -p "$root/run"
  ln -s 999999999 "$lock"
  export ECS_PULL_AUTH_LOCK_SECONDS=60
  run take_lock
  [ "$status" = 0 ]
  [ ! -L "$lock" ]
}

@test "the lock of a process that lives is left alone, with 10" {
  mkdir -p "$root/run"
  ln -s $$ "$lock"
  run take_lock
  [ "$status" = 10 ]
  [[ ${lines[0]} = 'ecs-pull-auth result=busy version=- agent=- seconds='*' reason=lock' ]]
  [ "$(readlink "$lock")" = $$ ]
}

# A curl that answers with this body and status, and counts how often it is asked.
answer() {
  answer_body=$1 answer_status=$2
  curl() {
    cat >/dev/null
    echo asked >>"$BATS_TEST_TMPDIR/asked"
    printf '%s\n%s' "$answer_body" "$answer_status"
  }
}

asked() { wc -l <"$BATS_TEST_TMPDIR/asked"; }

@test "a request that is throttled is sent three times, and told by its type alone" {
  answer '{"__type":"com.amazonaws#ThrottlingException","message":"MARK"}' 400
  run request secretsmanager </dev/null
  [ "$status" = 11 ]
  [ "$(asked)" = 3 ]
  [[ ${lines[0]} = *' reason=secretsmanager-http-400-ThrottlingException' ]]
  [[ $output != *MARK* ]]
}

@test "a request that is refused is sent once" {
  answer '{"__type":"AccessDeniedException"}' 400
  run request secretsmanager </dev/null
  [ "$status" = 11 ]
  [ "$(asked)" = 1 ]
}

@test "a server that cannot be reached is asked three times" {
  answer '' 000
  run request imds </dev/null
  [ "$(asked)" = 3 ]
  [[ ${lines[0]} = *' reason=imds-http-000' ]]
}

setting() { jq -n --arg auth "$1" '"ECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA=" + $auth + "\n"' | jq -Sc "$SETTING"; }

@test "every entry of the setting but the last has the password that closes its brace" {
  run setting '{"https://index.docker.io/v1/":{"auth":"dTpw"},"ghcr.io":{"auth":"dTpw"},"https://x.io":{"auth":"dTpw"}}'
  [ "$output" = '[{"auth":"dTpw","password":"unused","registry":"docker.io"},{"auth":"dTpw","password":"unused","registry":"ghcr.io"},{"auth":"dTpw","registry":"x.io"}]' ]
}

@test "a refusal names its reason and nothing of the config" {
  run setting '{"ghcr.io":{"auth":"MARK"}}{'
  [ "$output" = '"refused auth-data-json"' ]
  run setting '{"MARK io":{"auth":"dTpw"}}'
  [ "$output" = '"refused auth-data-key"' ]
}

@test "an agent that is not registered has no version, and one that is too busy to answer is told apart" {
  answer_of() { printf '%s' "$1"; }
  curl() { answer_of '{"Cluster":"prod","ContainerInstanceArn":null,"Version":"Amazon ECS Agent - v1.105.1 (8dfceca6)"}'; }
  introspect
  [ "$agent" = - ]
  curl() { answer_of '{"Cluster":"prod","ContainerInstanceArn":"arn:x","Version":"Amazon ECS Agent - v1.105.1 (8dfceca6)"}'; }
  introspect
  [ "$agent" = 1.105.1 ]
  curl() { return 7; }
  introspect || return 1
  [ "$agent" = - ]
  curl() { return 28; }
  run introspect
  [ "$status" = 1 ]
}
