/** The script is killed before each step on a real systemd, or the power goes, and the next run heals what is left. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { configWith, NEW, OLD, Pool, type PooledInstance } from './nspawn-pool.ts'
import { killBefore } from './nspawn-steps.ts'

const POOL_SIZE = 4
const BAD = 'MARK-bad'
const KILLED = 137

interface Scenario {
  readonly name: string
  /** Whether it is killed before each question to others too, which take their time. */
  readonly withQuestions: boolean
  /** After a renewal, in which the agent runs with OLD. */
  readonly prepare: (instance: PooledInstance) => Promise<unknown>
  /** What happens between the killed run and the next one. */
  readonly between: (instance: PooledInstance) => Promise<unknown>
  readonly heal: (instance: PooledInstance) => Promise<unknown>
}

/** Healthy with OLD by an earlier run, while NEW is current by now. */
async function applyOld(instance: PooledInstance): Promise<void> {
  instance.publish(1, OLD)
  await instance.reload()
  instance.publish(2, NEW)
}

async function publishBad(instance: PooledInstance): Promise<void> {
  await applyOld(instance)
  instance.publish(2, BAD)
  instance.setFates({ [BAD]: { exits: 5 } })
}

async function healToNew(instance: PooledInstance): Promise<void> {
  const { exitCode, status } = await instance.reload()
  assert.match(`${exitCode} ${status?.result}`, /^0 (applied|unchanged)$/)
  assert.equal(instance.password(), NEW)
  instance.assertTidy(configWith(NEW))
}

async function healToOld(instance: PooledInstance): Promise<void> {
  const { exitCode, status } = await instance.reload()
  assert.match(`${exitCode} ${status?.result}`, /^13 rolled-back$/)
  assert.equal(instance.password(), OLD)
  assert.equal(instance.config(), configWith(OLD))
}

async function cutPower(instance: PooledInstance): Promise<void> {
  await instance.machine.cutPower()
  await instance.boot()
  await instance.untilRegistered()
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'in a first apply, the next run applies the version',
    withQuestions: true,
    prepare: async () => {},
    between: async () => {},
    heal: healToNew,
  },
  {
    name: 'in a later apply, and Docker is restarted then, the next run applies the version',
    withQuestions: false,
    prepare: applyOld,
    between: async (instance) => {
      await instance.machine.shell('systemctl restart docker')
      await instance.untilRegistered()
    },
    heal: healToNew,
  },
  {
    name: 'with the whole instance, the agent starts by itself, and the next run applies the version',
    withQuestions: false,
    prepare: applyOld,
    between: cutPower,
    heal: healToNew,
  },
  {
    name: 'in an apply that ends in a rollback, the next run rolls back',
    withQuestions: false,
    prepare: publishBad,
    between: async () => {},
    heal: healToOld,
  },
]

/** Whatever was cut short: the file is one of those that it can be, to the byte, and nobody else can read anything. */
function assertWhole(instance: PooledInstance): void {
  assert.ok([OLD, NEW, BAD].map(configWith).includes(instance.config() ?? ''), instance.config() ?? 'no file')
  assert.deepEqual(new Set(instance.files().values()), new Set([0o600]))
}

describe('killed at every step', { concurrency: SCENARIOS.length }, () => {
  const pool = new Pool(POOL_SIZE)

  /** Kills a run before that step, unless it gets through: then false. */
  async function killAt(instance: PooledInstance, step: number, scenario: Scenario): Promise<boolean> {
    await instance.renew()
    await scenario.prepare(instance)
    instance.prelude(killBefore(step, scenario))
    const { exitCode } = await instance.reload()
    instance.noPrelude()
    if (exitCode !== KILLED) return false
    assertWhole(instance)
    await scenario.between(instance)
    assertWhole(instance)
    await scenario.heal(instance)
    return true
  }

  for (const scenario of SCENARIOS) {
    test(scenario.name, async (t) => {
      if (pool.isMissing(t)) return
      let steps = 0
      let isThrough = false
      const killOn = async () => {
        while (!isThrough) {
          const step = ++steps
          await pool.use(async (instance) => {
            if (!(await killAt(instance, step, scenario))) isThrough = true
          })
        }
      }
      await Promise.all(Array.from({ length: POOL_SIZE }, killOn))
      t.diagnostic(`${steps} steps`)
      assert.ok(steps > 10, `only ${steps} steps were seen`)
    })
  }
})
