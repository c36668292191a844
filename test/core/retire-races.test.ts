/** A retire decides from what it read; nothing that has changed since may die of it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCode } from '../../src/core/errors.ts'
import { runJob } from '../../src/core/job.ts'
import type { SecretStore, VersionId } from '../../src/core/ports.ts'
import { retire } from '../../src/core/retire.ts'
import { liveTokens, SECRET, startWorld } from './rotation-world.ts'

const [SECOND, THIRD, FOURTH] = [2, 3, 4].map((number) => `00000000-0000-4000-8000-00000000000${number}` as VersionId)

test('a retire that finds the labels elsewhere than where it read them revokes nothing', async () => {
  const world = startWorld({ ttl: 30 * 86_400 })
  const { ports, plan } = world
  assert.ok(SECOND && THIRD)
  await runJob(ports, plan, SECOND, false)
  const clock = { ...world.clock, sleep: () => Promise.reject(new Error('interrupted')) }
  const { rollout } = await runJob({ ...ports, clock }, plan, THIRD, false)
  assert.ok(rollout)
  world.clock.advance(3600_000)
  // Between its first look and its last one somebody makes AWSPREVIOUS current again.
  let looks = 0
  const describe: SecretStore['describe'] = async (secret) => {
    looks += 1
    if (looks === 2) world.secrets.secret(SECRET).versions.move('AWSCURRENT', THIRD, SECOND)
    return await ports.store.describe(secret)
  }
  const late = retire({ ...ports, store: { ...ports.store, describe } }, plan, rollout, { wait: false })
  await assert.rejects(late, (error) => isCode(error, 'RETIRE_NOT_YET'))
  assert.equal(liveTokens(world).length, 2)
})

test('a version that was promoted and then edited away keeps nothing alive by its private label', async () => {
  const world = startWorld({ ttl: 30 * 86_400 })
  const { ports, plan } = world
  assert.ok(SECOND && THIRD && FOURTH)
  await runJob(ports, plan, SECOND, false)
  const stored = world.secrets.secret(SECRET)
  const edit = (id: string) => {
    const value = { text: `${stored.text('AWSCURRENT')}ECS_LOGLEVEL=warn\n` }
    stored.versions.store({ id, value, createdAt: world.clock.now(), withRotationToken: false }, ['AWSCURRENT'])
  }
  edit(THIRD)
  edit(FOURTH)
  assert.deepEqual(stored.labels()[SECOND], ['ECSAUTH-STAGED'])
  // The next rotation does not take the label, as the rotation function's would not.
  const last = '00000000-0000-4000-8000-000000000005' as VersionId
  const store: SecretStore = {
    ...ports.store,
    put: async (secret, value) => {
      await ports.store.put(secret, value)
      stored.versions.move('ECSAUTH-STAGED', last, SECOND)
    },
    read: async (secret, { version }) => await ports.store.read(secret, version === undefined ? {} : { version }),
  }
  await runJob({ ...ports, store }, plan, last, false)
  assert.deepEqual(stored.labels()[SECOND], ['ECSAUTH-STAGED'])
  assert.equal(liveTokens(world).length, 1)
})
