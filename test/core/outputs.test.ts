import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../../src/core/errors.ts'
import { PullAuthError } from '../../src/core/errors.ts'
import { publish, runJob } from '../../src/core/job.ts'
import { writeOutputs } from '../../src/core/outputs.ts'
import { type PlannedOutput, readOutputs } from '../../src/core/plan-outputs.ts'
import type { FieldProblem, NewObject, ObjectStore, VersionId } from '../../src/core/ports.ts'
import { versionIdFrom } from '../../src/core/version-id.ts'
import { SECRET, startWorld, type TestWorld } from './rotation-world.ts'

const REGISTRY = 'registry.acme.com'
const CREDENTIALS: PlannedOutput = { kind: 'repository-credentials', registry: REGISTRY, secret: 'prod/ecs/acme' }
const CACHE: PlannedOutput = { kind: 'ecr-pull-through-cache', registry: REGISTRY, secret: 'ecr-pullthroughcache/acme' }
const OBJECT: PlannedOutput = { kind: 's3', bucket: 'acme-ecs', key: 'ecs.config', kmsKey: 'alias/ecs' }

/** S3 in memory, with a hook before each put. */
function memoryObjects(): ObjectStore & { objects: Map<string, NewObject & { etag: string }>; before: () => void } {
  const objects = new Map<string, NewObject & { etag: string }>()
  const store = {
    objects,
    before: () => {},
    head: async (bucket: string, key: string) => {
      const found = objects.get(`${bucket}/${key}`)
      return found === undefined ? null : { etag: found.etag, version: found.version }
    },
    put: async (bucket: string, key: string, object: NewObject) => {
      store.before()
      if ((objects.get(`${bucket}/${key}`)?.etag ?? null) !== object.replaces) return 'conflict' as const
      objects.set(`${bucket}/${key}`, { ...object, etag: `"${objects.size}-${object.version}"` })
      return 'written' as const
    },
  }
  return store
}

/** A world with these outputs, rotated once. */
async function rotatedWorld(
  outputs: readonly PlannedOutput[],
  values: Readonly<Record<string, string | undefined>> = {},
) {
  const world = startWorld()
  for (const output of outputs) if (output.kind !== 's3') world.secrets.create(output.secret, values[output.secret])
  const objects = memoryObjects()
  const ports = { ...world.ports, objects }
  const plan = { ...world.plan, outputs, fleet: world.plan.fleet === null ? null : { ...world.plan.fleet, drain: 0 } }
  const version = versionIdFrom('first')
  const report = await runJob(ports, plan, version, false)
  return { world, ports, plan, version, report, objects }
}

function stored(world: TestWorld, secret: string): Record<string, unknown> {
  return JSON.parse(world.secrets.secret(secret).text('AWSCURRENT') ?? '')
}

test('a rotation writes the credential under the names that ECS and ECR read, and the whole config to S3', async () => {
  const { world, report, objects, version } = await rotatedWorld([CREDENTIALS, CACHE, OBJECT], {
    [CREDENTIALS.secret]: '{"username":"old","password":"old","note":"kept"}',
  })
  assert.equal(report.problem, null)
  assert.deepEqual(
    report.outputs.map(({ outcome }) => outcome),
    ['written', 'written', 'written'],
  )
  const password = 'token-1-of-this-test'
  assert.deepEqual(stored(world, CREDENTIALS.secret), { username: 'puller', password, note: 'kept' })
  assert.deepEqual(stored(world, CACHE.secret), { username: 'puller', accessToken: password })
  const object = objects.objects.get('acme-ecs/ecs.config')
  assert.equal(object?.text.reveal(), world.current().text)
  assert.equal(object?.version, version)
  assert.equal(object?.kmsKey, 'alias/ecs')
})

test('writing again changes nothing, also when only the version is newer and the credential the same', async () => {
  const { world, ports, plan, version } = await rotatedWorld([CREDENTIALS, OBJECT])
  const puts = () => world.client.calls.filter(({ operation }) => operation === 'PutSecretValue').length
  const before = puts()
  const again = await writeOutputs(ports, plan, version)
  assert.deepEqual(
    again.map(({ outcome }) => outcome),
    ['unchanged', 'unchanged'],
  )
  assert.equal(puts(), before)
})

test('a run that comes late never writes an old credential over a new one', async () => {
  const { world, ports, plan, version } = await rotatedWorld([CREDENTIALS, OBJECT])
  await runJob(ports, plan, versionIdFrom('second'), false)
  const late = await writeOutputs(ports, plan, version)
  assert.deepEqual(
    late.map(({ outcome }) => outcome),
    ['overtaken', 'overtaken'],
  )
  assert.equal(stored(world, CREDENTIALS.secret)['password'], 'token-2-of-this-test')
})

test('somebody who writes the same secret at that moment is noticed, and their other members are kept', async () => {
  const { world, ports, plan } = await rotatedWorld([CREDENTIALS])
  let struck = false
  world.client.onCall = (operation, input) => {
    const move = operation === 'UpdateSecretVersionStage' && String(input['SecretId']).includes('acme-')
    if (move && !struck) {
      struck = true
      const value = JSON.stringify({ ...stored(world, CREDENTIALS.secret), theirs: true })
      const secret = world.secrets.secret(CREDENTIALS.secret)
      const theirs = { id: versionIdFrom('theirs'), value: { text: value }, createdAt: 0, withRotationToken: false }
      secret.versions.store(theirs, ['AWSCURRENT'])
    }
    return null
  }
  const report = await runJob(ports, plan, versionIdFrom('second'), false)
  assert.equal(report.problem, null)
  assert.ok(struck)
  assert.deepEqual(stored(world, CREDENTIALS.secret), {
    username: 'puller',
    password: 'token-2-of-this-test',
    theirs: true,
  })
})

for (const fault of ['lost', 'reset', 'throttle', 'server-error'] as const) {
  test(`a label move with a ${fault} answer is found out, not guessed`, async () => {
    const { world, ports, plan } = await rotatedWorld([CREDENTIALS])
    let struck = 0
    world.client.onCall = (operation, input) =>
      operation === 'UpdateSecretVersionStage' && String(input['SecretId']).includes('acme-') && struck++ < 1
        ? fault
        : null
    const report = await runJob(ports, plan, versionIdFrom('second'), false)
    assert.equal(report.problem, null)
    assert.equal(stored(world, CREDENTIALS.secret)['password'], 'token-2-of-this-test')
  })
}

test('an output of another kind is written after a run that was cut off before it moved the label', async () => {
  const { world, ports, plan } = await rotatedWorld([CREDENTIALS])
  world.client.onCall = (operation, input) =>
    operation === 'UpdateSecretVersionStage' && String(input['SecretId']).includes('acme-') ? 'reset' : null
  const cut = await runJob(ports, plan, versionIdFrom('second'), false)
  assert.equal(cut.problem?.code, 'OUTPUT_FAILED')
  world.client.onCall = () => null
  const other = { ...plan, outputs: [{ ...CREDENTIALS, kind: 'ecr-pull-through-cache' as const }] }
  const report = await runJob(ports, other, versionIdFrom('second'), false)
  assert.equal(report.problem, null, report.problem?.message)
  assert.equal(stored(world, CREDENTIALS.secret)['accessToken'], 'token-2-of-this-test')
})

test('an object that changes each time is given up after a few attempts; the others are written', async () => {
  const { ports, plan, objects, world } = await rotatedWorld([OBJECT, CREDENTIALS])
  objects.before = () => {
    const theirs = objects.objects.get('acme-ecs/ecs.config')
    if (theirs !== undefined)
      objects.objects.set('acme-ecs/ecs.config', { ...theirs, etag: `"${crypto.randomUUID()}"` })
  }
  const report = await runJob(ports, plan, versionIdFrom('second'), false)
  assert.equal(report.problem?.code, 'OUTPUT_FAILED')
  assert.match(report.problem?.message ?? '', /^1 of 2 outputs .* first: LABEL_MOVED: s3:\/\/acme-ecs\/ecs\.config/)
  assert.equal(report.rollout?.onVersion, 3)
  assert.equal(stored(world, CREDENTIALS.secret)['password'], 'token-2-of-this-test')
})

const REFUSED: readonly (readonly [string, string, (world: TestWorld) => void, ErrorCode, RegExp])[] = [
  ['that is no JSON object', 'plain text', () => {}, 'CREDENTIAL_INVALID', /holds something else than a JSON object/],
  [
    'that something else rotates',
    '{}',
    (world) =>
      world.secrets.configureRotation(CREDENTIALS.secret, 'arn:aws:lambda:eu-west-1:111122223333:function:other'),
    'AWS_REFUSED',
    /is rotated by something else/,
  ],
]
for (const [what, value, prepare, code, message] of REFUSED) {
  test(`an output ${what} is left alone, its old credential is kept alive, and the job is red`, async () => {
    const world = startWorld()
    world.secrets.create(CREDENTIALS.secret, value)
    prepare(world)
    const plan = { ...world.plan, outputs: [CREDENTIALS] }
    await runJob(world.ports, { ...plan, outputs: [] }, versionIdFrom('first'), false)
    const report = await runJob(world.ports, plan, versionIdFrom('second'), false)
    assert.equal(report.problem?.code, 'OUTPUT_FAILED')
    assert.ok(report.problem?.cause instanceof PullAuthError)
    assert.equal(report.problem.cause.code, code)
    assert.match(report.problem.message, message)
    assert.equal(world.secrets.secret(CREDENTIALS.secret).text('AWSCURRENT'), value)
    assert.equal(report.retire, null)
    assert.equal(world.tokens[0]?.revoked, false)
  })
}

test('without outputs nothing is asked', async () => {
  const world = startWorld()
  assert.deepEqual(await publish(world.ports, world.plan, 'v' as VersionId), { outputs: [], problem: null })
  assert.deepEqual(world.client.calls, [])
  assert.equal(SECRET, world.plan.secret)
})

const BAD: readonly (readonly [unknown, string, RegExp])[] = [
  ['text', 'outputs', /must be a list/],
  [['text'], 'outputs.0', /must be a mapping/],
  [[{ kind: 'file' }], 'outputs.0.kind', /must be one of repository-credentials, ecr-pull-through-cache, s3/],
  [[{ kind: '__proto__' }], 'outputs.0.kind', /must be one of/],
  [[{ kind: 's3' }], 'outputs.0.uri', /is missing/],
  [[{ kind: 's3', uri: 'https://acme/x' }], 'outputs.0.uri', /must be s3:\/\/BUCKET\/KEY/],
  [[{ kind: 's3', uri: 's3://acme/../x' }], 'outputs.0.uri', /must be s3:\/\/BUCKET\/KEY/],
  [[{ kind: 's3', uri: 's3://acme/a//x' }], 'outputs.0.uri', /must be s3:\/\/BUCKET\/KEY/],
  [[{ kind: 's3', uri: 's3://acme/x', kmsKey: 'a b' }], 'outputs.0.kmsKey', /must be the id, ARN or alias/],
  [[{ kind: 'repository-credentials', registry: 'other', secret: 'a' }], 'outputs.0.registry', /not a registry key/],
  [[{ kind: 'repository-credentials', registry: REGISTRY }], 'outputs.0.secret', /is missing/],
  [
    [{ kind: 'ecr-pull-through-cache', registry: REGISTRY, secret: 'a' }],
    'outputs.0.secret',
    /must begin with ecr-pullthroughcache\//,
  ],
  [[CREDENTIALS, CREDENTIALS], 'outputs.1', /writes prod\/ecs\/acme, which outputs\.0 writes already/],
  [[{ ...CREDENTIALS, username: 'x' }], 'outputs.0.username', /is not a field of the plan/],
]
for (const [value, field, problem] of BAD) {
  test(`outputs ${JSON.stringify(value)} have a problem with ${field}`, () => {
    const problems: FieldProblem[] = []
    readOutputs(value, [REGISTRY], problems)
    assert.equal(problems[0]?.field, field, JSON.stringify(problems))
    assert.match(problems[0].problem, problem)
  })
}

test('outputs are read as the core takes them', () => {
  const problems: FieldProblem[] = []
  const value = [CREDENTIALS, CACHE, { kind: 's3', uri: 's3://acme-ecs/ecs.config', kmsKey: 'alias/ecs' }]
  assert.deepEqual(readOutputs(value, [REGISTRY], problems), [CREDENTIALS, CACHE, OBJECT])
  assert.deepEqual(readOutputs(undefined, [REGISTRY], problems), [])
  assert.deepEqual(problems, [])
})
