/** Error codes that only a bad day brings, each from a shell: a registry or AWS that misbehaves, somebody who was first. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { marked } from '../doubles/marks.ts'
import { cliCommand } from './cli.ts'
import { FUNCTION_ARN } from './function-story.ts'
import { gitlabPlan, staticPlan } from './plans.ts'
import { cliRefuses, planFile, planOption } from './refusal.ts'
import { cliParts, matchSnapshot } from './snapshot.ts'
import { KEPT, SECRET, type Stage, setStage, storedConfig } from './stage.ts'

const ALWAYS = Number.POSITIVE_INFINITY

/** AWS answers an operation with an error class. */
function refuse(stage: Stage, operation: string, type: string, message = ''): void {
  stage.aws.faults.add({ kind: 'error', type, message, times: ALWAYS, match: (name) => name === operation })
}

/** GitLab's answer to the request for a token; `after` = it was made all the same. */
function gitlabAnswers(stage: Stage, status: number, headers: Readonly<Record<string, string>> = {}): void {
  stage.gitlab.fault = ({ method }) =>
    method === 'POST' ? { when: 'before', fault: { kind: 'answer', status, headers, body: '{}' } } : null
}

function rotate(stage: Stage, change?: (plan: string) => string): readonly string[] {
  return ['rotate', ...planOption(stage, change)]
}

cliRefuses([
  {
    what: 'a stored config whose auth data is cut off',
    code: 'CONFIG_AUTH_UNREADABLE',
    says: /not valid JSON.*lint/,
    stage: { config: (parts) => storedConfig(parts).replace('"}}', '"}') },
    argv: (stage) => rotate(stage),
  },
  {
    what: 'a password that the format docker cannot carry',
    code: 'CONFIG_UNWRITABLE',
    says: /not every reader takes alike.*format: dockercfg/,
    argv: (stage) => {
      stage.keep(KEPT, JSON.stringify({ username: 'puller', password: `${marked('quoted')}"\\\\` }))
      return ['rotate', '--plan', planFile(stage, `format: docker\n${staticPlan(stage)}`).plan]
    },
  },
  {
    what: 'a kept credential whose time is over',
    code: 'CREDENTIAL_EXPIRING',
    says: /expired at 2020-/,
    argv: (stage) => {
      const kept = { username: 'puller', password: marked('of-2020'), expires: '2020-01-01T00:00:00Z' }
      stage.keep(KEPT, JSON.stringify(kept))
      return ['rotate', '--plan', planFile(stage, staticPlan(stage)).plan]
    },
  },
  {
    what: 'a root that may not mint',
    code: 'MINT_NOT_PERMITTED',
    says: /403/,
    argv: (stage) => {
      gitlabAnswers(stage, 403)
      return rotate(stage)
    },
  },
  {
    what: 'a token API that asks to wait an hour',
    code: 'MINT_RATE_LIMITED',
    says: /3600/,
    argv: (stage) => {
      gitlabAnswers(stage, 429, { 'retry-after': '3600' })
      return rotate(stage)
    },
  },
  {
    what: 'a token API that answers with a page of somebody else',
    code: 'MINT_UNAVAILABLE',
    says: /GitLab/,
    argv: (stage) => {
      stage.gitlab.fault = () => ({
        when: 'before',
        fault: { kind: 'answer', status: 302, headers: { location: '/sign_in' } },
      })
      return rotate(stage)
    },
  },
  {
    what: 'a token API that is asked and never heard of again',
    code: 'MINT_AMBIGUOUS',
    says: /a token may exist|may have been made|lost/,
    orphans: 1,
    argv: (stage) => {
      let made = false
      stage.gitlab.fault = ({ method }) => {
        if (method !== 'POST' && !made) return null
        made = true
        return { when: method === 'POST' ? 'after' : 'before', fault: { kind: 'hang-up' } }
      }
      return rotate(stage)
    },
  },
  {
    what: 'an AWS without an identity for registries',
    code: 'IDENTITY_UNAVAILABLE',
    says: /No identity token/,
    argv: (stage) => {
      const text = `version: 1\nsecret: ${SECRET}\nregistries:\n  docker.cloudsmith.io:\n    provider: cloudsmith\n    org: acme\n    service: pull\n    probe: docker.cloudsmith.io/acme/app/app:1\n`
      return ['rotate', '--plan', planFile(stage, text).plan]
    },
  },
  {
    what: 'a rotation that was left unfinished',
    code: 'ROTATION_RUNNING',
    says: /under way or was left unfinished.*--remove-from-version-id/,
    argv: (stage) => {
      const id = '11111111-1111-4111-8111-111111111111'
      const value = { text: 'ECS_CLUSTER=prod\n' }
      const version = { id, value, createdAt: Date.now(), withRotationToken: false }
      stage.aws.secrets.secret(SECRET).versions.store(version, ['AWSPENDING'])
      return rotate(stage)
    },
  },
  {
    what: 'a rotation function that is gone',
    code: 'ROTATION_DISABLED',
    says: /no rotation function/,
    argv: (stage) => {
      stage.aws.secrets.configureRotation(SECRET, FUNCTION_ARN)
      refuse(
        stage,
        'RotateSecret',
        'InvalidRequestException',
        'No Lambda rotation function ARN is associated with this secret.',
      )
      return rotate(stage)
    },
  },
  {
    what: 'a current version whose value nobody can find',
    code: 'VERSION_NOT_FOUND',
    says: /has no value at/,
    argv: (stage) => {
      refuse(
        stage,
        'GetSecretValue',
        'ResourceNotFoundException',
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
      )
      return ['verify', ...planOption(stage)]
    },
  },
  {
    what: 'an AWS that keeps throttling',
    code: 'AWS_THROTTLED',
    says: /kept throttling DescribeSecret/,
    argv: (stage) => {
      stage.aws.faults.add({ kind: 'throttle', times: ALWAYS, match: (name) => name === 'DescribeSecret' })
      return ['status', ...planOption(stage)]
    },
  },
  {
    what: 'an AWS that refuses for a reason of its own',
    code: 'AWS_REFUSED',
    says: /AWS refused DescribeSecret .*InvalidParameterException/,
    argv: (stage) => {
      refuse(stage, 'DescribeSecret', 'InvalidParameterException')
      return ['status', ...planOption(stage)]
    },
  },
  {
    what: 'nothing to go back to',
    code: 'ROLLBACK_REFUSED',
    says: /./,
    argv: (stage) => ['rollback', '--yes', ...planOption(stage)],
  },
  {
    what: 'a Run Command that is no rollout',
    code: 'COMMAND_UNKNOWN',
    says: /./,
    argv: (stage) => ['reload', '--command', '11111111-1111-4111-8111-111111111111', ...planOption(stage)],
  },
  {
    what: 'a rollout that Run Command refuses',
    code: 'COMMAND_REFUSED',
    says: /InvalidParameters.*publish it again/,
    argv: (stage) => {
      refuse(stage, 'SendCommand', 'InvalidParameters')
      return ['reload', ...planOption(stage)]
    },
  },
])

test('an output that cannot be written is told of beside the version that is current now', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const outputs = `outputs:\n  - { kind: repository-credentials, registry: '${stage.registry.host}', secret: prod/ecs/nowhere }\n`
  const plan = stage.file('plan.yaml', `${gitlabPlan(stage)}${outputs}`)
  const run = await cliCommand(stage, ['rotate', '--plan', plan, '--json'])
  const { ok, changed, version, problem } = JSON.parse(run.stdout)
  assert.deepEqual([run.exitCode, ok, changed, problem.code], [1, false, true, 'OUTPUT_FAILED'])
  assert.equal(version, stage.aws.secrets.secret(SECRET).versions.holder('AWSCURRENT'))
  matchSnapshot(t, stage, cliParts(run))
})

test('a config that somebody edits while it is rotated is left as he wrote it', async (t) => {
  const stage = await setStage(t, { instances: 1 })
  const secret = stage.aws.secrets.secret(SECRET)
  const edited = `${secret.text('AWSCURRENT')}ECS_ENABLE_SPOT_INSTANCE_DRAINING=true\n`
  stage.aws.faults.add({
    kind: 'before',
    match: (name) => name === 'UpdateSecretVersionStage',
    run: () => {
      const id = '22222222-2222-4222-8222-222222222222'
      secret.versions.store({ id, value: { text: edited }, createdAt: Date.now(), withRotationToken: false }, [
        'AWSCURRENT',
      ])
    },
  })
  const run = await cliCommand(stage, ['rotate', ...planOption(stage), '--json'])
  assert.deepEqual([run.exitCode, JSON.parse(run.stdout).error?.code], [1, 'CONFIG_CHANGED'], run.stdout)
  assert.equal(secret.text('AWSCURRENT'), edited)
  matchSnapshot(t, stage, cliParts(run))
})
