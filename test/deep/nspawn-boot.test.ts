/** The boot hook on a real systemd: whatever starts the agent, it starts with the current credentials, or as it can. */

import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { userData } from '../../deploy/boot/user-data.mjs'
import { authLines, version } from '../node/bench.ts'
import { SECRET_ARN } from '../node/secret-endpoint.ts'
import { CONFIG, DOCUMENT } from './nspawn-instance.ts'
import { configWith, NEW, Pool, type PooledInstance } from './nspawn-pool.ts'

const POOL_SIZE = 4
const NEWER = 'MARK-newer'
const DROP_IN = '/etc/systemd/system/ecs.service.d/50-ecs-pull-auth.conf'

async function install(instance: PooledInstance): Promise<void> {
  const { exitCode, status } = await instance.reload({ parameters: { bootHook: 'install' } })
  assert.deepEqual([exitCode, status?.result, status?.reason], [0, 'applied', null])
}

async function reboot(instance: PooledInstance): Promise<void> {
  await instance.machine.cutPower()
  await instance.boot()
  await instance.untilRegistered()
}

async function restart(instance: PooledInstance): Promise<void> {
  await instance.machine.shell('systemctl restart ecs')
  await instance.untilRegistered()
}

/** The next run finds the agent started anew by others, and has nothing to do but to look. */
async function assertProvenWithoutRestart(instance: PooledInstance, n: number): Promise<void> {
  const starts = instance.starts()
  const { exitCode, status } = await instance.reload()
  assert.deepEqual([exitCode, status?.result, status?.version], [0, 'applied', version(n)])
  assert.equal(instance.starts(), starts)
}

describe('the boot hook on a real systemd', { concurrency: POOL_SIZE }, () => {
  const pool = new Pool(POOL_SIZE)

  pool.test(
    'user data gives a new instance its credentials before its agent starts, and every later boot',
    async (instance) => {
      await instance.renew('ECS_CLUSTER=prod\n')
      instance.write('/srv/user-data', userData(DOCUMENT, SECRET_ARN, 'auth-only'), 0o700)
      instance.delete('/var/lib/ecs/data')
      await reboot(instance)
      assert.equal(instance.password(), NEW)
      assert.equal(instance.starts(), 1)
      assert.equal(instance.config(), ['ECS_CLUSTER=prod', ...authLines(NEW), ''].join('\n'))
      await assertProvenWithoutRestart(instance, 1)
      // User data runs once in the life of an instance.
      instance.delete('/srv/user-data')
      instance.publish(2, NEWER)
      await reboot(instance)
      assert.equal(instance.password(), NEWER)
      await assertProvenWithoutRestart(instance, 2)
    },
  )

  pool.test('an agent that others restart starts with what is current', async (instance) => {
    await instance.renew()
    await install(instance)
    instance.publish(2, NEWER)
    await restart(instance)
    assert.equal(instance.password(), NEWER)
    await assertProvenWithoutRestart(instance, 2)
    instance.assertTidy(configWith(NEWER))
  })

  pool.test('the document restarts an agent with a hook once, and the hook leaves the file to it', async (instance) => {
    await instance.renew()
    await install(instance)
    instance.publish(2, NEWER)
    const starts = instance.starts()
    const { exitCode, status } = await instance.reload()
    assert.deepEqual([exitCode, status?.result], [0, 'applied'])
    assert.equal(instance.starts(), starts + 1)
    assert.equal(instance.password(), NEWER)
    instance.assertTidy(configWith(NEWER))
  })

  pool.test('without a metadata service the agent boots with what it has', async (instance) => {
    await instance.renew()
    await install(instance)
    instance.publish(2, NEWER)
    instance.metadata.fault = 'no-role'
    await reboot(instance)
    assert.equal(instance.password(), NEW)
    instance.metadata.fault = 'works'
    instance.secret.refusals = { status: 400, type: 'AccessDeniedException', times: Number.POSITIVE_INFINITY }
    await restart(instance)
    assert.equal(instance.password(), NEW)
    instance.secret.refusals.times = 0
    await restart(instance)
    assert.equal(instance.password(), NEWER)
  })

  pool.test('a version that was rolled back does not come back with the next boot', async (instance) => {
    await instance.renew()
    await install(instance)
    instance.publish(2, NEWER)
    instance.setFates({ [NEWER]: { exits: 5 } })
    assert.equal((await instance.reload()).status?.result, 'rolled-back')
    await reboot(instance)
    assert.equal(instance.password(), NEW)
    assert.equal(instance.config(), configWith(NEW))
  })

  pool.test('a removed hook leaves nothing, and does nothing any more', async (instance) => {
    await instance.renew()
    await install(instance)
    await instance.reload({ parameters: { bootHook: 'remove' } })
    assert.equal(instance.read(DROP_IN), null)
    assert.equal(instance.read('/usr/local/sbin/ecs-pull-auth'), null)
    instance.publish(2, NEWER)
    await restart(instance)
    assert.equal(instance.password(), NEW)
  })

  pool.test('what the hook prints holds no secret', async (instance) => {
    await instance.renew()
    await install(instance)
    instance.publish(2, NEWER)
    await restart(instance)
    const journal = await instance.machine.shell('journalctl --no-pager --output=cat -u ecs')
    assert.match(journal, /ecs-pull-auth result=written/)
    assert.doesNotMatch(journal, /MARK|cHVsbGVyOk1BUk/)
    assert.match(instance.read(CONFIG) ?? '', /cHVsbGVyOk1BUk/)
  })
})
