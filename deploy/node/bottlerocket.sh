# Bottlerocket: the script runs in the control container, which has bash, curl, jq and apiclient, but no python3. There is
# no ecs.config: the setting container-registry.credentials becomes the agent's registry auth, and the API restarts the
# agent by itself (facts ecs-agent.md section 11). Credentials are in shell variables and in pipes, never in an argument.
root=${ECS_PULL_AUTH_ROOT-}
lock=$root/run/ecs-pull-auth.lock
# The one folder of the control container that outlives it.
state=$root/.bottlerocket/host-containers/current/ecs-pull-auth
poll=${ECS_PULL_AUTH_POLL_SECONDS:-0.2}
version=- agent=-

# finish RESULT EXIT REASON
finish() {
  echo "ecs-pull-auth result=$1 version=$version agent=$agent seconds=$SECONDS${3:+ reason=$3}"
  [ "$2" = 0 ] || echo "ecs-pull-auth: this Bottlerocket instance: $1, $3." >&2
  exit "$2"
}

# A link, because making one is atomic everywhere. Whoever was killed cannot hold it: its process is gone.
take_lock() {
  local holder
  mkdir -p "$root/run"
  until ln -s $$ "$lock" 2>/dev/null; do
    holder=$(readlink "$lock") && [ ! -d "/proc/$holder" ] && rm -f "$lock"
    [ "$SECONDS" -lt "${ECS_PULL_AUTH_LOCK_SECONDS:-60}" ] || finish busy 10 lock
    sleep "$poll"
  done
  trap 'rm -f "$lock"' EXIT
}

# request WHO, curl's config on standard input: sets body and fails with a status and an error type, never a body.
request() {
  local config try status kind failure
  config=$(cat)
  for try in 1 2 3; do
    body=$(printf '%s\n' "$config" | curl -s -m 10 -w '\n%{http_code}' -K - 2>/dev/null)
    status=${body##*$'\n'} body=${body%$'\n'*}
    [ "$status" != 200 ] || return 0
    kind=$(printf '%s' "$body" | jq -r '.__type // empty | sub(".*#"; "")' 2>/dev/null | tr -cd 'A-Za-z' | cut -c1-40)
    failure=$1-http-$status${kind:+-$kind}
    case "$status-$kind" in 000-* | 5* | 429-* | *-Thrott* | *-TooManyRequests*) ;; *) break ;; esac
    [ "$try" = 3 ] || sleep "$poll"
  done
  finish fetch-failed 11 "$failure"
}

# Sets version_id and stored. curl signs by itself; what it reads on standard input shows in no list of processes.
fetch_secret() {
  local imds=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}/latest region suffix=amazonaws.com token role keys
  region=$(printf '%s' "$SSM_secretArn" | cut -d: -f4)
  case "$SSM_secretArn" in arn:aws-cn:*) suffix=amazonaws.com.cn ;; arn:aws:* | arn:aws-us-gov:*) ;; *) finish unsupported 15 partition ;; esac
  request imds < <(printf '%s\n' "url = \"$imds/api/token\"" 'request = PUT' 'noproxy = "*"' \
    'header = "X-aws-ec2-metadata-token-ttl-seconds: 60"')
  token=$body
  metadata() {
    request imds < <(printf '%s\n' "url = \"$imds/meta-data/iam/security-credentials/$1\"" 'noproxy = "*"' \
      "header = \"X-aws-ec2-metadata-token: $token\"")
  }
  metadata ''
  role=${body%%$'\n'*}
  metadata "$role"
  keys=$(printf '%s' "$body" | jq -r '.AccessKeyId + ":" + .SecretAccessKey + "\n" + .Token' 2>/dev/null)
  # Nothing in them may end a word of curl's config.
  case "$keys" in *[\"\\]* | : | *$'\n') finish fetch-failed 11 imds-no-credentials ;; *:*$'\n'*) ;; *) finish fetch-failed 11 imds-no-credentials ;; esac
  request secretsmanager < <(printf '%s\n' \
    "url = \"${AWS_ENDPOINT_URL_SECRETS_MANAGER:-https://secretsmanager.$region.$suffix}/\"" \
    "user = \"${keys%%$'\n'*}\"" "aws-sigv4 = \"aws:amz:$region:secretsmanager\"" \
    "header = \"X-Amz-Security-Token: ${keys#*$'\n'}\"" 'header = "Content-Type: application/x-amz-json-1.1"' \
    'header = "X-Amz-Target: secretsmanager.GetSecretValue"' \
    "data = \"{\\\"SecretId\\\":\\\"$SSM_secretArn\\\",\\\"VersionStage\\\":\\\"AWSCURRENT\\\"}\"")
  version_id=$(printf '%s' "$body" | jq -r '.VersionId | select(test("^[A-Za-z0-9-]{1,64}$"))' 2>/dev/null)
  stored=$(printf '%s' "$body" | jq -c '.SecretString | select(type == "string")' 2>/dev/null)
  [ -n "$version_id" ] || finish fetch-failed 11 secretsmanager-answer
  [ -n "$stored" ] || finish fetch-failed 11 secretsmanager-binary
}

# The setting that a stored config asks for, or the reason why not. Stricter than the agent: one entry that it would drop
# refuses all, because the API refuses the whole setting. An entry's closing brace hangs on its password in the agent's
# template, so every entry but the last has one that nobody reads. (jq before 1.7 catches in an inner `try` what fails
# after it; the brackets end it.)
# shellcheck disable=SC2016
SETTING='
  def trimmed: sub("^\\s+"; "") | sub("\\s+$"; "");
  def refuse($why; $broken): if $broken then error($why) else . end;
  def json: [try fromjson catch null] | .[0];
  def environment:
    if trimmed | startswith("{") then json | refuse("stored-json"; type != "object")
    else [split("\n")[] | trimmed | select(contains("=")) | index("=") as $at | {key: .[:$at], value: .[$at + 1:]}] | from_entries end;
  def registry: sub("^https?://"; "") | if . == "index.docker.io/v1/" then "docker.io" else . end;
  def auth($kind):
    if $kind == "dockercfg" then .auth
    elif .identitytoken // .registrytoken then error("auth-data-token")
    elif (.username | type) == "string" and (.password | type) == "string" then .username + ":" + .password | @base64
    else null end;
  try (
    environment | (.ECS_ENGINE_AUTH_TYPE // "" | tostring | trimmed) as $kind
    | refuse("auth-type"; $kind != "docker" and $kind != "dockercfg")
    | .ECS_ENGINE_AUTH_DATA // "" | refuse("auth-data-missing"; type != "string" or trimmed == "")
    | json | refuse("auth-data-json"; type != "object")
    | refuse("auth-data-auths-wrapper"; .auths | type == "object")
    | [to_entries[] | refuse("auth-data-field"; .value | type != "object")
       | {registry: (.key | registry), auth: (.value | auth($kind))}]
    | refuse("auth-data-empty"; length == 0)
    | refuse("auth-data-key"; any(.[]; .registry | test("^[A-Za-z0-9._:/-]+$") | not))
    | refuse("auth-data-twins"; (map(.registry) | unique | length) != length)
    | refuse("auth-data-auth"; any(.[]; (.auth | type) != "string" or (.auth | test("^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$") | not)))
    | [.[:-1][] + {password: "unused"}, .[-1]]
  ) catch ("refused " + if test("^[a-z-]+$") then . else "auth-data" end)'

# The current setting, in the order of keys that jq gives to all.
current_setting() {
  apiclient get settings.container-registry </dev/null 2>/dev/null | jq -Sc '.settings["container-registry"].credentials // []'
}

apply() {
  printf '%s' "$1" | jq -c '{settings: {"container-registry": {credentials: .} } }' | apiclient apply >/dev/null 2>&1
}

# Sets agent: the agent's version once it is registered with its cluster. Fails if it is too busy to answer in time.
introspect() {
  local metadata
  metadata=$(curl -s -m 2 --noproxy '*' "${ECS_PULL_AUTH_INTROSPECTION:-http://127.0.0.1:51678}/v1/metadata" 2>/dev/null)
  [ $? != 28 ] || return 1
  agent=$(printf '%s' "$metadata" | jq -r 'select(.ContainerInstanceArn) | .Version // "-" |
    sub("^[^0-9]*"; "") | sub("[^0-9A-Za-z.+-].*$"; "")' 2>/dev/null)
  agent=${agent:--}
}

# The agent stays registered for three questions. `anew`: after it was gone, for nothing here shows when it started, but
# its introspection ends with it and is back only once it has registered.
registered() {
  local deadline=$((SECONDS + ${ECS_PULL_AUTH_HEALTH_SECONDS:-90})) gone=$1 steady=0
  while [ "$steady" -lt 3 ]; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    if ! introspect; then
      steady=0
    elif [ "$agent" = - ]; then
      gone='' steady=0
    elif [ -z "$gone" ]; then
      steady=$((steady + 1))
    fi
    sleep "$poll"
  done
}

# An agent that is up answers at once; one may be starting just now, perhaps for an earlier run that was cut short.
up() { if introspect && [ "$agent" != - ]; then return 0; else registered ''; fi; }

digest() { printf '%s' "$1" | sha256sum | cut -c1-64; }
keep() { mkdir -p "$state" && printf '%s' "$2" >"$state/$1.new" && mv "$state/$1.new" "$state/$1"; }

bottlerocket() {
  local name current wanted stamp good reason=''
  for name in jq curl apiclient sha256sum; do
    command -v $name >/dev/null 2>&1 || finish unsupported 15 "bottlerocket-without-$name"
  done
  curl --help all 2>/dev/null | grep -q aws-sigv4 || finish unsupported 15 curl-without-aws-sigv4
  [[ $SSM_secretArn =~ ^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]{1,32}:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}$ ]] ||
    finish refused 12 parameter-secretArn
  [[ $SSM_jitterSeconds =~ ^([0-9]|[1-9][0-9]|[1-8][0-9][0-9]|900)$ ]] || finish refused 12 parameter-jitterSeconds
  [ "$SSM_mode" = auth-only ] || finish unsupported 15 bottlerocket-takes-auth-only
  take_lock

  current=$(current_setting)
  [ -n "$current" ] || finish unsupported 15 apiclient
  stamp=$(cat "$state/applied" 2>/dev/null)
  [ "${stamp##* }" != "$(digest "$current")" ] || version=${stamp%% *}
  fetch_secret
  wanted=$(printf '%s' "$stored" | jq -Sc "$SETTING" 2>/dev/null)
  case "$wanted" in '"refused '*) wanted=${wanted#* } && finish refused 12 "${wanted%\"}" ;; '') finish refused 12 auth-data ;; esac
  for name in $(printf '%s' "$wanted" | jq -r '.[].auth'); do
    printf '%s' "$name" | base64 -d 2>/dev/null | grep -qa : || finish refused 12 auth-data-auth
  done
  case "$SSM_versionId" in any | "$version_id") ;; *) reason=other-version ;; esac

  if [ "$wanted" = "$current" ] && [ "${stamp##* }" = "$(digest "$wanted")" ]; then
    version=$version_id
    up || finish agent-down 17 agent-not-registered
    keep applied "$version $(digest "$wanted")"
    finish unchanged 0 "$reason"
  fi
  # What an earlier run, cut short, had before it began is still the last good setting.
  good=$(cat "$state/last-good" 2>/dev/null) && [ -n "$good" ] || good=$current
  keep last-good "$good" || finish write-failed 16 last-good
  sleep $((RANDOM * (SSM_jitterSeconds + 1) / 32768))
  if ! up; then
    apply "$wanted" || finish write-failed 16 apiclient
    version=$version_id
    finish agent-down 17 agent-not-registered
  fi
  apply "$wanted" || finish write-failed 16 apiclient
  if registered anew; then
    version=$version_id
    keep applied "$version $(digest "$wanted")" && rm -f "$state/last-good"
    finish applied 0 "$reason"
  fi
  version=- agent=-
  apply "$good" || finish rollback-failed 14 apiclient
  registered anew || finish rollback-failed 14 agent-unhealthy
  [ "${stamp##* }" != "$(digest "$good")" ] || version=${stamp%% *}
  rm -f "$state/last-good"
  finish rolled-back 13 agent-unhealthy
}
