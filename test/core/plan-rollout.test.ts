/** fleet.canary, fleet.runbook and fleet.alarm: what a plan may say, and what its schedule then has to allow. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PullAuthError } from '../../src/core/errors.ts'
import { type FleetPlan, leastLife, readPlan } from '../../src/core/plan.ts'
import { timeoutWithin } from '../../src/core/plan-rollout.ts'
import { PROVIDERS } from '../../src/registries/table.ts'

const targets = { 'tag:ecs-pull-auth': ['prod'] }
const role = 'arn:aws:iam::111122223333:role/rollout'
const notify = 'arn:aws:sns:eu-west-1:111122223333:AutomationApprovals'
const locations = [{ accounts: ['444455556666'], regions: ['eu-west-1'] }]

function planOf(fleet: unknown) {
  const registries = { 'ghcr.io': { provider: 'ghcr', credential: 'pull', probe: 'ghcr.io/acme/app:stable' } }
  return readPlan({ version: 1, secret: 'agent', registries, fleet }, 'plan.yaml', PROVIDERS)
}

function fleetOf(fleet: Record<string, unknown>): FleetPlan {
  const read = planOf({ targets, ...fleet }).fleet
  assert.ok(read)
  return read
}

function refusal(fleet: Record<string, unknown>): string {
  try {
    planOf({ targets, ...fleet })
  } catch (error) {
    if (error instanceof PullAuthError && error.code === 'PLAN_INVALID') return error.message
    throw error
  }
  assert.fail('the plan was accepted')
}

test('without them nobody is first, and Run Command is sent directly', () => {
  const { canary, runbook, alarm } = fleetOf({})
  assert.deepEqual([canary, runbook, alarm], [null, null, null])
})

test('all of them, as a plan says it', () => {
  const fleet = fleetOf({
    canary: { 'tag:ring': ['canary'] },
    alarm: 'pull-errors',
    runbook: { role, approvers: ['on-call'], notify, calendar: 'freeze', locations },
  })
  assert.deepEqual(fleet.canary, { 'tag:ring': ['canary'] })
  assert.equal(fleet.alarm, 'pull-errors')
  assert.deepEqual(fleet.runbook, {
    name: 'ecs-pull-auth-rollout',
    role,
    approvers: ['on-call'],
    notify,
    calendar: 'freeze',
    locations: [{ ...locations[0], role: null }],
  })
  assert.equal(fleetOf({ canary: 3 }).canary, 3)
  assert.deepEqual(
    fleetOf({ targets: { 'tag:ring': ['canary', 'rest'] }, canary: { 'tag:ring': ['canary'] } }).canary,
    { 'tag:ring': ['canary'] },
  )
})

describe('is refused:', () => {
  const cases: readonly [string, Record<string, unknown>, RegExp][] = [
    ['no canary at all', { canary: 0 }, /fleet\.canary must be a number of instances from 1 to 5/],
    ['six canaries by number', { canary: 6 }, /fleet\.canary must be a number .* further targets such as/],
    ['half a canary', { canary: 0.5 }, /fleet\.canary must be/],
    ['a canary in words', { canary: 'one' }, /fleet\.canary must be/],
    [
      'a number where nobody can be listed',
      { targets: { 'resource-groups:Name': ['fleet'] }, canary: 1 },
      /fleet\.canary cannot be a number here/,
    ],
    [
      'a number where two kinds of filter would be needed',
      { targets: { 'tag:a': ['b'], InstanceIds: ['i-00000000000000001'] }, canary: 1 },
      /fleet\.canary cannot be a number here/,
    ],
    ['a canary key without prefix', { canary: { ring: ['canary'] } }, /fleet\.canary\.ring must be tag:NAME/],
    ['a canary without values', { canary: { 'tag:ring': [] } }, /fleet\.canary\.tag:ring must be a list of 1 to 50/],
    [
      'a canary that is no target',
      { canary: { 'tag:ecs-pull-auth': ['test'] } },
      /fleet\.canary\.tag:ecs-pull-auth must name values that fleet\.targets has/,
    ],
    [
      'six keys together',
      {
        targets: Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`tag:${n}`, ['x']])),
        canary: { 'tag:6': ['x'] },
      },
      /fleet\.canary makes more than five keys/,
    ],
    ['a runbook without a role', { runbook: {} }, /fleet\.runbook\.role is missing/],
    ['a role by name', { runbook: { role: 'rollout' } }, /fleet\.runbook\.role must be the ARN/],
    ['a runbook with a bad name', { runbook: { role, name: 'a b' } }, /fleet\.runbook\.name must be/],
    ['approvers whom nobody tells', { runbook: { role, approvers: ['me'] } }, /fleet\.runbook\.notify goes together/],
    ['a topic for nobody', { runbook: { role, notify } }, /fleet\.runbook\.notify goes together/],
    [
      'a topic that Automation does not take',
      { runbook: { role, approvers: ['me'], notify: notify.replace('Automation', '') } },
      /fleet\.runbook\.notify must be .* begins with Automation/,
    ],
    [
      'eleven approvers',
      { runbook: { role, notify, approvers: Array(11).fill('me') } },
      /fleet\.runbook\.approvers must be a list of 1 to 10/,
    ],
    ['no location', { runbook: { role, locations: [] } }, /fleet\.runbook\.locations must be a list of 1 to 100/],
    [
      'an account that YAML took for a number',
      { runbook: { role, locations: [{ accounts: [444455556666], regions: ['eu-west-1'] }] } },
      /locations\.0\.accounts must be a list of 1 to 50 account ids \(quoted\)/,
    ],
    [
      'a Region that is none',
      { runbook: { role, locations: [{ accounts: ['444455556666'], regions: ['Ireland'] }] } },
      /locations\.0\.regions must be a list of 1 to 50 Regions/,
    ],
    ['a canary by number elsewhere', { canary: 1, runbook: { role, locations } }, /fleet\.canary must be targets/],
    [
      'an unknown field of a runbook',
      { runbook: { role, aprovers: ['me'] } },
      /fleet\.runbook\.aprovers is not a field/,
    ],
    [
      'targets that are too long for a runbook',
      { targets: { 'tag:name': Array(20).fill('a'.repeat(30)) }, runbook: { role } },
      /fleet\.targets\.tag:name is longer than the 512 characters/,
    ],
    ['an alarm without end', { alarm: 'a'.repeat(256) }, /fleet\.alarm must be/],
  ]
  for (const [name, fleet, message] of cases) test(name, () => assert.match(refusal(fleet), message))
})

test('a canary takes a timeout of its own, and an approval an hour: credentials must live through both', () => {
  const hour = 3600
  const life = (fleet: Record<string, unknown>) => leastLife(planOf({ targets, ...fleet }))
  assert.equal(life({}), hour + 300)
  assert.equal(life({ canary: 1 }), 2 * hour + 300)
  assert.equal(life({ runbook: { role } }), hour + 300)
  assert.equal(life({ canary: 1, runbook: { role, approvers: ['me'], notify } }), 3 * hour + 300)
  assert.equal(timeoutWithin(fleetOf({ canary: 1, runbook: { role, approvers: ['me'], notify } }), 3 * hour), hour)
  assert.equal(timeoutWithin(fleetOf({}), 3 * hour), 3 * hour)
})
