import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { parseAuthData, type Resolution, resolve } from '../../src/core/auth-data.ts'
import { decodeAuth } from '../../src/core/auth-entry.ts'
import { DATA_KEY, joinLines, readVariables, splitLines, TYPE_KEY } from '../../src/core/ecs-config.ts'
import { PullAuthError } from '../../src/core/errors.ts'
import { explainImages } from '../../src/core/explain.ts'
import { fixConfig } from '../../src/core/fix.ts'
import { isFault, readJson } from '../../src/core/go-json.ts'
import { agentHost, parseImage } from '../../src/core/image.ts'
import { lintConfig } from '../../src/core/lint.ts'
import type { JsonValue } from '../../src/core/ports.ts'
import { normaliseKey, twinId } from '../../src/core/registry-key.ts'
import { Secret } from '../../src/core/secret.ts'
import type { State } from '../../src/core/state.ts'
import {
  type AuthFormat,
  type Merged,
  mergeEntries,
  type NewEntry,
  readStoredConfig,
  resolveImage,
  stateOf,
  unmanagedDigest,
} from '../../src/core/stored-config.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/core/utf8.ts'
import * as configs from './configs.ts'
import { dockerCli, ecsInit, type Read, systemd252 } from './readers.ts'

/** fast-check's records have no prototype unless asked, and would not be deeply equal to ours. */
const PLAIN = { noNullPrototype: true } as const

const format = fc.constantFrom<AuthFormat>('dockercfg', 'dockercfg', 'docker')
const state: fc.Arbitrary<State | null> = fc.option(
  fc.record(
    {
      entries: fc.array(
        fc.record(
          {
            registry: configs.liveKey,
            provider: fc.constant('static'),
            issuedAt: fc.nat(),
            expiresAt: fc.option(fc.nat()),
            handle: fc.constantFrom<JsonValue>(null, 'id', 7, { a: ['b'] }),
          },
          PLAIN,
        ),
        { maxLength: 3 },
      ),
      superseded: fc.constant([]),
    },
    PLAIN,
  ),
)
const newEntry = fc.record({
  registry: fc.oneof(configs.liveKey, fc.constantFrom('docker.io', 'https://index.docker.io/v1/')),
  username: configs.username,
  password: configs.password.map((text) => new Secret(text)),
})
const newEntries = fc.uniqueArray<NewEntry, string>(newEntry, {
  minLength: 1,
  maxLength: 3,
  selector: ({ registry }) => twinId(registry),
})

interface Merging {
  readonly text: string
  readonly entries: readonly NewEntry[]
  readonly options: { readonly format: AuthFormat; readonly state: State | null; readonly name: string }
}

function mergingOf(text: fc.Arbitrary<string>): fc.Arbitrary<Merging> {
  return fc.record({ text, entries: newEntries, options: fc.record({ format, state, name: fc.constant('x') }) })
}

/** Merges, or gives null where an error of ours says why not. */
function merged({
  text,
  entries,
  options,
}: Merging): { before: ReturnType<typeof readStoredConfig>; result: Merged } | null {
  try {
    const before = readStoredConfig(new Secret(text), options.name)
    return { before, result: mergeEntries(before, entries, options) }
  } catch (thrown) {
    assert.ok(thrown instanceof PullAuthError, inspect(thrown))
    return null
  }
}

function imageOf(registry: string): string {
  const bare = normaliseKey(registry)
  return twinId(registry) === 'docker.io' ? 'nginx' : `${bare.endsWith('/') ? bare : `${bare}/`}image`
}

test('any text and any bytes are taken apart and put together again unchanged', () => {
  fc.assert(
    fc.property(fc.oneof(configs.anyConfig, fc.string({ unit: 'binary' })), (text) => {
      assert.equal(joinLines(splitLines(text)), text)
    }),
    configs.RUNS,
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      assert.deepEqual(Uint8Array.from(encodeUtf8(decodeUtf8(bytes))), Uint8Array.from(bytes))
    }),
    configs.RUNS,
  )
})

test('JSON is what Go and JSON.parse both take for it, member by member', () => {
  const text = fc.oneof(fc.json(), configs.anyConfig, fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0 1.-e+tn\n') }))
  fc.assert(
    fc.property(text, (json) => {
      let value: unknown
      let valid = true
      try {
        value = JSON.parse(json)
      } catch {
        valid = false
      }
      const read = readJson(json, 2)
      assert.equal(!isFault(read), valid)
      if (isFault(read) || read.kind !== 'object') return
      assert.deepEqual(
        [...new Set(read.members.map(({ name }) => name))].sort(),
        Object.keys(value as object)
          .map((name) => name.toWellFormed())
          .sort(),
      )
      for (const member of read.members)
        assert.doesNotThrow(() => JSON.parse(json.slice(member.valueStart, member.end)))
    }),
    configs.RUNS,
  )
})

test('auth is strict base64 as Go takes it', () => {
  const text = fc.oneof(fc.base64String(), fc.string({ unit: fc.constantFrom(...'AQgw=+/-_ \n\ré'), maxLength: 12 }))
  fc.assert(
    fc.property(text, (auth) => {
      const packed = auth.replace(/[\r\n]/g, '')
      const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(packed)
      assert.equal(decodeAuth(auth) !== 'bad-base64', strict)
    }),
    configs.RUNS,
  )
})

test('no input makes anything throw but an error of ours, and nothing shown has a credential', () => {
  fc.assert(
    fc.property(
      configs.anyConfig,
      fc.array(fc.oneof(configs.image, fc.string({ unit: 'binary' })), { maxLength: 3 }),
      (text, images) => {
        const told: unknown[] = [
          lintConfig(text),
          fixConfig(text).notes,
          explainImages(text, images).map(({ reason }) => reason),
          images.map(parseImage),
        ]
        try {
          const config = readStoredConfig(new Secret(text), 'x')
          told.push(
            config,
            images.map((image) => resolveImage(config, image)),
            stateOf(config),
            unmanagedDigest(config, ['ghcr.io']),
          )
          told.push(mergeEntries(config, [], { format: 'dockercfg', state: null, name: 'x' }))
        } catch (thrown) {
          assert.ok(thrown instanceof PullAuthError, inspect(thrown))
          told.push(thrown)
        }
        const shown = inspect(told, { depth: 9 })
        assert.ok(!shown.includes(configs.MARK), shown)
      },
    ),
    configs.RUNS,
  )
})

test('after a merge the agent gives the new credential to its images, and the others what they had', () => {
  fc.assert(
    fc.property(mergingOf(configs.saneConfig), fc.array(configs.image), (merging, images) => {
      const done = merged(merging)
      fc.pre(done !== null)
      const after = readStoredConfig(done.result.text, 'x')
      for (const { registry, username, password } of merging.entries) {
        const { credential, ambiguous } = resolveImage(after, imageOf(registry))
        const rivals = after.auth.entries.filter(({ key }) => agentHost(imageOf(key)) === agentHost(imageOf(registry)))
        if (ambiguous || rivals.some(({ key }) => key !== registry && imageOf(registry).startsWith(normaliseKey(key))))
          continue
        assert.deepEqual([credential?.username, credential?.password.reveal()], [username, password.reveal()])
      }
      const managed = new Set(merging.entries.map(({ registry }) => agentHost(imageOf(registry))))
      for (const image of images.filter((other) => !managed.has(agentHost(other)))) {
        const was: Resolution = resolveImage(done.before, image)
        const is: Resolution = resolveImage(after, image)
        assert.deepEqual([is.key, is.ambiguous, is.candidates], [was.key, was.ambiguous, was.candidates])
        assert.equal(is.credential?.username, was.credential?.username)
        assert.equal(is.credential?.password.reveal(), was.credential?.password.reveal())
      }
    }),
    configs.RUNS,
  )
})

test('a merge changes no line but the auth lines and the state line', () => {
  fc.assert(
    fc.property(mergingOf(configs.anyConfig), (merging) => {
      const done = merged(merging)
      fc.pre(done !== null && done.before.form === 'env-file')
      const ours = /^(?:# ecs-pull-auth:v1:|ECS_ENGINE_AUTH_(?:TYPE|DATA)=)/
      const others = (text: string) =>
        splitLines(text)
          .map((line) => line.text)
          .filter((line) => !ours.test(line.trim()))
      assert.deepEqual(others(done.result.text.reveal()), others(merging.text))
    }),
    configs.RUNS,
  )
})

test('in the key/value form every other key keeps its value', () => {
  fc.assert(
    fc.property(mergingOf(configs.anyConfig), (merging) => {
      const done = merged(merging)
      fc.pre(done !== null && done.before.form === 'json')
      const others = (text: string) => {
        const { [TYPE_KEY]: _type, [DATA_KEY]: _data, 'ecs-pull-auth': _state, ...rest } = JSON.parse(text)
        return rest
      }
      assert.deepEqual(others(done.result.text.reveal()), others(merging.text))
    }),
    configs.RUNS,
  )
})

test('merging the same again changes nothing, and the state comes back as it was written', () => {
  fc.assert(
    fc.property(mergingOf(configs.anyConfig), (merging) => {
      const done = merged(merging)
      fc.pre(done !== null)
      const once = done.result.text.reveal()
      const twice = merged({ ...merging, text: once })
      assert.equal(twice?.result.text.reveal(), once)
      assert.deepEqual(twice?.result.notes, [])
      assert.deepEqual(stateOf(readStoredConfig(done.result.text, 'x')), merging.options.state)
    }),
    configs.RUNS,
  )
})

test('our own merge never changes the digest of what it does not manage', () => {
  fc.assert(
    fc.property(mergingOf(configs.anyConfig), (merging) => {
      const done = merged(merging)
      fc.pre(done !== null)
      const managed = merging.entries.map(({ registry }) => registry)
      const after = readStoredConfig(done.result.text, 'x')
      assert.equal(unmanagedDigest(after, managed), unmanagedDigest(done.before, managed))
    }),
    configs.RUNS,
  )
})

test('what a merge writes is one line of ASCII keys and base64, whatever the credential is made of', () => {
  const any = fc.record({
    registry: fc.oneof(configs.key, fc.string()),
    username: fc.string({ unit: 'binary' }),
    password: fc.string({ unit: 'binary' }).map((text) => new Secret(text)),
  })
  fc.assert(
    fc.property(any, format, (entry, wanted) => {
      const done = merged({
        text: 'ECS_CLUSTER=c\n',
        entries: [entry],
        options: { format: wanted, state: null, name: 'x' },
      })
      fc.pre(done !== null)
      const [cluster, type, data, ...more] = done.result.text.reveal().split('\n')
      assert.deepEqual([cluster, type, more], ['ECS_CLUSTER=c', `${TYPE_KEY}=${wanted}`, ['']])
      assert.ok(data?.startsWith(`${DATA_KEY}={"`) && !data.includes('\\'))
      if (wanted === 'dockercfg') assert.match(data ?? '', /^[ -~]+$/)
    }),
    configs.RUNS,
  )
})

test('ecs-init, systemd and the docker CLI read the merged file alike', () => {
  fc.assert(
    fc.property(mergingOf(configs.saneEnvFile), (merging) => {
      const done = merged(merging)
      fc.pre(done !== null)
      const text = done.result.text.reveal()
      const reads: readonly Read[] = [ecsInit(text), systemd252(text), dockerCli(text)]
      const pairs = reads.map((read) => (read instanceof Map ? [read.get(TYPE_KEY), read.get(DATA_KEY)] : read))
      assert.deepEqual(pairs[1], pairs[0])
      assert.deepEqual(pairs[2], pairs[0])
      assert.equal(readVariables(text).get(TYPE_KEY), merging.options.format)
    }),
    configs.RUNS,
  )
})

test('the order of keys never matters, unless the agent leaves the choice to chance', () => {
  const shuffled = configs.anyAuth.chain((auth) => {
    const unique = [...new Map(auth.entries)]
    return fc.tuple(
      fc.constant(auth.type),
      fc.constant(unique),
      fc.shuffledSubarray(unique, { minLength: unique.length }),
    )
  })
  fc.assert(
    fc.property(shuffled, configs.image, ([type, one, other], image) => {
      const explain = (entries: typeof one) => resolve(parseAuthData(type, configs.dataOf({ type, entries })), image)
      const [a, b] = [explain(one), explain(other)]
      assert.deepEqual([a.key, a.ambiguous, a.candidates, a.reason], [b.key, b.ambiguous, b.candidates, b.reason])
      if (a.ambiguous) assert.ok(a.candidates.length > 1 && a.key === null)
    }),
    configs.RUNS,
  )
})

/** GetAuthconfig of dockerauth.go with the map's order given: what the agent does once. */
function agentOnce(keys: readonly string[], image: string): string | null {
  const host = agentHost(image)
  if (host === 'docker.io') return keys.includes('index.docker.io/v1/') ? 'index.docker.io/v1/' : null
  let longest = keys.includes(host) ? host : ''
  for (const key of keys) {
    if (key.split('/', 1)[0] !== host) continue
    if (longest === '' || (Buffer.byteLength(key) > Buffer.byteLength(longest) && image.startsWith(key))) longest = key
  }
  return longest === '' ? null : longest
}

test('over all orders of the map the agent ends with exactly the candidates', () => {
  const keys = fc.uniqueArray(configs.liveKey.map(normaliseKey), { maxLength: 5 })
  fc.assert(
    fc.property(keys, configs.image, (names, image) => {
      const entries = names.map((name, at) => [name, { username: `u${at}`, password: 'p' }] as const)
      const { candidates } = resolve(parseAuthData('docker', configs.dataOf({ type: 'docker', entries })), image)
      const reached = new Set(permutations(names).map((order) => agentOnce(order, image)))
      reached.delete(null)
      assert.deepEqual([...reached].sort(), [...candidates].sort())
    }),
    configs.RUNS,
  )
})

function permutations(items: readonly string[]): readonly (readonly string[])[] {
  if (items.length < 2) return [items]
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]))
}

test('a repair is complete at once and loses no other variable', () => {
  const variables = (text: string) => {
    const all = readVariables(text)
    for (const name of all.keys()) if (/AUTH_|^[#;\ufeff"{}\s]|\r|^export/.test(name)) all.delete(name)
    return [...all]
  }
  fc.assert(
    fc.property(configs.anyConfig, (text) => {
      const fixed = fixConfig(text)
      if (fixed.notes.length === 0) assert.equal(fixed.text, text)
      assert.deepEqual(fixConfig(fixed.text), { text: fixed.text, notes: [] })
      fc.pre(text.includes('\n') && !text.includes('\ufeff'))
      assert.deepEqual(variables(fixed.text), variables(text))
    }),
    configs.RUNS,
  )
})

test('a config without findings gives every credential that is in it to the images of its key', () => {
  fc.assert(
    fc.property(configs.anyConfig, (text) => {
      fc.pre(lintConfig(text).every(({ severity }) => severity === 'note'))
      const { auth } = readStoredConfig(new Secret(text), 'x')
      for (const { key, extra } of auth.entries) {
        const { credential, ambiguous } = resolve(auth, imageOf(key))
        assert.ok((credential !== null || extra.has('identitytoken')) && !ambiguous, key)
      }
    }),
    configs.RUNS,
  )
})
