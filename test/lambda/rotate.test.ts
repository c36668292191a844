import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRotateHandler } from '../../lambda/rotate-handler.ts'
import type { Plan } from '../../src/core/plan.ts'
import { startWorld } from '../core/rotation-world.ts'

const ARN = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/ecs/agent-config-AbCdEf'
const EVENT = { Step: 'createSecret', SecretId: ARN, ClientRequestToken: '01234567-0123-4123-8123-0123456789ab' }

test('a source that trusts a workflow only is refused before anything is asked', async () => {
  const world = startWorld()
  const [registry] = world.plan.registries
  assert.ok(registry)
  const provider = { ...registry.provider, traits: { ...registry.provider.traits, hosts: ['action'] as const } }
  const plan: Plan = { ...world.plan, registries: [registry, { ...registry, key: 'hub.acme.com', provider }] }
  const lines: string[] = []
  const handler = createRotateHandler({
    clock: world.clock,
    plan: async () => plan,
    wire: () => world.ports,
    log: (line) => lines.push(line),
  })
  await assert.rejects(
    handler(EVENT, { getRemainingTimeInMillis: () => 60_000 }),
    /PLAN_UNSUPPORTED.*hub\.acme\.com \(source\)/,
  )
  assert.deepEqual(world.client.calls, [])
  assert.equal(world.tokens.length, 0)
  assert.match(lines.join('\n'), /"code":"PLAN_UNSUPPORTED"/)
})
