/** Starts programs in turns and times them, from spawn to exit, or to the first question for an event. */

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { systemClock } from '../../src/wiring.ts'
import { startAws } from '../aws/server.ts'
import { DOCUMENT, SECRET } from './jobs/order.ts'
import { makePrograms, type Programs } from './programs.ts'

export const PROGRAMS = [
  'bare',
  'emptyAction',
  'actionFails',
  'threeCalls',
  'threeCallsWithoutKinds',
  'threeCallsClient',
  'threeCallsBare',
  'threeCallsSdk',
  'threeCallsSdkUnbundled',
  'lint',
  'rotate',
  'react',
  'rotateWithSdk',
] as const
export type Program = (typeof PROGRAMS)[number]

export interface Run {
  readonly milliseconds: number
  /** Peak, in MB of 1,000,000 bytes. */
  readonly memory: number
}

/** One entry for each round. */
export type Runs = Readonly<Record<Program, readonly Run[]>>

const TOOL = resolve(import.meta.dirname, '../tools/lambda-runtime')
const RUNTIME = ['--require', join(TOOL, 'rapid-shim.cjs'), join(TOOL, 'node_modules/aws-lambda-ric/index.mjs')]
const CONTENT = JSON.stringify({
  schemaVersion: '2.2',
  mainSteps: [{ action: 'aws:runShellScript', name: 'run', inputs: { runCommand: [':'] } }],
})

export async function startUp(rounds: number): Promise<Runs> {
  if (!existsSync(join(TOOL, 'node_modules')))
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', TOOL])
  const programs = await makePrograms()
  const aws = await startAws({ clock: systemClock, region: 'eu-west-1', identities: null })
  aws.secrets.create(SECRET, 'ECS_CLUSTER=bench\n')
  aws.ssm.publishDocument(DOCUMENT, CONTENT)
  const runs = Object.fromEntries(PROGRAMS.map((name) => [name, [] as Run[]])) as Record<Program, Run[]>
  try {
    for (let round = -1; round < rounds; round += 1) {
      // Another first one each time: what the machine does meanwhile falls on all alike.
      const order = PROGRAMS.map((_, index) => PROGRAMS[(index + Math.max(round, 0)) % PROGRAMS.length] ?? 'bare')
      for (const name of order) {
        const run = await once(name, programs, aws.endpoint)
        if (round >= 0) runs[name].push(run)
      }
    }
    return runs
  } finally {
    await aws.close()
    rmSync(programs.folder, { recursive: true })
  }
}

function once(name: Program, programs: Programs, endpoint: string): Promise<Run> {
  const [output, summary] = ['output', 'summary'].map((file) => join(programs.folder, file))
  for (const file of [output, summary]) writeFileSync(file ?? '', '')
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    // As on a runner: a run that fails writes its report too.
    RUNNER_TEMP: programs.folder,
    GITHUB_OUTPUT: output ?? '',
    GITHUB_STEP_SUMMARY: summary ?? '',
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'AKIABENCH',
    AWS_SECRET_ACCESS_KEY: 'secret',
    PLAN: '{}',
  }
  const config = join(programs.folder, 'ecs.config')
  writeFileSync(config, 'ECS_CLUSTER=bench\n', { mode: 0o600 })
  switch (name) {
    case 'bare':
      return toExit(['-e', '0'], env, 0)
    case 'emptyAction':
      return toExit([programs.emptyAction], env, 0)
    case 'actionFails':
      return toExit([programs.action], env, 1)
    case 'threeCalls':
      return toExit([programs.threeCalls], { ...env, INPUT_PLAN: 'plan.yaml' }, 0)
    case 'threeCallsWithoutKinds':
      return toExit([programs.threeCallsWithoutKinds], env, 0)
    case 'threeCallsClient':
      return toExit([programs.threeCallsClient], env, 0)
    case 'threeCallsBare':
      return toExit([programs.threeCallsBare], env, 0)
    case 'threeCallsSdk':
      return toExit([programs.threeCallsSdk], env, 0)
    case 'threeCallsSdkUnbundled':
      return toExit([programs.threeCallsSdkUnbundled], env, 0)
    case 'lint':
      return toExit([programs.cli, 'lint', config], env, 0)
    case 'rotate':
      return toNext(programs.functions, 'rotate', env)
    case 'react':
      return toNext(programs.functions, 'react', env)
    case 'rotateWithSdk':
      return toNext(programs.functionsWithSdk, 'rotate', env)
  }
}

/** Tells its peak memory when it ends: Linux forgets it with the process. */
const PEAK = `process.on('exit', () => require('fs').writeFileSync(process.env.PEAK_FILE, String(process.resourceUsage().maxRSS)))`

function toExit(argv: readonly string[], env: Readonly<Record<string, string>>, expected: number): Promise<Run> {
  return new Promise((done, failed) => {
    const file = join(resolve(import.meta.dirname, '../..'), `node_modules/.cache/peak-${process.pid}`)
    const preload = `${file}.cjs`
    writeFileSync(preload, PEAK)
    const begun = performance.now()
    const child = spawn(process.execPath, ['--require', preload, ...argv], { env: { ...env, PEAK_FILE: file } })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text))
    child.on('close', (code) => {
      const milliseconds = performance.now() - begun
      if (code !== expected) return failed(new Error(`${argv.join(' ')} ended with ${code}: ${said}`))
      const memory = (Number(readFileSync(file, 'utf8')) * 1024) / 1e6
      for (const path of [file, preload]) rmSync(path)
      done({ milliseconds, memory })
    })
  })
}

function toNext(folder: string, bundle: string, env: Readonly<Record<string, string>>): Promise<Run> {
  return new Promise((done, failed) => {
    let asked = () => {}
    const server = createServer(() => asked())
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      const variables = lambdaEnvironment(folder, bundle, `127.0.0.1:${port}`)
      const begun = performance.now()
      const child = spawn(process.execPath, RUNTIME, { cwd: folder, env: { ...env, ...variables } })
      let said = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text))
      const fail = (code: number | null) => failed(new Error(`${bundle} ended with ${code}: ${said}`))
      child.once('exit', fail)
      asked = () => {
        const milliseconds = performance.now() - begun
        const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
        child.off('exit', fail)
        child.once('exit', () => done({ milliseconds, memory: (Number(peak?.[1]) * 1024) / 1e6 }))
        child.kill('SIGKILL')
        server.closeAllConnections()
        server.close()
      }
    })
  })
}

function lambdaEnvironment(folder: string, bundle: string, api: string): Readonly<Record<string, string>> {
  return {
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_LAMBDA_FUNCTION_NAME: 'bench',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: 'bench',
    AWS_LAMBDA_LOG_STREAM_NAME: 'bench',
    AWS_LAMBDA_RUNTIME_API: api,
    LAMBDA_TASK_ROOT: folder,
    _HANDLER: `${bundle}.handler`,
  }
}
