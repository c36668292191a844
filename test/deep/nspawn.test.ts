/** The script that the document ships, on a real systemd: each trouble, and the run after it. */

import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { authLines } from '../node/bench.ts'
import { until } from './nspawn.ts'
import { CASES, type Case } from './nspawn-cases.ts'
import { CONFIG, type Output } from './nspawn-instance.ts'
import { configWith, NEW, OLD, Pool, type PooledInstance } from './nspawn-pool.ts'

const POOL_SIZE = 4

/** The next run, when nothing is wrong any more, brings the instance to the new version. */
async function assertHeals(instance: PooledInstance, config: string): Promise<void> {
  const { exitCode, status } = await instance.reload()
  assert.match(`${exitCode} ${status?.result}`, /^0 (applied|unchanged)$/)
  assert.equal(instance.password(), NEW)
  instance.assertTidy(config)
}

async function runCase(instance: PooledInstance, { prepare, cure, ...order }: Case): Promise<void> {
  const { exit, result, reason = null, holds, runs, starts, edited = (text) => text } = order
  await instance.renew()
  try {
    await prepare?.(instance)
    const before = instance.starts()
    const output = await instance.reload(order)
    assert.deepEqual(ended(output), [exit, result, reason])
    if (starts !== undefined) assert.equal(instance.starts() - before, starts)
    assert.equal(instance.password(), runs)
    assert.equal(instance.config(), edited(configWith(holds)))
    assert.deepEqual(new Set(instance.files().values()), new Set([0o600]))
  } finally {
    await cure?.(instance)
  }
  await assertHeals(instance, cure === undefined ? edited(configWith(NEW)) : configWith(NEW))
}

function ended({ exitCode, status }: Output): readonly unknown[] {
  return [exitCode, status?.result, status?.reason]
}

async function isActive(instance: PooledInstance): Promise<string> {
  return (await instance.machine.run('systemctl', 'is-active', 'ecs')).stdout.toString().trim()
}

/** What differs from Amazon Linux's unit in those of other packages (packaging/generic-*, and SUSE's own). */
const UNITS: Readonly<Record<string, readonly [unit: string, directives: readonly string[]]>> = {
  'the generic deb, whose agent is started again whatever its exit code': [
    'ecs.service',
    [
      'PartOf=docker.service',
      '[Service]',
      'Restart=on-failure',
      'RestartSec=1s',
      'EnvironmentFile=-/var/lib/ecs/ecs.config',
    ],
  ],
  'SUSE, with its own name and nothing that starts an agent again': ['amazon-ecs.service', ['[Service]']],
}

function unitText(directives: readonly string[]): string {
  const start = '/usr/libexec/amazon-ecs-init'
  const service = [`ExecStartPre=${start} pre-start`, `ExecStart=${start} start`, `ExecStop=${start} stop`]
  return ['[Unit]', 'Wants=docker.service', 'After=docker.service', ...directives, 'Type=simple', ...service, ''].join(
    '\n',
  )
}

describe('the script on a real systemd', { concurrency: POOL_SIZE }, () => {
  const pool = new Pool(POOL_SIZE)
  for (const one of CASES) pool.test(`${one.name}: ${one.result}`, (instance) => runCase(instance, one))

  pool.test(
    'a second run changes nothing and restarts nothing, a third one with another version neither',
    async (instance) => {
      await instance.renew()
      await instance.reload()
      const starts = instance.starts()
      assert.deepEqual(ended(await instance.reload()), [0, 'unchanged', null])
      instance.publish(2, NEW)
      assert.deepEqual(ended(await instance.reload()), [0, 'unchanged', null])
      assert.equal(instance.starts(), starts)
      instance.assertTidy(configWith(NEW))
    },
  )

  pool.test('the owner of the file stays, and its SELinux context is asked for again', async (instance) => {
    await instance.renew()
    instance.write('/usr/local/bin/restorecon', '#!/bin/sh\necho "$@" >>/run/restorecon\n', 0o755)
    await instance.machine.shell(`chown 1234:4321 ${CONFIG}; rm -f /run/restorecon`)
    assert.deepEqual(ended(await instance.reload()), [0, 'applied', null])
    const owner = await instance.machine.shell(`stat -c %u:%g ${CONFIG}`)
    assert.equal(owner.trim(), '1234:4321')
    assert.equal(instance.read('/run/restorecon'), `${CONFIG}\n`)
    instance.delete('/usr/local/bin/restorecon')
    instance.assertTidy(configWith(NEW))
  })

  pool.test('of two commands at once one waits for the other, and the agent is restarted once', async (instance) => {
    await instance.renew()
    const starts = instance.starts()
    const both = await Promise.all([instance.reload(), instance.reload()])
    assert.deepEqual(both.map(({ exitCode, status }) => `${exitCode} ${status?.result}`).sort(), [
      '0 applied',
      '0 unchanged',
    ])
    assert.equal(instance.starts(), starts + 1)
    instance.assertTidy(configWith(NEW))
  })

  pool.test('a new instance whose user data is still busy starts its agent with the credentials', async (instance) => {
    await instance.renew('ECS_CLUSTER=prod')
    instance.write('/srv/user-data-runs', '')
    await instance.machine.cutPower()
    await instance.boot()
    assert.deepEqual(ended(await instance.reload()), [0, 'written', 'service-inactive'])
    assert.equal(instance.starts(), 0)
    instance.delete('/srv/user-data-runs')
    await instance.untilRegistered()
    assert.equal(instance.password(), NEW)
    await assertHeals(instance, ['ECS_CLUSTER=prod', ...authLines(NEW), ''].join('\n'))
    assert.equal(instance.starts(), 1)
  })

  for (const [name, [unit, directives]] of Object.entries(UNITS)) {
    pool.test(`with the unit of ${name}, it applies, rests, and rolls back`, async (instance) => {
      await instance.renew()
      await instance.machine.shell('systemctl stop ecs; mv /etc/systemd/system/ecs.service /srv/ecs.service')
      try {
        instance.write(`/etc/systemd/system/${unit}`, unitText(directives), 0o644)
        await instance.machine.shell(`systemctl daemon-reload; systemctl start ${unit}`)
        await instance.untilRegistered()
        const starts = instance.starts()
        assert.deepEqual(ended(await instance.reload()), [0, 'applied', null])
        assert.deepEqual(ended(await instance.reload()), [0, 'unchanged', null])
        assert.equal(instance.starts(), starts + 1)
        instance.assertTidy(configWith(NEW))
        instance.publish(2, OLD)
        instance.setFates({ [OLD]: { exits: 5 } })
        assert.deepEqual(ended(await instance.reload()), [13, 'rolled-back', 'agent-unhealthy'])
        assert.equal(instance.password(), NEW)
        assert.equal(instance.config(), configWith(NEW))
        await instance.machine.shell(`systemctl stop ${unit}`)
        assert.deepEqual(ended(await instance.reload()), [0, 'written', 'service-inactive'])
        assert.equal(instance.password(), null)
      } finally {
        await instance.machine.shell(`systemctl stop ${unit}; rm -f /etc/systemd/system/${unit}
          mv /srv/ecs.service /etc/systemd/system/ecs.service; systemctl daemon-reload`)
      }
    })
  }

  pool.test(
    'killed by its time limit while systemd stops the agent, the next run finds it restarted',
    async (instance) => {
      await instance.renew()
      instance.setFates({ [OLD]: { stops: 2 } })
      await instance.machine.shell('systemctl restart ecs')
      await instance.untilRegistered()
      const starts = instance.starts()
      const run = instance.reload()
      await until('the agent is stopping', async () => (await isActive(instance)) === 'deactivating')
      instance.killScripts()
      assert.equal((await run).exitCode, 137)
      await until('the new agent is there', async () => instance.password() === NEW)
      await assertHeals(instance, configWith(NEW))
      assert.equal(instance.starts(), starts + 1)
    },
  )

  pool.test(
    'killed while a bad agent is ending, the next run does not take it for one that was stopped on purpose',
    async (instance) => {
      await instance.renew()
      instance.setFates({ [NEW]: { exits: 5 } })
      await instance.machine.shell(`mkdir -p /run/systemd/system/ecs.service.d
      printf '[Service]\\nExecStopPost=sleep 2\\n' >/run/systemd/system/ecs.service.d/slow.conf
      systemctl daemon-reload`)
      const starts = instance.starts()
      const run = instance.reload()
      await until('the bad agent has ended', async () => {
        return instance.starts() > starts && (await isActive(instance)) === 'deactivating'
      })
      instance.killScripts()
      assert.equal((await run).exitCode, 137)
      assert.equal(await isActive(instance), 'deactivating')
      assert.deepEqual(ended(await instance.reload()), [13, 'rolled-back', 'agent-unhealthy'])
      assert.equal(instance.password(), OLD)
      assert.equal(instance.config(), configWith(OLD))
    },
  )

  pool.test(
    'an agent that dies after a healthy reload is brought back by systemd and ecs-init, with the credentials',
    async (instance) => {
      await instance.renew()
      await instance.reload()
      await instance.machine.shell('pkill -KILL -x ecs-agent')
      await until('the agent is back', async () => instance.password() === NEW)
      assert.equal(instance.read(CONFIG), configWith(NEW))
    },
  )
})
