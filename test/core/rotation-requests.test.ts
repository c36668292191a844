/** What a clean rotation asks, and how often it waits: budgets of docs/performance.md, whose figures come from the same world. */

import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import { createClients } from '../../src/aws/clients.ts'
import { createSecretStore } from '../../src/aws/secret-store.ts'
import { readPlan } from '../../src/core/plan.ts'
import { type RotationPorts, rotateDirectly } from '../../src/core/rotation.ts'
import { randomVersionId } from '../../src/core/version-id.ts'
import { createHttp } from '../../src/http.ts'
import { PROVIDERS } from '../../src/registries/table.ts'
import { createPullVerifier } from '../../src/registries/verify.ts'
import { secretReader, systemClock } from '../../src/wiring.ts'
import { startAws } from '../aws/server.ts'
import { awsCalls, rotationByItself, rotationByTheFunction, type Step } from '../bench/rotation.ts'
import { startGitlab } from '../doubles/gitlab.ts'
import { noIdentity, noObjects } from '../doubles/no-identity.ts'
import { startRegistry } from '../doubles/registry.ts'

const counts = (steps: readonly Step[]) => steps.map((step) => [step.step, awsCalls(step).length, step.trips.length])

/** Steps or parts, the AWS calls of each, and its round trips. */
const BUDGETS = [
  {
    by: 'the function',
    rotate: rotationByTheFunction,
    steps: [
      ['createSecret', 5, 6],
      ['setSecret', 0, 0],
      ['testSecret', 1, 7],
      ['finishSecret', 4, 3],
    ],
  },
  {
    by: 'the Action or the CLI itself',
    rotate: rotationByItself,
    steps: [
      ['Look', 1, 1],
      ['Mint and merge', 4, 5],
      ['Prove', 1, 7],
      ['Promote', 4, 3],
    ],
  },
] as const

for (const { by, rotate, steps } of BUDGETS) {
  describe(`a clean rotation by ${by}`, () => {
    test('asks AWS ten times, and waits for sixteen answers one after the other', async () => {
      const asked = counts(await rotate(1))
      assert.deepEqual(asked, steps)
      assert.equal(
        steps.reduce((sum, [, calls]) => sum + calls, 0),
        10,
      )
      assert.equal(
        steps.reduce((sum, [, , trips]) => sum + trips, 0),
        16,
      )
    })

    test('asks AWS and waits no more often with fifty entries than with one', async () => {
      assert.deepEqual(counts(await rotate(50)), steps)
    })
  })
}

test('requests of one host that wait for one another share a connection, and every mint has one of its own', async (t) => {
  const aws = await startAws({ clock: systemClock })
  const access = [{ token: 'root-of-this-test', scopes: ['api'], sees: ['acme'], manages: ['acme'] }] as const
  const gitlab = await startGitlab({ access })
  const registry = await startRegistry({ tokens: gitlab.tokens })
  t.after(() => Promise.all([aws.close(), gitlab.close(), registry.close()]))
  aws.secrets.create('prod/config', 'ECS_CLUSTER=prod\n')
  aws.secrets.create('prod/root', 'root-of-this-test')
  const source = { provider: 'gitlab', url: gitlab.url, group: 'acme', root: 'prod/root', ttl: '6h' }
  const registries = { [registry.host]: { ...source, probe: `${registry.host}/acme/app:stable` } }
  const plan = readPlan({ version: 1, secret: 'prod/config', registries }, 'of the test', PROVIDERS)
  const http = createHttp()
  const only = { endpoint: aws.endpoint, accessKeyId: 'AKIATEST', secretAccessKey: 'test' }
  const store = createSecretStore(createClients({ region: aws.region, userAgent: [['test', '1']], only }).secrets)
  const silent = () => undefined
  const cx: RotationPorts = {
    store,
    http,
    clock: systemClock,
    journal: { mask: silent, phase: silent, info: silent, warn: silent },
    verify: createPullVerifier(http, systemClock),
    providers: PROVIDERS,
    readSecret: secretReader(store, systemClock),
    objects: noObjects,
    ...noIdentity,
  }
  const connections = new Map<string, number>()
  const opened = (message: unknown) => {
    const { socket } = message as { readonly socket: Socket }
    socket.once('connect', () => {
      const host = `${socket.remoteAddress}:${socket.remotePort}`
      connections.set(host, (connections.get(host) ?? 0) + 1)
    })
  }
  subscribe('net.client.socket', opened)
  t.after(() => unsubscribe('net.client.socket', opened))
  for (const version of [1, 2, 3].map(randomVersionId)) assert.ok((await rotateDirectly(cx, plan, version)).changed)
  assert.deepEqual(
    new Map(connections),
    new Map([
      // Two reads at once need two.
      [new URL(aws.endpoint).host, 2],
      // Three mints (src/http.ts: what takes effect never uses a kept one), and one for the lists.
      [new URL(gitlab.url).host, 4],
      [registry.host, 1],
    ]),
  )
})
