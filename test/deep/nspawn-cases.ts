/** What can be wrong with an instance, its agent or its secret when the script comes, and how each case must end. */

import type { NodeResult } from '../../src/core/node-status.ts'
import { until } from './nspawn.ts'
import { CONFIG, type Order, STATE } from './nspawn-instance.ts'
import { configWith, NEW, OLD, type PooledInstance } from './nspawn-pool.ts'

export interface Case extends Order {
  readonly name: string
  /** Brings the trouble. The agent runs with OLD, NEW is the secret's current version. */
  readonly prepare?: (instance: PooledInstance) => unknown
  readonly exit: number
  readonly result: NodeResult
  readonly reason?: string | RegExp
  /** The password in the file, and the one that the agent runs with; null: no agent is up. */
  readonly holds: string
  /** What else becomes of the file, by other hands. */
  readonly edited?: (text: string) => string
  readonly runs: string | null
  /** How often the agent was started; undefined: an agent in trouble is started more often than can be told. */
  readonly starts?: number
  /** Takes the trouble away, so that the next run can succeed. */
  readonly cure?: (instance: PooledInstance) => unknown
}

const untouched = { holds: OLD, runs: OLD, starts: 0 }
const applied = { exit: 0, result: 'applied', holds: NEW, runs: NEW, starts: 1 } as const
const rolledBack = { exit: 13, result: 'rolled-back', reason: 'agent-unhealthy', holds: OLD, runs: OLD } as const
const noFate = (instance: PooledInstance) => instance.setFates({})

/** A file system without room for another block, in the place of a folder. */
const full = (folder: string) => `mkdir -p ${folder} /srv/aside
  cp -a ${folder}/. /srv/aside
  mount -t tmpfs -o size=32k,mode=755 none ${folder}
  cp -a /srv/aside/. ${folder}
  rm -rf /srv/aside
  dd if=/dev/zero of=${folder}/filler 2>/dev/null || true
  chmod 600 ${folder}/filler`

const shell = (script: string) => (instance: PooledInstance) => instance.machine.shell(script)

const moved = (text: string) => text.replace('ECS_CLUSTER=prod', 'ECS_CLUSTER=other')

const AGENTS: readonly Case[] = [
  { name: 'all is well', ...applied },
  {
    name: 'the agent takes its time to register, and to stop',
    prepare: async (instance) => {
      instance.setFates({ [OLD]: { stops: 1 }, [NEW]: { after: 1.5 } })
      await shell('systemctl restart ecs')(instance)
      await instance.untilRegistered()
    },
    ...applied,
  },
  {
    name: 'the agent never registers with the new file',
    prepare: (instance) => instance.setFates({ [NEW]: { registers: false } }),
    ...rolledBack,
    cure: noFate,
  },
  {
    name: 'the agent ends for good with the new file',
    prepare: (instance) => instance.setFates({ [NEW]: { exits: 5 } }),
    ...rolledBack,
    starts: 2,
    cure: noFate,
  },
  {
    name: 'the agent crashes again and again with the new file',
    prepare: (instance) => instance.setFates({ [NEW]: { exits: 1 } }),
    ...rolledBack,
    cure: noFate,
  },
  {
    name: 'the agent flaps with the new file: registers, answers once, crashes',
    prepare: (instance) => instance.setFates({ [NEW]: { answers: 1 } }),
    ...rolledBack,
    cure: noFate,
  },
  {
    name: 'the agent comes back with neither file',
    prepare: (instance) => instance.setFates({ '*': { registers: false } }),
    ...{ exit: 14, result: 'rollback-failed', reason: 'agent-unhealthy', holds: OLD, runs: null },
    cure: noFate,
  },
  {
    name: 'systemd has started the agent too often to start it once more',
    prepare: shell(`mkdir -p /run/systemd/system/ecs.service.d
      printf '[Unit]\\nStartLimitIntervalSec=1h\\n' >/run/systemd/system/ecs.service.d/limit.conf
      systemctl daemon-reload
      systemctl reset-failed ecs
      for _ in 1 2 3 4 5; do systemctl restart ecs; done
      until [ -s /run/ecs-agent.json ] && grep -q '"registered": true' /run/ecs-agent.json; do sleep 0.1; done`),
    ...rolledBack,
    reason: 'start-limit',
  },
  {
    name: 'somebody has changed the cluster in the file, with which the agent would stop for good',
    prepare: (instance) => instance.write(CONFIG, moved(configWith(OLD))),
    edited: moved,
    ...{ exit: 15, result: 'unsupported', reason: 'cluster-changed-in-file', ...untouched },
    cure: (instance) => instance.write(CONFIG, configWith(OLD)),
  },
  {
    name: 'ecs-init has crashed and systemd waits to start it anew',
    prepare: shell(
      'systemctl kill --signal=KILL --kill-who=main ecs; until systemctl is-active ecs | grep -q activating; do sleep 0.05; done',
    ),
    ...applied,
  },
  {
    name: 'ecs-init has crashed, and whatever must come before it fails again and again',
    prepare: shell(`mkdir -p /run/systemd/system/ecs.service.d
      printf '[Service]\\nExecStartPre=/bin/false\\n' >/run/systemd/system/ecs.service.d/broken.conf
      systemctl daemon-reload
      systemctl kill --signal=KILL --kill-who=main ecs
      until systemctl is-active ecs | grep -q activating; do sleep 0.05; done`),
    env: { ECS_PULL_AUTH_RESTART_SECONDS: '2' },
    ...{ exit: 17, result: 'agent-down', reason: 'service-activating', holds: NEW, runs: OLD, starts: 0 },
    cure: async (instance) => {
      await shell('rm /run/systemd/system/ecs.service.d/broken.conf; systemctl daemon-reload')(instance)
      await until('the agent has started anew', async () => instance.password() === NEW)
    },
  },
  {
    name: 'the agent has failed by itself, long before the run',
    prepare: async (instance) => {
      instance.setFates({ '*': { exits: 5 } })
      await shell('systemctl restart ecs; until systemctl is-failed ecs; do sleep 0.05; done')(instance)
    },
    ...{ exit: 17, result: 'agent-down', reason: 'service-failed', holds: NEW, runs: null, starts: 0 },
    cure: async (instance) => {
      noFate(instance)
      await instance.start()
    },
  },
  {
    name: 'the agent was stopped on purpose',
    prepare: shell('systemctl stop ecs'),
    ...{ exit: 0, result: 'written', reason: 'service-inactive', holds: NEW, runs: null, starts: 0 },
    cure: (instance) => instance.start(),
  },
  {
    name: 'the agent runs beside its unit',
    prepare: async (instance) => {
      await shell('systemctl stop ecs; setsid -f /usr/libexec/amazon-ecs-init start </dev/null >/dev/null 2>&1')(
        instance,
      )
      await instance.untilRegistered()
    },
    ...{ exit: 15, result: 'unsupported', reason: 'unsupervised-agent', ...untouched },
    cure: async (instance) => {
      await shell('/usr/libexec/amazon-ecs-init stop')(instance)
      await instance.start()
    },
  },
  {
    name: 'Docker is restarted, and the agent with it, while the secret is fetched',
    prepare: (instance) => {
      instance.secret.before = async () => {
        await shell('systemctl restart docker')(instance)
        await instance.untilRegistered()
      }
    },
    ...applied,
    starts: 2,
  },
]

const mine = (text: string) => `${text}\nECS_MINE=1`

const FILES: readonly Case[] = [
  {
    name: 'everybody may read the file',
    prepare: (instance) => instance.write(CONFIG, configWith(OLD), 0o644),
    ...applied,
  },
  {
    name: 'nobody may write the file, which is nothing to root',
    prepare: (instance) => instance.write(CONFIG, configWith(OLD), 0o444),
    ...applied,
  },
  {
    name: 'the disk of the file is full',
    prepare: shell(full('/etc/ecs')),
    ...{ exit: 16, result: 'write-failed', reason: 'ENOSPC', ...untouched },
    cure: shell('rm /etc/ecs/filler'),
  },
  {
    name: 'the disk of the state is full',
    prepare: shell(full(STATE)),
    ...{ exit: 16, result: 'write-failed', reason: 'ENOSPC', ...untouched },
    cure: shell(`rm ${STATE}/filler`),
  },
  {
    name: 'the file is on a read-only file system',
    prepare: shell('mount --bind /etc/ecs /etc/ecs; mount -o remount,bind,ro /etc/ecs'),
    ...{ exit: 16, result: 'write-failed', reason: 'EROFS', ...untouched },
    cure: shell('umount /etc/ecs'),
  },
  {
    name: 'the file is a mount of its own',
    prepare: shell(`mount --bind ${CONFIG} ${CONFIG}`),
    ...{ exit: 16, result: 'write-failed', reason: 'EBUSY', ...untouched },
    cure: shell(`umount ${CONFIG}`),
  },
  {
    name: 'the file is immutable',
    prepare: shell(`chattr +i ${CONFIG}`),
    ...{ exit: 16, result: 'write-failed', reason: 'EPERM', ...untouched },
    cure: shell(`chattr -i ${CONFIG}`),
  },
  {
    name: 'another run holds the lock',
    prepare:
      shell(`setsid -f sh -c 'echo $$ >/run/holder; exec flock -o /run/ecs-pull-auth.lock sleep 1d' </dev/null >/dev/null 2>&1
      while flock -n /run/ecs-pull-auth.lock true; do sleep 0.05; done`),
    env: { ECS_PULL_AUTH_LOCK_SECONDS: '1' },
    ...{ exit: 10, result: 'busy', reason: 'lock', ...untouched },
    cure: shell('kill $(cat /run/holder)'),
  },
  {
    name: 'somebody writes the file while the secret is fetched, whose lines stay',
    prepare: (instance) => {
      instance.secret.before = () => instance.write(CONFIG, mine(configWith(OLD)))
    },
    edited: mine,
    ...applied,
  },
]

const unfetched = { exit: 11, result: 'fetch-failed', ...untouched } as const
const refusal = (status: number, type: string) => (instance: PooledInstance) => {
  instance.secret.refusals = { status, type, times: Number.POSITIVE_INFINITY }
}
const readable = (instance: PooledInstance) => {
  instance.secret.refusals.times = 0
}

const SECRETS: readonly Case[] = [
  {
    name: 'there is no way to the metadata service',
    prepare: shell('ip address del 169.254.169.254/32 dev lo'),
    ...unfetched,
    reason: 'imds-unreachable-OSError',
    cure: shell('ip address replace 169.254.169.254/32 dev lo'),
  },
  {
    name: 'nothing listens at the address of the metadata service',
    prepare: shell('systemctl stop metadata.socket metadata.service'),
    ...unfetched,
    reason: 'imds-unreachable-ConnectionRefusedError',
    cure: shell('systemctl start metadata.socket'),
  },
  {
    name: 'the instance has no role',
    prepare: (instance) => {
      instance.metadata.fault = 'no-role'
    },
    ...unfetched,
    reason: 'imds-http-404',
    cure: (instance) => {
      instance.metadata.fault = 'works'
    },
  },
  {
    name: 'the role may not read the secret',
    prepare: refusal(400, 'AccessDeniedException'),
    ...unfetched,
    reason: 'secretsmanager-http-400-AccessDeniedException',
    cure: readable,
  },
  {
    name: 'the role may not use the key of the secret',
    prepare: refusal(400, 'DecryptionFailure'),
    ...unfetched,
    reason: 'secretsmanager-http-400-DecryptionFailure',
    cure: readable,
  },
  {
    name: 'Secrets Manager is down',
    prepare: refusal(503, 'ServiceUnavailable'),
    ...unfetched,
    reason: 'secretsmanager-http-503-ServiceUnavailable',
    cure: readable,
  },
  {
    name: 'Secrets Manager throttles twice',
    prepare: (instance) => {
      instance.secret.refusals = { status: 400, type: 'ThrottlingException', times: 2 }
    },
    ...applied,
  },
  {
    name: 'the clock of the instance is an hour ahead',
    prepare: (instance) => instance.prelude(SKEW),
    ...unfetched,
    reason: 'secretsmanager-http-400-InvalidSignatureException',
    cure: (instance) => instance.noPrelude(),
  },
  {
    name: 'the whole stored config would move the agent to another cluster',
    parameters: { mode: 'replace' },
    prepare: (instance) => instance.publish(1, NEW, 'ECS_CLUSTER=other'),
    ...{ exit: 12, result: 'refused', reason: 'cluster-changed', ...untouched },
    cure: (instance) => instance.publish(1, NEW),
  },
  {
    name: 'the whole stored config names no cluster, which is the cluster default',
    parameters: { mode: 'replace' },
    ...{ exit: 12, result: 'refused', reason: 'cluster-changed', ...untouched },
  },
]

/** As if the clock of the machine were wrong; its real one is shared with everything here. */
const SKEW = `
import time
true_time = time.gmtime
time.gmtime = lambda: true_time(time.time() + 3600)
`

export const CASES: readonly Case[] = [...AGENTS, ...FILES, ...SECRETS]
