/** Every mistake that lint knows: its stable code, how bad it is, what it means and what to do. */

/** error: the agent loses or misreads something. warning: another reader does, or it goes wrong some day. note: good to know. */
type Severity = 'error' | 'warning' | 'note'

export interface LintRule {
  readonly severity: Severity
  readonly meaning: string
  readonly hint: string
}

const WRITE =
  'Write it as ECS_ENGINE_AUTH_DATA={"ghcr.io":{"auth":"…"}}: one line, no quotes around it, nothing after it.'
const MAP = 'The value is one JSON object: registry keys, each with an object such as {"auth":"…"}.'
const BASE64 =
  'auth is standard base64, with padding, of user:password, without a line break: printf %s "user:password" | base64 -w0.'
const ONE_KEY = 'Keep one spelling of each registry key, best the bare host.'

export const LINT_RULES = {
  // The whole text.
  empty: {
    severity: 'error',
    meaning: 'The config has no text.',
    hint: 'Store an ecs.config, at least ECS_CLUSTER=….',
  },
  'not-an-ecs-config': {
    severity: 'error',
    meaning: 'Nothing in the text sets an ECS_… variable.',
    hint: 'Store an ecs.config: ECS_CLUSTER=… and the rest, one variable a line.',
  },
  'docker-config-json': {
    severity: 'error',
    meaning: 'The text is a docker config.json, which the ECS agent does not read.',
    hint: 'Put the object inside `auths`, on one line, into ECS_ENGINE_AUTH_DATA, with ECS_ENGINE_AUTH_TYPE=dockercfg.',
  },
  'credential-json': {
    severity: 'error',
    meaning: 'The text is a credential with username and password, not a config.',
    hint: 'Name it as `credential` of a registry in the plan.',
  },
  'agent-config-json': {
    severity: 'error',
    meaning: "The text is the agent's own JSON config file; a mistake in it stops the agent.",
    hint: 'Use ecs.config; and let no ecs.config.json carry EngineAuthType or EngineAuthData: the two mix field by field.',
  },
  'registry-map-json': {
    severity: 'error',
    meaning: 'The text is a bare map of registries, without the variable around it.',
    hint: 'Put it, on one line, into ECS_ENGINE_AUTH_DATA, with ECS_ENGINE_AUTH_TYPE and the rest of the config.',
  },
  'json-invalid': {
    severity: 'error',
    meaning: 'The text begins like JSON but is not.',
    hint: 'Correct the JSON, or store the config as ecs.config text.',
  },
  'byte-order-mark': {
    severity: 'error',
    meaning: 'A byte order mark sticks to the first variable, which ecs-init and systemd then lose.',
    hint: 'Save the file as UTF-8 without BOM.',
  },
  'invalid-utf8': {
    severity: 'error',
    meaning: 'Bytes are not UTF-8: systemd drops the whole file in silence, docker run refuses it.',
    hint: 'Save the file as UTF-8.',
  },
  'nul-byte': {
    severity: 'error',
    meaning: 'A NUL byte makes systemd drop the whole file in silence.',
    hint: 'Remove the NUL byte.',
  },
  'carriage-return': {
    severity: 'error',
    meaning: 'A carriage return without line feed: ecs-init takes the lines for one.',
    hint: 'Save the file with LF or CRLF line ends.',
  },
  'text-too-large': {
    severity: 'error',
    meaning: 'The text is larger than a Secrets Manager secret (65,536 bytes).',
    hint: 'Remove entries that nothing uses, or split the fleet over two configs.',
  },
  'text-nearly-too-large': {
    severity: 'warning',
    meaning: 'The text is above 48 KiB; longer tokens will meet the limits of 64 KiB.',
    hint: 'Remove entries that nothing uses.',
  },
  // Lines.
  'space-before-equals': {
    severity: 'error',
    meaning: 'With a space before =, ecs-init reads a variable of another name, and docker run refuses the file.',
    hint: 'Write NAME=value without spaces.',
  },
  'export-prefix': {
    severity: 'error',
    meaning: 'ecs-init knows no export: the variable has another name.',
    hint: 'Remove export; the file is not a shell script.',
  },
  'auth-name-misspelt': {
    severity: 'error',
    meaning: 'The line means to set registry auth, but the name is not the one that the agent reads.',
    hint: 'Write ECS_ENGINE_AUTH_TYPE=… and ECS_ENGINE_AUTH_DATA=… exactly so, at the start of a line.',
  },
  'space-in-name': {
    severity: 'warning',
    meaning: 'A variable name has white space; docker run --env-file refuses the whole file.',
    hint: 'Correct the line, or begin it with #.',
  },
  'empty-name': {
    severity: 'warning',
    meaning: 'A line has nothing before =; docker run --env-file refuses the whole file.',
    hint: 'Remove the line.',
  },
  'line-without-equals': {
    severity: 'warning',
    meaning: 'A line sets nothing: readers skip it, and docker run takes its value from the caller.',
    hint: 'Write NAME=value, or begin the line with #.',
  },
  'semicolon-comment': {
    severity: 'warning',
    meaning: 'A comment with ; is one for systemd only; docker run --env-file refuses the whole file.',
    hint: 'Begin comments with #.',
  },
  'space-after-equals': {
    severity: 'warning',
    meaning: 'ecs-init and docker run keep the space after = as part of the value.',
    hint: 'Write NAME=value without spaces.',
  },
  'trailing-space': {
    severity: 'note',
    meaning: 'docker run --env-file keeps white space at the end of a value.',
    hint: 'Remove it.',
  },
  'wide-space': {
    severity: 'warning',
    meaning: 'A no-break or other wide space at an end: ecs-init cuts it off, the others keep it in the value.',
    hint: 'Remove it.',
  },
  'quoted-value': {
    severity: 'warning',
    meaning: 'ecs-init and docker run keep the quotes as part of the value.',
    hint: 'Remove the quotes.',
  },
  'unclosed-quote': {
    severity: 'warning',
    meaning: 'systemd takes everything up to the next quote, over all line ends, for this value.',
    hint: 'Remove the quote.',
  },
  'swallowed-line': {
    severity: 'warning',
    meaning: 'The line ends in a backslash: systemd joins it with the next one, which is lost.',
    hint: 'Remove the backslash.',
  },
  'line-too-long': {
    severity: 'warning',
    meaning: 'docker run --env-file refuses a file with a line above 65,535 bytes.',
    hint: 'Remove entries that nothing uses.',
  },
  'line-unstartable': {
    severity: 'error',
    meaning: 'A variable above 131,071 bytes: Linux starts no process with it.',
    hint: 'Remove entries that nothing uses.',
  },
  'duplicate-variable': {
    severity: 'warning',
    meaning: 'A variable is set more than once; only the last one counts.',
    hint: 'Remove the others.',
  },
  'commented-out-auth': {
    severity: 'warning',
    meaning: 'Registry auth in a comment is still readable, and ecs-init passes it on under an odd name.',
    hint: 'Delete the line.',
  },
  'state-damaged': {
    severity: 'warning',
    meaning: 'The state line of ecs-pull-auth cannot be read: old credentials will not be revoked.',
    hint: 'Remove the line; the next rotation writes a new one.',
  },
  // Key/value form.
  'value-not-text': {
    severity: 'error',
    meaning: 'In the key/value form every value is a string.',
    hint: 'Put the value in double quotes; ECS_ENGINE_AUTH_DATA is JSON inside a string.',
  },
  'value-with-line-break': {
    severity: 'error',
    meaning: 'A value with a line break cannot be a line of ecs.config.',
    hint: 'Write the value on one line.',
  },
  // Other variables.
  'cluster-missing': {
    severity: 'warning',
    meaning:
      'Without ECS_CLUSTER the agent joins the cluster `default`; an instance of another cluster stops its agent.',
    hint: 'Set ECS_CLUSTER, unless only the two auth lines reach the instance.',
  },
  'json-variable-invalid': {
    severity: 'error',
    meaning: 'The agent does not start when this variable is not a JSON object of strings.',
    hint: 'Write it as {"name":"value"}, on one line, without quotes around it.',
  },
  'stale-image': {
    severity: 'note',
    meaning:
      'With this ECS_IMAGE_PULL_BEHAVIOR a failed pull runs the cached image: an expired credential stays unseen.',
    hint: 'Set ECS_IMAGE_PULL_BEHAVIOR=always or once, if a stale image is worse than a stopped task.',
  },
  'debug-log': {
    severity: 'warning',
    meaning: 'At ECS_LOGLEVEL=debug, ecs-init can write registry auth to /var/log/ecs/ecs-init.log.',
    hint: 'Set ECS_LOGLEVEL=info.',
  },
  'log-elsewhere': {
    severity: 'note',
    meaning: 'With ECS_LOG_DRIVER the file ecs-agent.log is off, and with it every warning about registry auth.',
    hint: 'Set ECS_LOGLEVEL_ON_INSTANCE=info.',
  },
  'checkpoint-off': {
    severity: 'warning',
    meaning: 'With ECS_CHECKPOINT=false a restarted agent registers anew and its tasks are orphaned.',
    hint: 'Remove the line; the default keeps the state.',
  },
  // The two auth variables.
  'auth-none': {
    severity: 'note',
    meaning: 'There is no registry auth: every pull is anonymous, or by the role or repositoryCredentials.',
    hint: 'A first rotation adds it.',
  },
  'auth-type-missing': {
    severity: 'error',
    meaning: 'Without ECS_ENGINE_AUTH_TYPE the agent ignores ECS_ENGINE_AUTH_DATA, without a word.',
    hint: 'Set ECS_ENGINE_AUTH_TYPE=dockercfg (entries with auth) or docker (with username and password).',
  },
  'auth-type-unknown': {
    severity: 'error',
    meaning: 'ECS_ENGINE_AUTH_TYPE is neither docker nor dockercfg, exactly so: all registry auth is ignored.',
    hint: 'Set ECS_ENGINE_AUTH_TYPE=dockercfg (entries with auth) or docker (with username and password).',
  },
  'auth-data-missing': {
    severity: 'error',
    meaning: 'ECS_ENGINE_AUTH_TYPE is set, but ECS_ENGINE_AUTH_DATA is not: there is no registry auth.',
    hint: WRITE,
  },
  'auth-switched-off': {
    severity: 'error',
    meaning: 'A later empty ECS_ENGINE_AUTH_DATA switches off an earlier one.',
    hint: 'Remove the empty line.',
  },
  'auth-quoted': {
    severity: 'error',
    meaning: 'ecs-init keeps the quotes around the JSON: all registry auth is lost.',
    hint: WRITE,
  },
  'auth-escaped': {
    severity: 'error',
    meaning: 'ecs-init keeps the backslashes before the quotes: all registry auth is lost.',
    hint: WRITE,
  },
  'auth-many-lines': {
    severity: 'error',
    meaning: 'The JSON goes on over several lines; ecs-init takes only the first, and all registry auth is lost.',
    hint: 'Put it on one line: jq -c.',
  },
  'auth-trailing-comment': {
    severity: 'error',
    meaning: 'A comment after the JSON is part of the value: all registry auth is lost.',
    hint: 'Put the comment on a line of its own.',
  },
  'auth-json-invalid': {
    severity: 'error',
    meaning: 'ECS_ENGINE_AUTH_DATA is not valid JSON: all registry auth is lost.',
    hint: WRITE,
  },
  'auth-not-object': {
    severity: 'error',
    meaning: 'ECS_ENGINE_AUTH_DATA is not a JSON object: all registry auth is lost.',
    hint: MAP,
  },
  'auth-wrong-kind': {
    severity: 'error',
    meaning: 'One value of the wrong JSON kind: the agent drops all registry auth, not only this entry.',
    hint: MAP,
  },
  'auths-wrapper': {
    severity: 'error',
    meaning: 'A whole docker config.json was pasted: the agent finds no registry in it.',
    hint: 'Use only the object inside `auths`: jq -c .auths.',
  },
  'auth-backslash': {
    severity: 'warning',
    meaning: 'The JSON has a backslash, which systemd takes away: another password, silently.',
    hint: 'Use the type dockercfg, whose base64 needs none.',
  },
  // Entries.
  'entry-without-auth': {
    severity: 'error',
    meaning: 'In the type dockercfg only auth is read, and the entry has none: it is dropped.',
    hint: BASE64,
  },
  'entry-bad-base64': {
    severity: 'error',
    meaning: 'auth is not standard base64 with padding: the agent drops the entry.',
    hint: BASE64,
  },
  'entry-without-colon': {
    severity: 'error',
    meaning: 'auth has no colon between user name and password: the agent drops the entry.',
    hint: BASE64,
  },
  'entry-auth-ignored': {
    severity: 'error',
    meaning: 'The type docker does not decode auth, and the entry has nothing else: the pull is anonymous.',
    hint: 'Use the type dockercfg, or username and password.',
  },
  'entry-identity-token': {
    severity: 'error',
    meaning: 'An identity token in the type dockercfg is dropped; what is left has no password.',
    hint: 'Use a token that works as a password (ACR: a repository-scoped token), or the type docker.',
  },
  'entry-token': {
    severity: 'note',
    meaning:
      'An identity or registry token works in the type docker only; a rotation that writes dockercfg is refused.',
    hint: 'Use format: docker in the plan, or a token that works as a password.',
  },
  'entry-empty': {
    severity: 'warning',
    meaning: 'The user name or the password is empty.',
    hint: 'Set both, or remove the entry.',
  },
  'entry-control-character': {
    severity: 'error',
    meaning: 'The credential has a control character, mostly a line break at its end; the registry refuses it.',
    hint: 'Encode without the line break: printf %s instead of echo.',
  },
  'entry-colon-in-user': {
    severity: 'error',
    meaning: 'A user name with a colon is cut there in Basic authentication.',
    hint: 'Check the user name.',
  },
  'entry-fields-ignored': {
    severity: 'note',
    meaning: 'username and password beside auth are ignored in the type dockercfg.',
    hint: 'Remove them, so that nobody changes the wrong field.',
  },
  // Registry keys.
  'key-dead': {
    severity: 'error',
    meaning: 'No image can ever match the registry key.',
    hint: 'Write host[:port][/path] as images are named, in lower case, at most with http:// or https:// before it.',
  },
  'key-dead-hub': {
    severity: 'error',
    meaning: 'For Docker Hub the agent looks up one key only, and this is another spelling.',
    hint: 'Use https://index.docker.io/v1/, with the slash at the end.',
  },
  'key-upper-case': {
    severity: 'warning',
    meaning: 'The host is compared with upper and lower case as written.',
    hint: 'Write the host as images are named, in lower case.',
  },
  'key-default-port': {
    severity: 'warning',
    meaning: 'The port is part of the host: the key matches only images that are named with it.',
    hint: 'Leave out the default port, unless images are named with it.',
  },
  'key-ecr': {
    severity: 'warning',
    meaning: 'Images of a private ECR registry are pulled with the role; the agent never uses this key.',
    hint: 'Remove the entry.',
  },
  'key-repeated': {
    severity: 'warning',
    meaning: 'A registry key stands twice; the last one counts.',
    hint: 'Remove the other one.',
  },
  'key-twins': {
    severity: 'error',
    meaning: 'Keys that differ only in http:// or https:// are one key: which one counts is random at each start.',
    hint: ONE_KEY,
  },
  'key-shadowed': {
    severity: 'warning',
    meaning: 'The same key with a slash at its end always wins over this one.',
    hint: ONE_KEY,
  },
  'key-random': {
    severity: 'error',
    meaning: 'Several path keys of a host and no key for the host itself: images get a random one of them.',
    hint: 'Add a key for the bare host; `ecs-pull-auth lint --fix` does.',
  },
  'key-path-alone': {
    severity: 'note',
    meaning: 'The only key of a host serves all its images, whatever its path says.',
    hint: 'Nothing, if that is meant.',
  },
  'key-open-path': {
    severity: 'note',
    meaning: 'A path without slash at its end also matches longer names: ghcr.io/org serves ghcr.io/organisation.',
    hint: 'End the path with a slash.',
  },
} as const satisfies Readonly<Record<string, LintRule>>

export type LintCode = keyof typeof LINT_RULES

export interface Finding {
  readonly code: LintCode
  readonly severity: Severity
  /** From 1; only where one line is to blame. */
  readonly line?: number
  readonly registry?: string
  /** What is wrong here, without any secret. */
  readonly message: string
  readonly hint: string
}

/** Where a finding is, and what the rule's meaning does not say already. */
export interface Spot {
  readonly line?: number | undefined
  readonly registry?: string | undefined
  readonly detail?: string
}

export function finding(code: LintCode, { line, registry, detail }: Spot = {}): Finding {
  const { severity, meaning, hint } = LINT_RULES[code]
  return {
    code,
    severity,
    ...(line === undefined || line < 1 ? {} : { line }),
    ...(registry === undefined ? {} : { registry }),
    message: detail === undefined ? meaning : `${meaning} (${detail})`,
    hint,
  }
}
