/** What a failed run says about its workflow: which line, and what to write there. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { adviceFor } from '../../src/action/workflow-advice.ts'
import { type ErrorCode, PullAuthError } from '../../src/core/errors.ts'

const EXAMPLE = readFileSync(resolve(import.meta.dirname, '../../examples/rotate.yml'), 'utf8')
const FILE = '.github/workflows/rotate.yml'

interface Case {
  readonly what: string
  readonly code: ErrorCode
  readonly env?: Readonly<Record<string, string>>
  readonly event?: unknown
  readonly workflow?: string
  /** What stands in the line that is named; null: no line. */
  readonly line: RegExp | null
  readonly says: RegExp
}

const MAY_ASK = { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://token.example/' }
const PULL_REQUEST = { GITHUB_EVENT_NAME: 'pull_request' }
const fork = (name: string) => ({ pull_request: { head: { repo: { full_name: name } } } })

const CASES: readonly Case[] = [
  {
    what: 'a job without id-token: write and without AWS credentials',
    code: 'AWS_CREDENTIALS',
    line: /^ {4}permissions:$/,
    says: /add id-token: write to the permissions of job rotate\. Before this step the job needs aws-actions\/configure/,
  },
  {
    what: 'a job without permissions of its own: the line of the job',
    code: 'AWS_CREDENTIALS',
    workflow: EXAMPLE.replace(/ {4}permissions:\n( {6}.*\n)+/, ''),
    line: /^ {2}rotate:$/,
    says: /add id-token: write/,
  },
  {
    what: 'a job that may ask for an ID token and has no step that does',
    code: 'AWS_CREDENTIALS',
    env: MAY_ASK,
    line: /uses: ecs-pull-auth/,
    says: /Before this step the job needs aws-actions\/configure-aws-credentials/,
  },
  {
    what: 'credentials that are there and no good',
    code: 'AWS_CREDENTIALS',
    env: { ...MAY_ASK, AWS_ACCESS_KEY_ID: 'ASIA' },
    line: /uses: aws-actions\/configure-aws-credentials/,
    says: /not usable/,
  },
  {
    what: 'a registry that asks for an ID token',
    code: 'IDENTITY_UNAVAILABLE',
    line: /^ {4}permissions:$/,
    says: /add id-token: write/,
  },
  {
    what: 'a role that may not do it',
    code: 'ACCESS_DENIED',
    line: /role-to-assume/,
    says: /the role that lacks the permission/,
  },
  {
    what: 'a plan that is not where the input says',
    code: 'PLAN_MISSING',
    line: /uses: ecs-pull-auth/,
    says: /the step whose inputs are meant/,
  },
  ...(['PLAN_MISSING', 'USAGE', 'AWS_CREDENTIALS', 'IDENTITY_UNAVAILABLE'] as const).map((code) => ({
    what: 'a pull request of a fork',
    code,
    env: PULL_REQUEST,
    event: fork('mallory/infrastructure'),
    line: /uses: ecs-pull-auth/,
    says: /from the fork mallory\/infrastructure, to which GitHub gives neither secrets nor an ID token\. Add mode: plan/,
  })),
  {
    what: 'a pull request of Dependabot',
    code: 'AWS_CREDENTIALS',
    env: { ...PULL_REQUEST, GITHUB_ACTOR: 'dependabot[bot]' },
    line: /uses: ecs-pull-auth/,
    says: /a pull request of Dependabot/,
  },
  {
    what: 'a pull request of the same repository is no fork',
    code: 'AWS_CREDENTIALS',
    env: PULL_REQUEST,
    event: fork('acme/infrastructure'),
    line: /^ {4}permissions:$/,
    says: /add id-token: write/,
  },
  {
    what: 'an event that names a repository that is none',
    code: 'AWS_CREDENTIALS',
    env: PULL_REQUEST,
    event: fork('mallory/x\n::error::boo'),
    line: /^ {4}permissions:$/,
    says: /add id-token: write/,
  },
  {
    what: 'a workflow that is called from another repository: no line',
    code: 'AWS_CREDENTIALS',
    env: { GITHUB_WORKFLOW_REF: 'acme/other/.github/workflows/rotate.yml@refs/heads/main' },
    line: null,
    says: /^In the workflow: add id-token: write/,
  },
  {
    what: 'a workflow that was not checked out: no line',
    code: 'IDENTITY_UNAVAILABLE',
    workflow: '',
    line: null,
    says: /^In the workflow: add id-token: write/,
  },
]

for (const { what, code, env, event, workflow = EXAMPLE, line, says } of CASES) {
  test(`${code}, ${what}`, () => {
    const files = new Map([
      [join('/work', FILE), workflow],
      ['/event.json', JSON.stringify(event ?? {})],
    ])
    const advice = adviceFor(new PullAuthError(code, 'message', 'hint'), {
      env: {
        GITHUB_ACTION_REPOSITORY: 'ecs-pull-auth/ecs-pull-auth',
        GITHUB_EVENT_NAME: 'schedule',
        GITHUB_EVENT_PATH: '/event.json',
        GITHUB_JOB: 'rotate',
        GITHUB_REPOSITORY: 'acme/infrastructure',
        GITHUB_WORKFLOW_REF: `acme/infrastructure/${FILE}@refs/heads/main`,
        GITHUB_WORKSPACE: '/work',
        ...env,
      },
      readText: (path) => files.get(path) || null,
    })
    assert.match(advice?.text ?? '', says)
    if (line === null) return assert.equal(advice?.place, null)
    const place = advice?.place ?? assert.fail('no line is named')
    assert.equal(place.file, FILE)
    assert.match(workflow.split('\n')[place.line - 1] ?? '', line)
    assert.ok(advice?.text.startsWith(`In ${FILE}, line ${place.line}: `), advice?.text)
  })
}

test('what is no fault of the workflow gets no advice', () => {
  const world = { env: MAY_ASK, readText: () => null }
  for (const code of ['ROLLOUT_INCOMPLETE', 'IDENTITY_UNAVAILABLE', 'ACCESS_DENIED', 'PROBE_DENIED'] as const)
    assert.equal(adviceFor(new PullAuthError(code, 'message', 'hint'), world), null)
})
