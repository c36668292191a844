/** What the commands that ask nobody print, for people and as JSON. The others: cli-flows, cli-verify, cli-doctor, cli-rollback. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { marked } from '../doubles/marks.ts'
import { cliProcess } from './cli.ts'

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

const COMMANDS: readonly (readonly string[])[] = [
  ['lint', 'ecs.config'],
  ['explain', 'ecs.config', 'ghcr.io/acme/app:1', 'nginx', 'quay.io/acme/app'],
  ['plan', '--plan', 'plan.json', '--instances', '120'],
  ['iam', '--plan', 'plan.json', '--account', '111122223333', '--region', 'eu-west-1', '--actor', 'instance'],
  ['init', ...INIT, '--yes'],
]

for (const argv of COMMANDS) {
  test(`${argv[0]}, for people and for programs`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-tables-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'ecs.config'), CONFIG)
    writeFileSync(join(folder, 'plan.json'), JSON.stringify(PLAN))
    const run = (...more: readonly string[]) => cliProcess({ folder, cwd: folder, env: {}, argv: [...argv, ...more] })
    const table = await run()
    const json = await run('--json')
    const parts = [
      `exit codes ${table.exitCode} and ${json.exitCode}`,
      table.stdout,
      JSON.stringify(JSON.parse(json.stdout), null, 2),
      table.stderr + json.stderr,
    ]
    t.assert.snapshot(parts.join('\n'), { serializers: [String] })
  })
}
