/** Rotations by the shipped function, from RotateSecret to the promoted version, in a Secrets Manager that others wrote. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  RotateSecretCommand,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
import { version } from '../aws/fixture.ts'
import { marked } from '../doubles/marks.ts'
import { startRegistry } from '../doubles/registry.ts'
import { sdkClients } from '../doubles/sdk-clients.ts'
import { createTokenStore } from '../doubles/tokens.ts'
import { asJson, staticPlan } from '../e2e/plans.ts'
import { type LambdaFunction, startFunction } from '../e2e/runtime-api.ts'
import { KEPT, type Login, SECRET, storedConfig } from '../e2e/stage.ts'
import { FUNCTION, hasMoto, REGION, startMoto } from './moto-server.ts'
import { isMissing, programPath } from './software.ts'

const KEYS = { accessKeyId: 'AKIAROTATION00000001', secretAccessKey: marked('moto-key') }
const [v1, v2, v3] = [version(1), version(2), version(3)]

test('two rotations in a row promote what the function has put', async (t) => {
  if (isMissing(t, { moto: hasMoto(), setpriv: programPath('setpriv') !== null })) return
  const { endpoint } = await startMoto(t)
  const { secrets } = sdkClients({ region: REGION, endpoint, credentials: KEYS })
  t.after(() => secrets.destroy())
  const tokens = createTokenStore()
  const logins = ['first', 'second', 'third'].map((name) => ({ username: name, password: marked(name) }))
  for (const login of logins) tokens.add({ ...login, pulls: ['acme/*'], expiresAt: null })
  const registry = await startRegistry({ images: ['acme/app:stable'], tokens })
  t.after(() => registry.close())
  const [first, second, third] = logins as [Login, Login, Login]

  const text = storedConfig({ host: registry.host, first })
  const arn = await create(secrets, SECRET, text, v1)
  await create(secrets, KEPT, JSON.stringify(second), v1)
  const rotate = await startRotate(t, { endpoint, plan: staticPlan({ registry }, '') })

  await rotateOnce(secrets, rotate, { arn, from: v1, to: v2 })
  assert.equal(await loginOf(secrets, v2, registry.host), `${second.username}:${second.password}`)
  await secrets.send(new PutSecretValueCommand({ SecretId: KEPT, SecretString: JSON.stringify(third) }))
  await rotateOnce(secrets, rotate, { arn, from: v2, to: v3 })
  assert.equal(await loginOf(secrets, v3, registry.host), `${third.username}:${third.password}`)
  for (const { password } of logins) assert.ok(!rotate.log().includes(password), 'a password is in the log')
})

/** What Secrets Manager does around the function; facts/secrets-manager-rotation.md section 12, "safe use". */
async function rotateOnce(
  secrets: SecretsManagerClient,
  rotate: LambdaFunction,
  { arn, from, to }: { readonly arn: string; readonly from: string; readonly to: string },
): Promise<void> {
  // With arguments each time: without them moto forgets the function and promotes an empty version.
  const order = { SecretId: arn, RotationLambdaARN: FUNCTION, RotationRules: { AutomaticallyAfterDays: 1 } }
  await secrets.send(new RotateSecretCommand({ ...order, ClientRequestToken: to }))
  const seen: unknown[] = []
  for (const Step of ['createSecret', 'setSecret', 'testSecret', 'finishSecret']) {
    const RotationToken = '9e5c0d8a-7b1f-4c55-9a8e-0123456789ab'
    const { error } = await rotate.invoke({ Step, SecretId: arn, ClientRequestToken: to, RotationToken })
    assert.equal(error, null, `${Step}: ${error?.errorMessage}`)
    seen.push(await labelsOf(secrets, arn, [from, to]))
  }
  const before = [['AWSCURRENT'], ['AWSPENDING']]
  const after = [['AWSPREVIOUS'], ['AWSCURRENT', 'AWSPENDING']]
  assert.deepEqual(seen, [before, before, before, after])
  // The service does this by itself when the function has ended; moto does not.
  const cleaned = { SecretId: arn, VersionStage: 'AWSPENDING', RemoveFromVersionId: to }
  await secrets.send(new UpdateSecretVersionStageCommand(cleaned))
}

async function labelsOf(
  secrets: SecretsManagerClient,
  arn: string,
  versions: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const { VersionIdsToStages = {} } = await secrets.send(new DescribeSecretCommand({ SecretId: arn }))
  return versions.map((id) => [...(VersionIdsToStages[id] ?? [])].sort())
}

/** `user:password` for a registry, as a version of the stored config has it. */
async function loginOf(secrets: SecretsManagerClient, id: string, host: string): Promise<string> {
  const { SecretString = '' } = await secrets.send(new GetSecretValueCommand({ SecretId: SECRET, VersionId: id }))
  const data = /^ECS_ENGINE_AUTH_DATA=(.*)$/m.exec(SecretString)?.[1] ?? '{}'
  const { [host]: entry, 'mirror.acme.example': other } = JSON.parse(data) as Record<string, { auth: string }>
  assert.ok(other, 'the entry that no plan manages is gone')
  return Buffer.from(entry?.auth ?? '', 'base64').toString()
}

async function create(secrets: SecretsManagerClient, Name: string, text: string, id: string): Promise<string> {
  const { ARN = '' } = await secrets.send(new CreateSecretCommand({ Name, SecretString: text, ClientRequestToken: id }))
  return ARN
}

async function startRotate(
  t: TestContext,
  { endpoint, plan }: { readonly endpoint: string; readonly plan: string },
): Promise<LambdaFunction> {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-moto-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const env = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
    HOME: folder,
    TMPDIR: folder,
    PLAN: asJson(plan),
  }
  return await startFunction(t, { bundle: 'rotate', folder, env })
}
