/** The container instances of a cluster, page by page: signed, strict about what is missing, patient with throttling. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createClients } from '../../src/aws/clients.ts'
import { createCluster } from '../../src/aws/cluster.ts'
import { createAwsSigner } from '../../src/aws/sign.ts'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'
import type { Cluster, ContainerInstance, Http, HttpAnswer } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { createHttp } from '../../src/http.ts'
import { assertNoMarks, marked } from '../doubles/marks.ts'
import { virtualClock } from '../doubles/virtual-clock.ts'
import type { FaultKind } from './faults.ts'
import { type AwsDouble, startAws } from './server.ts'

const KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: marked('secret-key') }
const MAY = ['ecs:ListContainerInstances', 'ecs:DescribeContainerInstances']

function id(index: number): string {
  return `i-${index.toString(16).padStart(17, '0')}`
}

async function withCluster(
  t: TestContext,
  { actions = MAY, http = createHttp() }: { actions?: readonly string[]; http?: Http } = {},
): Promise<{ aws: AwsDouble; cluster: Cluster }> {
  const clock = virtualClock()
  const aws = await startAws({ clock, region: 'eu-west-1', identities: [{ name: 'role', actions, ...KEY }] })
  t.after(() => aws.close())
  const clients = createClients({
    region: 'eu-west-1',
    userAgent: [],
    only: { endpoint: 'http://127.0.0.1:1', ...KEY },
  })
  const signAws = createAwsSigner(clients.ssm, { AWS_ENDPOINT_URL_ECS: aws.endpoint })
  return { aws, cluster: createCluster({ http, clock, signAws }) }
}

async function listed(cluster: Cluster, name = 'prod'): Promise<readonly ContainerInstance[]> {
  const found: ContainerInstance[] = []
  for await (const instance of cluster.instances(name)) found.push(instance)
  return found
}

async function fails(promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof PullAuthError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    assertNoMarks(`${error.stack} ${error.hint}`, 'the error')
    return true
  })
}

test('250 instances are three pages of names and three of descriptions, a hundred at most in each', async (t) => {
  const { aws, cluster } = await withCluster(t)
  aws.ecs.register('prod', ...Array.from({ length: 250 }, (_, index) => ({ instanceId: id(index) })))
  const found = await listed(cluster)
  assert.equal(new Set(found.map(({ instanceId }) => instanceId)).size, 250)
  const asked = aws.requests.map(({ operation }) => operation).sort()
  assert.deepEqual(asked, [
    ...Array.from({ length: 3 }, () => 'DescribeContainerInstances'),
    ...Array.from({ length: 3 }, () => 'ListContainerInstances'),
  ])
  assert.equal((await listed(cluster, 'arn:aws:ecs:eu-west-1:123456789012:cluster/prod')).length, 250)
})

test('draining and external instances count, those that are going or never came do not', async (t) => {
  const { aws, cluster } = await withCluster(t)
  const registeredAt = Date.UTC(2026, 0, 1)
  aws.ecs.register(
    'prod',
    { instanceId: id(1), registeredAt },
    { instanceId: id(2), status: 'DRAINING', registeredAt },
    { instanceId: id(3), status: 'REGISTERING', registeredAt },
    { instanceId: 'mi-0123456789abcdef0', connected: false, registeredAt },
    { instanceId: id(4), status: 'DEREGISTERING' },
    { instanceId: id(5), status: 'REGISTRATION_FAILED' },
    { instanceId: id(6), status: 'INACTIVE' },
  )
  assert.deepEqual(await listed(cluster), [
    { instanceId: id(1), registeredAt, connected: true },
    { instanceId: id(2), registeredAt, connected: true },
    { instanceId: id(3), registeredAt, connected: true },
    { instanceId: 'mi-0123456789abcdef0', registeredAt, connected: false },
  ])
})

test('an empty cluster has none, one that is not there is CLUSTER_MISSING', async (t) => {
  const { aws, cluster } = await withCluster(t)
  aws.ecs.register('prod')
  assert.deepEqual(await listed(cluster), [])
  await fails(listed(cluster, 'test'), 'CLUSTER_MISSING', /no active ECS cluster test/)
})

test('one that is deregistered between its name and its description is simply gone', async (t) => {
  const { aws, cluster } = await withCluster(t)
  aws.ecs.register('prod', { instanceId: id(1) }, { instanceId: id(2) })
  const run = () => aws.ecs.deregister('prod', id(1))
  aws.faults.add({ kind: 'before', run, match: (operation) => operation === 'DescribeContainerInstances' })
  assert.deepEqual(
    (await listed(cluster)).map(({ instanceId }) => instanceId),
    [id(2)],
  )
})

const TRANSIENT: readonly FaultKind[] = [
  { kind: 'throttle' },
  { kind: '500' },
  { kind: '503html' },
  { kind: 'lost' },
  { kind: 'reset-before' },
]
for (const operation of ['ListContainerInstances', 'DescribeContainerInstances']) {
  for (const fault of TRANSIENT) {
    test(`${operation} with ${fault.kind} is asked again, and given up in the end`, async (t) => {
      const { aws, cluster } = await withCluster(t)
      aws.ecs.register('prod', { instanceId: id(1) })
      const match = (name: string) => name === operation
      aws.faults.add({ ...fault, match, times: 4 })
      assert.equal((await listed(cluster)).length, 1)
      aws.faults.add({ ...fault, match, times: 5 })
      const code = fault.kind === 'throttle' ? 'AWS_THROTTLED' : 'AWS_UNAVAILABLE'
      await fails(listed(cluster), code, new RegExp(`${operation} of cluster prod`))
    })
  }

  test(`who may not ${operation} is told so, and asks once`, async (t) => {
    const { aws, cluster } = await withCluster(t, { actions: MAY.filter((action) => !action.endsWith(operation)) })
    aws.ecs.register('prod', { instanceId: id(1) })
    await fails(listed(cluster), 'ACCESS_DENIED', new RegExp(`caller lacks ecs:${operation}\\.$`))
    assert.equal(aws.requests.filter((request) => request.operation === operation).length, 1)
  })
}

/** Answers in place of ECS, in turn; the last one for ever. */
function says(...bodies: readonly object[]): Http {
  const rest = [...bodies]
  return {
    send: async (): Promise<HttpAnswer> => {
      const body = rest.length > 1 ? rest.shift() : rest[0]
      return { kind: 'answer', status: 200, headers: {}, body: new Secret(JSON.stringify(body)) }
    },
  }
}

const ARN = 'arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/1'
const UNUSABLE: readonly (readonly [string, readonly object[]])[] = [
  ['no list of names', [{}]],
  ['names that are none', [{ containerInstanceArns: [1] }]],
  ['the same token again', [{ containerInstanceArns: [], nextToken: 'a' }]],
  ['fewer descriptions than names', [{ containerInstanceArns: [ARN] }, { containerInstances: [], failures: [] }]],
  [
    'a failure that hides an instance',
    [{ containerInstanceArns: [ARN] }, { containerInstances: [], failures: [{ arn: ARN, reason: 'OTHER' }] }],
  ],
  ['an instance without an id', [{ containerInstanceArns: [ARN] }, { containerInstances: [{ status: 'ACTIVE' }] }]],
]
for (const [what, bodies] of UNUSABLE) {
  test(`an answer with ${what} is an error, never a smaller cluster`, async (t) => {
    const { cluster } = await withCluster(t, { http: says(...bodies) })
    await fails(listed(cluster), 'AWS_UNAVAILABLE', /^ECS answered with .* for cluster prod\.$/)
  })
}
