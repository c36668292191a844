/**
 * What a run of the document's script costs an instance, beside the restart of the service: measured, printed as a ratio
 * to `python3 -c pass`, never asserted. The aim is below 0.3 s for an unchanged run and 0.5 s for an applied one.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseNodeStatus } from '../../src/core/node-status.ts'
import { Secret } from '../../src/core/secret.ts'
import { startInstance } from '../doubles/instance.ts'
import { SECRET_ARN, startSecretEndpoint } from '../node/secret-endpoint.ts'

const ROUNDS = Number(process.env['ROUNDS'] ?? 15)
const document = JSON.parse(readFileSync(new URL('../../deploy/document.json', import.meta.url), 'utf8'))
const script: string = document.mainSteps[0].inputs.runCommand.join('\n')
const credentials = {
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: new Secret('secret-key'),
  sessionToken: new Secret('session-token'),
}
const env = {
  SSM_secretArn: SECRET_ARN,
  SSM_versionId: 'any',
  SSM_mode: 'auth-only',
  SSM_jitterSeconds: '0',
  SSM_bootHook: 'keep',
}

async function median(run: (round: number) => unknown): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now()
    await run(round)
    times.push(performance.now() - began)
  }
  return times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN
}

const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-bench-'))
const secret = await startSecretEndpoint(credentials)
const instance = await startInstance({
  id: 'i-0123456789abcdef0',
  folder,
  secretsEndpoint: secret.url,
  credentials,
  config: 'ECS_CLUSTER=prod\n',
})

function publish(round: number): void {
  const auth = Buffer.from(`puller:password-${round}`).toString('base64')
  secret.version = `00000000-0000-4000-8000-${String(round).padStart(12, '0')}`
  secret.text = `ECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={"ghcr.io":{"auth":"${auth}"}}\n`
}

async function reload(expected: string): Promise<void> {
  const { stdout, stderr } = await instance.run({ script, env, timeoutSeconds: 60 })
  const result = parseNodeStatus(stdout)?.result
  if (result !== expected) throw new Error(`${result} instead of ${expected}: ${stdout}${stderr}`)
}

try {
  publish(-1 + ROUNDS)
  await reload('applied')
  const python = await median(() => spawnSync(join(instance.bin, 'python3'), ['-c', 'pass']))
  const unchanged = await median(() => reload('unchanged'))
  const applied = await median(async (round) => {
    publish(round)
    await reload('applied')
  })
  const line = (name: string, time: number) =>
    `${name.padEnd(34)} ${time.toFixed(0).padStart(5)} ms  ${(time / python).toFixed(1).padStart(5)} × python3 -c pass`
  if (process.argv.includes('--json')) console.log(JSON.stringify({ python, unchanged, applied }))
  else {
    console.log(line('python3 -c pass', python))
    console.log(line('unchanged', unchanged))
    console.log(line('applied, the restart taking no time', applied))
  }
} finally {
  await Promise.all([instance.close(), secret.close()])
  rmSync(folder, { recursive: true, force: true })
}
