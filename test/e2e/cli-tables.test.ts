/** What every command prints: its help, its text for people, its JSON for programs. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { COMMANDS } from '../../src/cli/commands.ts'
import { startIam } from '../doubles/iam.ts'
import { marked } from '../doubles/marks.ts'
import { cliCommand, cliProcess } from './cli.ts'
import { gitlabPlan, rotatedByGitlab } from './plans.ts'
import type { Ended } from './run-process.ts'
import { normalise, part } from './snapshot.ts'
import { ALLOWED, type Stage, setStage } from './stage.ts'

const auth = Buffer.from(`puller:${marked('tables')}`).toString('base64')

const CONFIG = `ECS_CLUSTER=prod
ECS_ENGINE_AUTH_TYPE=dockercfg
ECS_ENGINE_AUTH_DATA={"ghcr.io/acme":{"auth":"${auth}"},"https://ghcr.io/acme/":{"auth":"!"},"docker.io":{"auth":"${auth}"}}
`

const PLAN = {
  version: 1,
  secret: 'prod/ecs/agent-config',
  registries: {
    'ghcr.io': { provider: 'ghcr', credential: 'prod/ghcr/pull', probe: 'ghcr.io/acme/app:stable' },
    'registry.gitlab.com': {
      provider: 'gitlab',
      group: 'acme',
      root: 'prod/gitlab/root',
      ttl: '7d',
      probe: 'registry.gitlab.com/acme/app:stable',
    },
  },
  fleet: { targets: { 'tag:ecs-pull-auth': ['prod'] }, cluster: 'prod', canary: 1 },
  outputs: [{ kind: 'repository-credentials', registry: 'ghcr.io', secret: 'prod/ecs/ghcr' }],
}

const INIT = ['--secret', 'prod/ecs/agent-config', '--image', 'ghcr.io/acme/app:stable', '--region', 'eu-west-1']

/** Runs a command once in a world of its own. */
type Run = (t: TestContext, argv: readonly string[]) => Promise<Shown>

interface Shown extends Ended {
  /** Makes a text of it the same at every run. */
  normalise(text: string): string
}

/** With nothing but the files above, and an environment without anything but a PATH. */
const offline: Run = async (t, argv) => {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-tables-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'ecs.config'), CONFIG)
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(PLAN))
  const env = { PATH: process.env['PATH'] ?? '' }
  return { ...(await cliProcess({ folder, cwd: folder, env, argv })), normalise: (text) => text }
}

/** The document is in its file. */
const printsDocument: Run = async (t, argv) => {
  const shipped = readFileSync(resolve(import.meta.dirname, '../../deploy/document.json'), 'utf8')
  const isShipped = (text: string) => JSON.stringify(JSON.parse(text)) === JSON.stringify(JSON.parse(shipped))
  const normalise = (text: string) => (text.startsWith('{') && isShipped(text) ? 'deploy/document.json' : text)
  return { ...(await offline(t, argv)), normalise }
}

const demo: Run = async (t, argv) => ({
  ...(await offline(t, argv)),
  // The steps are told as they come, in no order that is the same at every run.
  stderr: '',
  normalise: (text) =>
    narrow(text)
      .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<version>')
      .replaceAll(/\b\d+, 0 failed/g, '<n>, 0 failed')
      .replaceAll(/("attempted": |"seconds": |seconds +)[\d.]+/g, '$1<n>'),
})

/** After other commands, with a credential that an earlier rotation has made, and that could not be revoked by them. */
function after(...earlier: readonly (readonly string[])[]): Run {
  return async (t, argv) => {
    const stage = await setStage(t, { instances: 2, config: rotatedByGitlab, operatorMay: DOCTOR_MAY })
    const plan = ['--plan', stage.file('plan.yaml', gitlabPlan(stage))]
    stage.gitlab.fault = ({ method }) =>
      method === 'DELETE' ? { when: 'before', fault: { kind: 'answer', status: 403, headers: {}, body: '{}' } } : null
    for (const before of earlier) assert.equal((await cliCommand(stage, [...before, ...plan])).exitCode, 0)
    stage.gitlab.fault = null
    const run = await cliCommand(stage, argv.includes('--help') ? argv : [...argv, ...plan], await iamOf(t, stage))
    return { ...run, normalise: (text) => narrow(normalise(stage, text)) }
  }
}

/** Columns are as wide as what is in them, and an address may be longer at the next run. */
const narrow = (text: string) => text.replaceAll(/─+/g, '─').replaceAll(/(?<=\S) {2,}/g, '  ')

const DOCTOR_MAY = [...ALLOWED.operator, 'ssm:GetDocument', 'iam:SimulatePrincipalPolicy']

/** Where `doctor` asks who it is and what it may. */
async function iamOf(t: TestContext, { aws, identities }: Stage): Promise<Readonly<Record<string, string>>> {
  const principals = { 'arn:aws:iam::111122223333:role/operator': () => true }
  const iam = await startIam({ ...aws, identities: Object.values(identities), principals })
  t.after(() => iam.close())
  return { AWS_ENDPOINT_URL_STS: iam.url, AWS_ENDPOINT_URL_IAM: iam.url }
}

const SCENES: readonly (readonly [argv: readonly string[], run: Run])[] = [
  [['demo'], demo],
  [['init', ...INIT, '--yes'], offline],
  [['lint', 'ecs.config'], offline],
  [['explain', 'ecs.config', 'ghcr.io/acme/app:1', 'nginx', 'quay.io/acme/app'], offline],
  [['verify'], after()],
  [['plan', '--plan', 'plan.json', '--instances', '120'], offline],
  [['rotate'], after()],
  [['reload'], after(['rotate'])],
  [['status'], after(['rotate'], ['reload'])],
  [['rollback', '--yes'], after(['rotate'], ['reload'])],
  [['retire', '--yes'], after(['rotate'], ['reload'])],
  [['doctor'], after()],
  [['providers'], offline],
  [['document'], printsDocument],
  [
    ['iam', '--plan', 'plan.json', '--account', '111122223333', '--region', 'eu-west-1', '--actor', 'instance'],
    offline,
  ],
  [['completion', 'fish'], offline],
]

test('there is a scene for every command', () => {
  assert.deepEqual(
    SCENES.map(([[name]]) => name),
    [...COMMANDS.keys()],
  )
})

test('every command', { concurrency: 4 }, async (parent) => {
  await Promise.all(SCENES.map(([argv, run]) => parent.test(argv[0], (t) => matchScene(t, argv, run))))
})

async function matchScene(t: TestContext, argv: readonly string[], run: Run): Promise<void> {
  const [name = ''] = argv
  const modes = [[name, '--help'], argv, [...argv, '--json']]
  const [help, people, programs] = await Promise.all(modes.map((mode) => run(t, mode)))
  assert.ok(help && people && programs)
  const json = programs.normalise(JSON.stringify(JSON.parse(programs.stdout), null, 2))
  const parts = [
    part(`${name} --help`, help.stdout),
    part(`for people, exit code ${people.exitCode}`, people.normalise(people.stdout)),
    part(`for programs, exit code ${programs.exitCode}`, json),
    part('standard error', people.normalise(people.stderr)),
  ]
  t.assert.snapshot(parts.filter((text) => text !== '').join('\n\n'), { serializers: [String] })
  assert.deepEqual([help.exitCode, help.stderr, people.exitCode], [0, '', programs.exitCode])
}
