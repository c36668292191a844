/** Arbitrary configs for properties: sane ones, odd ones, and texts that are no config at all. */

import fc from 'fast-check'
import { basicCredential, Secret } from '../../src/core/secret.ts'

/**
 * How often each property is tried; the deeper check asks for 100,000. The seed is the same at every run, so that what
 * lands does not hang on luck; look further with another one: PROPERTY_SEED=$RANDOM npm run deep.
 */
export const RUNS = {
  numRuns: Number(process.env['PROPERTY_RUNS'] ?? 200),
  seed: Number(process.env['PROPERTY_SEED'] ?? 20_261_124),
}

/** Part of every password here, so that a leak is seen. */
export const MARK = 'S3CR3T'

const host = fc.constantFrom('ghcr.io', 'quay.io', 'a.example', 'registry.example.com:5000', '10.0.0.5', 'localhost')
const path = fc.constantFrom('', '/', '/org', '/org/', '/org/team', '/other', '/v2/')
const scheme = fc.constantFrom('', '', 'https://', 'http://')
export const liveKey = fc.tuple(scheme, host, path).map((parts) => parts.join(''))
const hubKey = fc.constantFrom(
  'https://index.docker.io/v1/',
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
  'docker.io/org',
)
const oddKey = fc.constantFrom(
  'HTTPS://ghcr.io',
  '*.ghcr.io',
  '__proto__',
  '',
  'registry',
  ' ghcr.io',
  'auths',
  'https://u:p@x.io',
)
export const key = fc.oneof({ weight: 6, arbitrary: liveKey }, hubKey, oddKey)

export const image = fc
  .tuple(
    fc.oneof(host, fc.constantFrom('docker.io', 'registry')),
    fc.constantFrom('/org/app', '/org/team/app:1', '/app', '/other/x'),
  )
  .map((parts) => parts.join(''))

/** What a registry can issue: no control character, no colon in the user name. */
export const username = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
  .map((text) => `u${text.replace(/[:\p{Cc}]/gu, '')}`)
export const password = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .map((text) => MARK + text.replace(/\p{Cc}/gu, ''))

function encoded(user: string, secret: string): string {
  return basicCredential(user, new Secret(secret)).reveal()
}

const rest = fc.constantFrom<Readonly<Record<string, unknown>>>(
  {},
  {},
  { email: 'a@b.c' },
  { note: ['x', { y: null }] },
)
const dockercfgEntry = fc
  .tuple(username, password, rest)
  .map(([user, secret, more]): unknown => ({ auth: encoded(user, secret), ...more }))
const dockerEntry = fc
  .tuple(username, password, rest)
  .map(([user, secret, more]): unknown => ({ username: user, password: secret, ...more }))
const oddEntry = fc.constantFrom<unknown>(
  null,
  {},
  { auth: '?' },
  { auth: `${MARK}-_` },
  { identitytoken: MARK },
  { AUTH: 'dTpw' },
  { auth: 'dT\npw' },
)

export interface Auth {
  readonly type: 'docker' | 'dockercfg'
  readonly entries: readonly (readonly [string, unknown])[]
}

function authOf(keys: fc.Arbitrary<string>, odd: number): fc.Arbitrary<Auth> {
  return fc.constantFrom<Auth['type']>('docker', 'dockercfg').chain((type) => {
    const value = fc.oneof(
      { weight: 8, arbitrary: type === 'docker' ? dockerEntry : dockercfgEntry },
      { weight: odd, arbitrary: oddEntry },
    )
    return fc.array(fc.tuple(keys, value), { maxLength: 6 }).map((entries) => ({ type, entries }))
  })
}

export const saneAuth = authOf(liveKey, 0)
export const anyAuth = authOf(key, 2)

/** Keys may repeat, and JSON.stringify would swallow `__proto__`. */
export function dataOf({ entries }: Auth, blank = ''): string {
  const members = entries.map(
    ([name, value]) => `${blank}${JSON.stringify(name)}${blank}:${blank}${JSON.stringify(value)}`,
  )
  return `{${members.join(`${blank},`)}${blank}}`
}

const saneLine = fc.constantFrom(
  'ECS_CLUSTER=prod',
  'ECS_LOGLEVEL=info',
  'A=b c',
  '# note',
  '',
  'X="quoted"',
  'Y=',
  'ECS_RESERVED_PORTS=[22, 80]',
)
const oddLine = fc.constantFrom(
  'FOO',
  '=x',
  'A B=1',
  '; note=1',
  'Z=1\\',
  '# c\\',
  'Q="open',
  "R='open",
  'ECS_ENGINE_AUTH_DATA ={}',
  'export ECS_ENGINE_AUTH_TYPE=docker',
  'ECS_ENGINE_AUTH_DATA=',
  '# ECS_ENGINE_AUTH_DATA={}',
  '# ecs-pull-auth:v1:e30',
  'W=\u00a0x\u2028',
  'N=a\rb',
)

const lineEnd = fc.constantFrom('\n', '\n', '\r\n')

function envFileOf(auth: fc.Arbitrary<Auth>, lines: fc.Arbitrary<readonly string[]>): fc.Arbitrary<string> {
  const parts = fc.tuple(lines, auth, fc.option(fc.nat()), lineEnd, fc.boolean(), fc.constantFrom('', ' '))
  return parts.map(([others, map, place, end, last, blank]) => {
    const all = ['ECS_CLUSTER=prod', ...others]
    const at = place === null ? null : place % (all.length + 1)
    const block = [`ECS_ENGINE_AUTH_TYPE=${map.type}`, `ECS_ENGINE_AUTH_DATA=${dataOf(map, blank)}`]
    if (at !== null) all.splice(at, 0, ...block)
    return all.join(end) + (last ? end : '')
  })
}

function keyValueOf(auth: fc.Arbitrary<Auth>): fc.Arbitrary<string> {
  return fc
    .tuple(auth, fc.constantFrom(undefined, 2, '\t'), fc.boolean(), fc.constantFrom('', '\n'))
    .map(([map, indent, without, blank]) => {
      const pair = without ? {} : { ECS_ENGINE_AUTH_TYPE: map.type, ECS_ENGINE_AUTH_DATA: dataOf(map, blank) }
      return JSON.stringify({ ECS_CLUSTER: 'prod', ...pair, A: 'b\u00e4"\\' }, null, indent)
    })
}

const saneLines = fc.array(saneLine, { maxLength: 6 })
export const saneEnvFile = envFileOf(saneAuth, saneLines)
/** Readable by the agent, and every line alike for all readers. */
export const saneConfig = fc.oneof(saneEnvFile, keyValueOf(saneAuth))
const oddEnvFile = envFileOf(anyAuth, fc.array(fc.oneof(saneLine, oddLine), { maxLength: 8 }))

/** Configs with a few characters cut out, doubled or replaced. */
const mangled = fc
  .tuple(
    fc.oneof(oddEnvFile, keyValueOf(anyAuth)),
    fc.nat(),
    fc.nat({ max: 3 }),
    fc.constantFrom('', '"', '{', '\\', '\ufeff', '\0', "'", '\ud800', ','),
  )
  .map(([text, at, length, put]) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + put + text.slice(place + length)
  })

export const anyConfig = fc.oneof(
  saneConfig,
  oddEnvFile,
  keyValueOf(anyAuth),
  mangled,
  fc.string({ unit: 'binary' }),
  fc.json(),
)
