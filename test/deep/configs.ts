/** Stored configs of every kind that people write, each with what a rotation puts into it. */

import { readFileSync } from 'node:fs'
import type { LintCode } from '../../src/core/lint.ts'
import { basicCredential, Secret } from '../../src/core/secret.ts'
import type { State } from '../../src/core/state.ts'
import type { AuthFormat, NewEntry } from '../../src/core/stored-config.ts'
import { decodeUtf8 } from '../../src/core/utf8.ts'

export interface StoredCase {
  readonly name: string
  readonly text: string
  readonly entries: readonly NewEntry[]
  readonly format: AuthFormat
  readonly state: State | null
  /** A line of the user's own takes the auth away from systemd, before the merge and after it; lint tells by this code. */
  readonly hidden?: LintCode
}

export const STATE: State = {
  entries: [{ registry: 'ghcr.io', provider: 'static', issuedAt: 1, expiresAt: 2, handle: { id: 'a"\\\n' } }],
  superseded: [],
}

const TYPE = 'ECS_ENGINE_AUTH_TYPE'
const DATA = 'ECS_ENGINE_AUTH_DATA'

const OLD = `{"ghcr.io":{"auth":"${base64('old:stale')}"}}`
const KEPT = `"acme.jfrog.io/docker":{"auth":"${base64('kept:as it is')}"}`
const AUTH = `${TYPE}=dockercfg\n${DATA}=${OLD}\n`

function base64(text: string): string {
  return basicCredential(text.slice(0, text.indexOf(':')), new Secret(text.slice(text.indexOf(':') + 1))).reveal()
}

export function entry(registry: string, password = 'fresh-Pa55', username = 'bot'): NewEntry {
  return { registry, username, password: new Secret(password) }
}

function stored(name: string, text: string, options: Partial<StoredCase> = {}): StoredCase {
  return { name, text, entries: [entry('ghcr.io')], format: 'dockercfg', state: STATE, ...options }
}

/** Files that hold auth already, or do not, in every shape that lines can take. */
export const ENV_FILES: readonly StoredCase[] = [
  stored('no auth yet', 'ECS_CLUSTER=prod\n'),
  stored('no auth yet, no state', 'ECS_CLUSTER=prod\n', { state: null }),
  stored('no line feed at the end', 'ECS_CLUSTER=prod'),
  stored('CRLF', `ECS_CLUSTER=prod\r\nECS_LOGLEVEL=info\r\n${AUTH.replaceAll('\n', '\r\n')}ECS_TAIL=1\r\n`),
  stored('CRLF without auth and without a last line end', 'ECS_CLUSTER=prod\r\nECS_LOGLEVEL=info'),
  stored('LF and CRLF mixed', `ECS_CLUSTER=prod\r\n${AUTH}ECS_LOGLEVEL=info\r\nECS_TAIL=1\n`),
  stored('one entry replaced', `ECS_CLUSTER=prod\n${AUTH}ECS_LOGLEVEL=info\n`),
  stored('auth first, then the rest', `${AUTH}\n\n# the rest\nECS_CLUSTER=prod\n`),
  stored('an unmanaged entry beside', `ECS_CLUSTER=prod\n${TYPE}=dockercfg\n${DATA}={${KEPT},${OLD.slice(1)}\n`),
  stored('a new entry beside an unmanaged one', `ECS_CLUSTER=prod\n${TYPE}=dockercfg\n${DATA}={${KEPT}}\n`),
  stored('several new entries', `ECS_CLUSTER=prod\n${AUTH}`, {
    entries: [entry('ghcr.io'), entry('quay.io', 'a"b'), entry('registry.example.com:5000/team', '§ü😀')],
  }),
  stored(
    'type docker kept',
    `ECS_CLUSTER=prod\n${TYPE}=docker\n${DATA}={"quay.io":{"username":"u","password":"p$1"}}\n`,
    {
      format: 'docker',
    },
  ),
  stored(
    'type docker with an identity token kept',
    `ECS_CLUSTER=prod\n${TYPE}=docker\n${DATA}={"acr.example.com":{"identitytoken":"eyJ.eyJ.x-_"}}\n`,
    { format: 'docker' },
  ),
  stored(
    'docker becomes dockercfg',
    `ECS_CLUSTER=prod\n${TYPE}=docker\n${DATA}={"quay.io":{"username":"u","password":"a\\"\\\\b","email":"e@x"}}\n`,
  ),
  stored('dockercfg becomes docker', `ECS_CLUSTER=prod\n${TYPE}=dockercfg\n${DATA}={${KEPT}}\n`, { format: 'docker' }),
  stored('auth twice', `ECS_CLUSTER=prod\n${TYPE}=docker\n${DATA}={"old.io":{}}\n${AUTH}ECS_TAIL=1\n`),
  stored('other variables twice', `ECS_CLUSTER=one\nECS_LOGLEVEL=debug\n${AUTH}ECS_CLUSTER=two\nECS_LOGLEVEL=\n`),
  stored('auth switched off by a later empty line', `ECS_CLUSTER=prod\n${AUTH}${DATA}=\nECS_TAIL=1\n`),
  stored('auth indented, with blanks at both ends', `ECS_CLUSTER=prod\n \t${TYPE}= dockercfg \n  ${DATA}= ${OLD}  \n`),
  stored(
    'JSON with blanks',
    `ECS_CLUSTER=prod\n${TYPE}=dockercfg\n${DATA}={ ${KEPT} , "ghcr.io" : { "auth" : "" } }\n`,
  ),
  stored(
    'JSON with escapes',
    `ECS_CLUSTER=prod\n${TYPE}=dockercfg\n${DATA}={"https:\\/\\/quay.io":{"auth":"\\u0064Tpw"}}\n`,
  ),
  stored('comments', `# ECS_X=1\n#${DATA}={"old":1}\nECS_CLUSTER=prod\n   # indented = too\n${AUTH}# tail`),
  stored('semicolon comments', `; note\nECS_CLUSTER=prod\n${AUTH}; ECS_X=1\n`),
  stored('a comment ends in a backslash', `# path C:\\\nECS_LOGLEVEL=info\nECS_CLUSTER=prod\n${AUTH}`),
  stored('a comment before the auth ends in a backslash', `ECS_CLUSTER=prod\n# note \\\n${AUTH}ECS_TAIL=1\n`, {
    hidden: 'swallowed-line',
  }),
  stored('a value before the auth ends in a backslash', `ECS_CLUSTER=prod\nECS_PATH=C:\\\n${AUTH}ECS_TAIL=1\n`, {
    hidden: 'swallowed-line',
  }),
  stored('the last line ends in a backslash', 'ECS_CLUSTER=prod\nECS_PATH=C:\\\n'),
  stored('all lines end in a backslash', 'ECS_CLUSTER=prod\\\nECS_PATH=C:\\'),
  stored('continued lines elsewhere', `ECS_CLUSTER=prod\nECS_LIST=a,\\\nb,\\\nc\n${AUTH}ECS_TAIL=1\n`),
  stored('quotes elsewhere', `ECS_CLUSTER="prod"\nECS_A='a b'\nECS_B=a"b"c\n${AUTH}ECS_C="x\\"y"\n`),
  stored('an unclosed quote after the auth', `ECS_CLUSTER=prod\n${AUTH}ECS_A="open\nECS_B=1\n`),
  stored('an unclosed quote before the auth', `ECS_CLUSTER=prod\nECS_A="open\n${AUTH}ECS_B=1\n`, {
    hidden: 'unclosed-quote',
  }),
  stored('an unclosed quote and no auth yet', 'ECS_CLUSTER=prod\nECS_A="open\nECS_B=1\n'),
  stored('an unclosed single quote and no auth yet', "ECS_CLUSTER=prod\nECS_A='open\n"),
  stored('export elsewhere', `export ECS_X=1\nECS_CLUSTER=prod\n${AUTH}`),
  stored('names with blanks, and none', `ECS_CLUSTER=prod\nFOO BAR=1\n=nameless\n${AUTH}ECS_TAIL=1\n`),
  stored('words without an equals sign', `ECS_CLUSTER=prod\nECS_FLAG\n  \n\t\n${AUTH}ECS_TAIL=1\n`),
  stored('a byte order mark', `\ufeffECS_FIRST=1\nECS_CLUSTER=prod\n${AUTH}`),
  stored('a lone CR in a value', `ECS_CLUSTER=prod\nECS_X=a\rECS_Y=b\n${AUTH}`),
  stored('a NUL byte elsewhere', `ECS_CLUSTER=prod\nECS_X=a\0b\n${AUTH}`),
  stored('bytes that are not UTF-8', decodeUtf8(Buffer.from(`ECS_CLUSTER=prod\nECS_X=\xff\xc3(\n${AUTH}`, 'latin1'))),
  stored('every script', `ECS_CLUSTER=prod\nECS_X=pässwörd 密码 😀\u2028\u00a0\n${AUTH}ECS_Y=\u00a0x\u0085\n`),
  stored(
    'what shells expand',
    `ECS_CLUSTER=prod\nECS_A=$HOME\nECS_B=$(id)\nECS_C=\`id\`\nECS_D=%h~!*?[x]&|;<>\n${AUTH}`,
  ),
  stored('JSON elsewhere', `ECS_CLUSTER=prod\nECS_INSTANCE_ATTRIBUTES={"a": "b", "c":"d"}\n${AUTH}`),
  stored('a long line elsewhere', `ECS_CLUSTER=prod\nECS_LONG=${'x'.repeat(40_000)}\n${AUTH}`),
  stored(
    'a pasted docker config.json',
    `ECS_CLUSTER=prod\n${TYPE}=docker\n${DATA}={"auths":${OLD},"credsStore":"desktop"}\n`,
  ),
  stored('null for data', `ECS_CLUSTER=prod\n${TYPE}=dockercfg\n${DATA}=null\n`),
  stored('an empty object and no type', `ECS_CLUSTER=prod\n${DATA}={}\n`),
  stored('a type alone', `ECS_CLUSTER=prod\n${TYPE}=docker\n`),
  stored('type after data', `ECS_CLUSTER=prod\n${DATA}=${OLD}\nECS_MIDDLE=1\n${TYPE}=dockercfg\n`),
  stored(
    'state lines of earlier versions',
    `# ecs-pull-auth:v1:AAAA\nECS_CLUSTER=prod\n${AUTH}  # ecs-pull-auth:v1:e30  \n`,
  ),
  stored(
    'two spellings of one registry',
    `ECS_CLUSTER=prod\n${TYPE}=dockercfg\n${DATA}={"https://ghcr.io/":{"auth":"${base64('a:b')}"},${OLD.slice(1)}\n`,
  ),
  stored(
    'Docker Hub by names that do nothing',
    `ECS_CLUSTER=prod\n${TYPE}=dockercfg\n${DATA}={"docker.io":{"auth":"${base64('a:b')}"},${OLD.slice(1)}\n`,
    { entries: [entry('docker.io')] },
  ),
  stored('as many entries as fit', `ECS_CLUSTER=prod\n${TYPE}=dockercfg\n${DATA}={${manyEntries(400)}}\n`, {
    entries: [entry('r399.example.com', 'q'.repeat(93))],
    state: null,
  }),
]

function manyEntries(count: number): string {
  const auth = base64(`u:${'p'.repeat(93)}`)
  return Array.from({ length: count }, (_, at) => `"r${at}.example.com":{"auth":"${auth}"}`).join(',')
}

const PAIRS = { ECS_CLUSTER: 'prod', ECS_X: 'pässwörd $HOME "quoted" \\ back', [TYPE]: 'dockercfg', [DATA]: OLD }

/** The key/value form of the console; the node writes it as lines. */
export const KEY_VALUE: readonly StoredCase[] = [
  stored('key/value, compact', JSON.stringify(PAIRS)),
  stored('key/value, indented', `${JSON.stringify(PAIRS, null, 2)}\n`),
  stored('key/value, indented with CRLF', JSON.stringify(PAIRS, null, 2).replaceAll('\n', '\r\n')),
  stored('key/value without auth', '{"ECS_CLUSTER":"prod"}'),
  stored('key/value with repeated keys', `{"ECS_CLUSTER":"one","${DATA}":"{}",${JSON.stringify(PAIRS).slice(1)}`),
  stored(
    'key/value with escapes',
    `{"ECS_CLUSTER":"\\u0070rod","ECS_Y":"a\\/b\\ud83d\\ude00",${JSON.stringify(PAIRS).slice(1)}`,
  ),
  stored(
    'key/value of type docker becomes dockercfg',
    JSON.stringify({ ...PAIRS, [TYPE]: 'docker', [DATA]: '{"quay.io":{"username":"u","password":"p"}}' }),
  ),
  stored(
    'key/value with a pasted docker config.json',
    JSON.stringify({ ...PAIRS, [DATA]: JSON.stringify({ auths: JSON.parse(OLD) }) }),
  ),
]

/** The passwords of the shared vectors that broke a reader somewhere, by what is special about them. */
export function hardPasswords(): ReadonlyMap<string, string> {
  const file = new URL('../vectors/envfile-encodings.json', import.meta.url)
  interface Vector {
    readonly case: string
    readonly encoding?: string
    readonly want?: unknown
  }
  const { vectors }: { vectors: readonly Vector[] } = JSON.parse(readFileSync(file, 'utf8'))
  const passwords = new Map<string, string>()
  for (const vector of vectors) {
    if (vector.encoding !== 'raw' || typeof vector.want !== 'string') continue
    const [value] = Object.values(JSON.parse(vector.want)) as readonly { password: string }[]
    if (value !== undefined) passwords.set(vector.case, value.password)
  }
  return passwords
}
