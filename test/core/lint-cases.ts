/** What lint tells about which text: the specification of every rule. */

import type { LintCode } from '../../src/core/lint.ts'

export interface LintCase {
  readonly text: string | Uint8Array
  /** `code`, `code@line` or `code@line[registry]`. */
  readonly told: readonly string[]
}

export interface LintSuite {
  readonly title: string
  /** Whether notes are told as well. */
  readonly notes: boolean
  readonly cases: readonly LintCase[]
}

/** Nothing in it is worth a finding, so that a case tells its own only. */
export const HEAD = 'ECS_CLUSTER=prod\nECS_IMAGE_PULL_BEHAVIOR=once\n'

export function envFile(data: string, type = 'dockercfg'): string {
  return `${HEAD}ECS_ENGINE_AUTH_TYPE=${type}\nECS_ENGINE_AUTH_DATA=${data}\n`
}

export function auth(plain: string): string {
  return Buffer.from(plain).toString('base64')
}

export const GOOD = `{"ghcr.io":{"auth":"${auth('u:p')}"}}`

type Pairs = readonly (readonly [string | Uint8Array, readonly string[]])[]

function suite(title: string, run: (check: (pairs: Pairs, notes?: boolean) => void) => void): readonly LintSuite[] {
  const suites: LintSuite[] = []
  run((pairs, notes = false) => suites.push({ title, notes, cases: pairs.map(([text, told]) => ({ text, told })) }))
  return suites
}

export const LINT_SUITES: readonly LintSuite[] = [
  ...suite('a good config has no finding, in either form and with either line end', (check) => {
    check(
      [
        [envFile(GOOD), []],
        [envFile(GOOD).replaceAll('\n', '\r\n'), []],
        [
          envFile(
            '{"https://index.docker.io/v1/":{"username":"u","password":"p"},"ghcr.io":{"username":"u","password":"ü"}}',
            'docker',
          ),
          [],
        ],
        [
          JSON.stringify({
            ECS_CLUSTER: 'c',
            ECS_IMAGE_PULL_BEHAVIOR: 'always',
            ECS_ENGINE_AUTH_TYPE: 'dockercfg',
            ECS_ENGINE_AUTH_DATA: GOOD,
          }),
          [],
        ],
      ],
      true,
    )
  }),
  ...suite('a text that is no ecs.config is named for what it is, and entries in it are looked at all the same', (check) => {
    check([
      ['', ['empty']],
      ['\ufeff \n', ['empty']],
      ['token', ['not-an-ecs-config']],
      ['{}', ['not-an-ecs-config']],
      ['{"ECS_CLUSTER":\n"c",}', ['json-invalid@2']],
      ['{"auths":{"ghcr.io":{"auth":"?"}}}', ['docker-config-json', 'entry-bad-base64[ghcr.io]']],
      ['{"ghcr.io":{"auth":"dTpw"},"*.io":{"auth":"dTpw"}}', ['registry-map-json', 'key-dead[*.io]']],
      ['{"username":"u","password":"p"}', ['credential-json']],
      ['{"EngineAuthData":{}}', ['agent-config-json']],
    ])
  }),
  ...suite('the bytes of the file are looked at as each reader would', (check) => {
    const bytes = Buffer.concat([Buffer.from(`${HEAD}X=`), Uint8Array.of(0xff), Buffer.from('\n')])
    check([
      [bytes, ['invalid-utf8@3']],
      [`${HEAD}X=\0\n`, ['nul-byte@3']],
      [`${HEAD}A=1\rB=2\n`, ['carriage-return@3']],
      [`\ufeff${HEAD}`, ['cluster-missing', 'byte-order-mark@1']],
      [`${HEAD}#${'x'.repeat(50_000)}`, ['text-nearly-too-large']],
      [`${HEAD}#${'x'.repeat(66_000)}`, ['text-too-large', 'line-too-long@3']],
      [`${HEAD}X=${'x'.repeat(140_000)}`, ['text-too-large', 'line-unstartable@3']],
    ])
  }),
  ...suite('every line that some reader takes otherwise is told', (check) => {
    const lines: Readonly<Record<string, readonly string[]>> = {
      'A =1': ['space-before-equals@3'],
      'export A=1': ['export-prefix@3'],
      'A B=1': ['space-in-name@3'],
      '=1': ['empty-name@3'],
      FOO: ['line-without-equals@3'],
      '; note': ['semicolon-comment@3'],
      'A= 1': ['space-after-equals@3'],
      'A=1\u00a0': ['wide-space@3'],
      "A='1'": ['quoted-value@3'],
      'A="1\\"': ['unclosed-quote@3'],
      'A=1\\\nB=2': ['swallowed-line@3'],
      '# c\\\nB=2': ['swallowed-line@3'],
      'A=1\nA=2': ['duplicate-variable@3'],
      '#ECS_ENGINE_AUTH_DATA={"x":1}': ['commented-out-auth@3'],
      '# ecs-pull-auth:v1:!!!': ['state-damaged@3'],
      '# a note = with "all" of; it': [],
      '  INDENTED=1': [],
      'ECS_RESERVED_PORTS=[22, 80]': [],
    }
    check(Object.entries(lines).map(([line, expected]) => [`${HEAD}${line}\n`, expected] as const))
    check([[`${HEAD}A=1 \n`, ['auth-none', 'trailing-space@3']]], true)
  }),
  ...suite('auth lines that ecs-init does not find are errors', (check) => {
    const type = `${HEAD}ECS_ENGINE_AUTH_TYPE=dockercfg\n`
    check([
      [`${type}ECS_ENGINE_AUTH_DATA =${GOOD}\n`, ['auth-data-missing@3', 'space-before-equals@4']],
      [`${type}export ECS_ENGINE_AUTH_DATA=${GOOD}\n`, ['auth-data-missing@3', 'export-prefix@4']],
      [`${type}ecs_engine_auth_data=${GOOD}\n`, ['auth-data-missing@3', 'auth-name-misspelt@4']],
      [`${HEAD}ECS_ENGINE_AUTH_DATA=${GOOD}\n`, ['auth-type-missing@3']],
      [envFile(GOOD, "'dockercfg'"), ['auth-type-unknown@3']],
      [envFile(GOOD, 'Docker'), ['auth-type-unknown@3']],
      [type, ['auth-data-missing@3']],
      [`${envFile(GOOD)}ECS_ENGINE_AUTH_DATA=\n`, ['auth-switched-off@5']],
      [`${envFile(GOOD)}ECS_ENGINE_AUTH_DATA=${GOOD}\n`, ['duplicate-variable@4']],
    ])
  }),
  ...suite('JSON that loses all registry auth is told by the mistake that was made', (check) => {
    check([
      [envFile(`'${GOOD}'`), ['auth-quoted@4']],
      [envFile(`"${GOOD.replaceAll('"', '\\"')}"`), ['auth-quoted@4']],
      [envFile(GOOD.replaceAll('"', '\\"')), ['auth-escaped@4']],
      [envFile(`${GOOD} # note`), ['auth-trailing-comment@4']],
      [envFile('{\n  "ghcr.io": {\n    "auth": "dTpw"\n  }\n}'), ['auth-many-lines@4']],
      [envFile('{\\\n"ghcr.io":{"auth":"dTpw"}}'), ['swallowed-line@4', 'auth-many-lines@4']],
      [envFile('{"ghcr.io":{"auth":"dTpw"},}'), ['auth-json-invalid@4']],
      [envFile('[]'), ['auth-not-object@4']],
      [envFile('{"ghcr.io":{"auth":"dTpw"},"credsStore":"x"}'), ['auth-wrong-kind@4']],
      [envFile('{"auths":{"ghcr.io":{"auth":"dTpw"}},"credsStore":"x"}'), ['auths-wrapper@4']],
      [envFile('{"ghcr.io":{"username":"u","password":"\\""}}', 'docker'), ['auth-backslash@4']],
    ])
  }),
  ...suite('every entry that gives no pull, or another one, is told by its key', (check) => {
    const dockercfg = (fields: object) => envFile(JSON.stringify({ 'ghcr.io': fields }))
    const docker = (fields: object) => envFile(JSON.stringify({ 'ghcr.io': fields }), 'docker')
    const at = (code: LintCode) => [`${code}@4[ghcr.io]`]
    check([
      [dockercfg({}), at('entry-without-auth')],
      [dockercfg({ username: 'u', password: 'p' }), at('entry-without-auth')],
      [dockercfg({ auth: 'dTo_Pz4-fn4=' }), at('entry-bad-base64')],
      [dockercfg({ auth: 'dTpwcA' }), at('entry-bad-base64')],
      [dockercfg({ auth: auth('token') }), at('entry-without-colon')],
      [
        dockercfg({ auth: auth('00000000-0000-0000-0000-000000000000:'), identitytoken: 't' }),
        at('entry-identity-token'),
      ],
      [dockercfg({ identitytoken: 't' }), at('entry-identity-token')],
      [dockercfg({ auth: auth('u:') }), at('entry-empty')],
      [dockercfg({ auth: auth('u:p\n') }), at('entry-control-character')],
      [docker({ auth: 'dTpw' }), at('entry-auth-ignored')],
      [docker({ username: 'u' }), at('entry-empty')],
      [docker({ username: 'a:b', password: 'p' }), at('entry-colon-in-user')],
      [docker({ identitytoken: 't' }), []],
    ])
    check(
      [
        [dockercfg({ auth: 'dTpw', username: 'u' }), at('entry-fields-ignored')],
        [docker({ identitytoken: 't' }), at('entry-token')],
      ],
      true,
    )
  }),
  ...suite('keys that match nothing, race or hide each other are told', (check) => {
    const keys = (...names: readonly string[]) => {
      return envFile(
        `{${names.map((name, index) => `${JSON.stringify(name)}:{"auth":"${auth(`u:p${index}`)}"}`).join(',')}}`,
      )
    }
    check([
      [keys('HTTPS://ghcr.io'), ['key-dead@4[HTTPS://ghcr.io]']],
      [keys('registry'), ['key-dead@4[registry]']],
      [keys(' ghcr.io'), ['key-dead@4[ ghcr.io]']],
      [keys('https://u:secret@ghcr.io'), ['key-dead@4[https://…@ghcr.io]']],
      [keys('docker.io'), ['key-dead-hub@4[docker.io]']],
      [keys('https://index.docker.io/v1'), ['key-dead-hub@4[https://index.docker.io/v1]']],
      [keys('https://index.docker.io/v1/', 'index.docker.io/v1'), ['key-dead-hub@4[index.docker.io/v1]']],
      [keys('GHCR.io'), ['key-upper-case@4[GHCR.io]']],
      [keys('ghcr.io:443'), ['key-default-port@4[ghcr.io:443]']],
      [
        keys('123456789012.dkr.ecr.eu-west-1.amazonaws.com'),
        ['key-ecr@4[123456789012.dkr.ecr.eu-west-1.amazonaws.com]'],
      ],
      [keys('ghcr.io', 'ghcr.io'), ['key-repeated@4[ghcr.io]']],
      [keys('ghcr.io', 'https://ghcr.io'), ['key-twins@4[https://ghcr.io]']],
      [keys('ghcr.io', 'ghcr.io/'), ['key-shadowed@4[ghcr.io]']],
      [keys('ghcr.io/a', 'ghcr.io/b'), ['key-random@4[ghcr.io]']],
      [keys('ghcr.io/a/', 'ghcr.io/b/', 'ghcr.io'), []],
    ])
    check(
      [
        [keys('ghcr.io/a'), ['key-path-alone@4[ghcr.io/a]']],
        [keys('ghcr.io/a', 'ghcr.io'), ['key-open-path@4[ghcr.io/a]']],
        [keys('ghcr.io/'), []],
      ],
      true,
    )
  }),
  ...suite('variables beside the auth that turn a rotation into an accident are told', (check) => {
    check(
      [
        ['ECS_LOGLEVEL=info\n', ['auth-none', 'cluster-missing']],
        [`ECS_CLUSTER=c\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA=${GOOD}\n`, ['stale-image']],
        [`${HEAD}ECS_LOGLEVEL=debug\n`, ['auth-none', 'debug-log@3']],
        [`${HEAD}ECS_LOG_DRIVER=awslogs\n`, ['auth-none', 'log-elsewhere@3']],
        [`${HEAD}ECS_CHECKPOINT=false\n`, ['auth-none', 'checkpoint-off@3']],
        [`${HEAD}ECS_INSTANCE_ATTRIBUTES={"a":1}\n`, ['auth-none', 'json-variable-invalid@3']],
        [
          `${HEAD}ECS_CONTAINER_INSTANCE_TAGS='{"a":"b"}'\n`,
          ['auth-none', 'quoted-value@3', 'json-variable-invalid@3'],
        ],
        [`${HEAD}ECS_INSTANCE_ATTRIBUTES={"a":"1"}\n`, ['auth-none']],
      ],
      true,
    )
  }),
  ...suite('the key/value form is looked at with its own rules', (check) => {
    check([
      ['{"ECS_CLUSTER":"c",\n"A":1}', ['value-not-text@2']],
      ['{"ECS_CLUSTER":"c",\n\n"A":"x\\ny"}', ['value-with-line-break@3']],
      ['{"ECS_CLUSTER":"c","ecs-pull-auth":"x"}', ['state-damaged@1']],
      ['{"ECS_CLUSTER":"c","ECS_CLUSTER":"d"}', ['duplicate-variable@1']],
      ['{"ECS_CLUSTER":"c","ecs_engine_auth_data":"{}"}', ['auth-name-misspelt@1']],
      [
        JSON.stringify({ ECS_CLUSTER: 'c', ECS_ENGINE_AUTH_TYPE: 'dockercfg', ECS_ENGINE_AUTH_DATA: '{' }),
        ['auth-json-invalid@1'],
      ],
    ])
  }),
]
