/** What to change in the workflow, and in which line of it: most first runs fail for a permission, a fork or a missing step. */

import type { ErrorCode, PullAuthError } from '../core/errors.ts'

export interface Advice {
  readonly text: string
  /** Where the annotation goes; null: the workflow's file is not at hand. */
  readonly place: Place | null
}

export interface Place {
  readonly file: string
  readonly line: number
}

export interface WorkflowWorld {
  readonly env: Readonly<Record<string, string | undefined>>
  /** null: there is no such file. */
  readText(path: string): string | null
}

/** What a run without secrets and without an ID token ends with. */
const WITHOUT_SECRETS: readonly ErrorCode[] = ['PLAN_MISSING', 'USAGE', 'AWS_CREDENTIALS', 'IDENTITY_UNAVAILABLE']

/** null: the workflow is not what is wrong. */
export function adviceFor(error: PullAuthError, world: WorkflowWorld): Advice | null {
  const { env } = world
  const workflow = findWorkflow(world)
  const stranger = strangerOf(world)
  if (stranger !== null && WITHOUT_SECRETS.includes(error.code)) {
    return advise(
      workflow,
      'step',
      `this run is for ${stranger}, to which GitHub gives neither secrets nor an ID token. Add mode: plan to the inputs of the step for pull requests, and rotate on schedule, workflow_dispatch or push.`,
    )
  }
  const mayAsk = Boolean(env['ACTIONS_ID_TOKEN_REQUEST_URL'])
  switch (error.code) {
    case 'IDENTITY_UNAVAILABLE':
      return mayAsk ? null : advise(workflow, 'permissions', `add id-token: write to ${permissionsOf(env)}.`)
    case 'AWS_CREDENTIALS':
      if (env['AWS_ACCESS_KEY_ID']) return advise(workflow, 'credentials', AWS_STEP_IS_WRONG)
      if (!mayAsk)
        return advise(workflow, 'permissions', `add id-token: write to ${permissionsOf(env)}. ${ADD_AWS_STEP}`)
      return advise(workflow, 'step', ADD_AWS_STEP)
    case 'PLAN_MISSING':
    case 'USAGE':
      return workflow === null ? null : advise(workflow, 'step', 'this is the step whose inputs are meant.')
    case 'ACCESS_DENIED':
      return workflow?.lines.role === undefined
        ? null
        : advise(workflow, 'role', 'this is the role that lacks the permission.')
    default:
      return null
  }
}

const ADD_AWS_STEP =
  'Before this step the job needs aws-actions/configure-aws-credentials with role-to-assume and aws-region.'
const AWS_STEP_IS_WRONG = 'the credentials or the Region that the job has from here are not usable.'

function permissionsOf(env: WorkflowWorld['env']): string {
  return `the permissions of job ${env['GITHUB_JOB'] ?? 'of this step'}`
}

type Spot = 'step' | 'permissions' | 'credentials' | 'role'

interface Workflow {
  readonly file: string
  /** Counted from 1. */
  readonly lines: Readonly<Partial<Record<Spot | 'job', number>>>
}

function advise(workflow: Workflow | null, spot: Spot, what: string): Advice {
  const line = workflow?.lines[spot] ?? workflow?.lines.job
  if (workflow === null || line === undefined) return { text: `In the workflow: ${what}`, place: null }
  return { text: `In ${workflow.file}, line ${line}: ${what}`, place: { file: workflow.file, line } }
}

/** A pull request of a fork, or one of Dependabot: neither gets secrets. */
function strangerOf({ env, readText }: WorkflowWorld): string | null {
  if (env['GITHUB_EVENT_NAME'] !== 'pull_request') return null
  if (env['GITHUB_ACTOR'] === 'dependabot[bot]') return 'a pull request of Dependabot'
  const head = headOf(readText(env['GITHUB_EVENT_PATH'] ?? ''))
  return head === null || head === env['GITHUB_REPOSITORY'] ? null : `a pull request from the fork ${head}`
}

function headOf(event: string | null): string | null {
  try {
    const name: unknown = JSON.parse(event ?? '')?.pull_request?.head?.repo?.full_name
    return typeof name === 'string' && /^[\w.-]+\/[\w.-]+$/.test(name) ? name : null
  } catch {
    return null
  }
}

/** GITHUB_WORKFLOW_REF is `owner/name/path@ref`; in a called workflow it names the caller, which has no such step. */
function findWorkflow({ env, readText }: WorkflowWorld): Workflow | null {
  const prefix = `${env['GITHUB_REPOSITORY']}/`
  const ref = env['GITHUB_WORKFLOW_REF'] ?? ''
  const file = ref.startsWith(prefix) ? (ref.slice(prefix.length).split('@')[0] ?? '') : ''
  const text = file === '' ? null : readText(`${env['GITHUB_WORKSPACE'] ?? '.'}/${file}`)
  const job = env['GITHUB_JOB'] ?? ''
  if (text === null || !/^[\w-]+$/.test(job)) return null
  const lines = findSpots(text.split('\n'), job, env['GITHUB_ACTION_REPOSITORY'] || 'ecs-pull-auth')
  return lines.job === undefined || lines.step === undefined ? null : { file, lines }
}

/** By indentation, as people write workflows; what it does not find is not told. */
function findSpots(lines: readonly string[], job: string, action: string): Workflow['lines'] {
  const spots: Partial<Record<Spot | 'job', number>> = {}
  const begin = lines.findIndex((line) => /^jobs:/.test(line))
  let depth = -1
  for (const [index, line] of lines.entries()) {
    const indent = line.search(/[^\s]/)
    if (index <= begin || begin === -1 || indent === -1 || line[indent] === '#') continue
    if (depth >= 0 && indent <= depth) break
    if (depth === -1) {
      if (line.trim().replace(/\s*#.*$/, '') !== `${job}:`) continue
      depth = indent
      spots.job = index + 1
    }
    const spot = spotOf(line, action)
    if (spot !== null) spots[spot] ??= index + 1
  }
  return spots
}

function spotOf(line: string, action: string): Spot | null {
  if (/^\s*permissions:/.test(line)) return 'permissions'
  if (/uses:\s*['"]?aws-actions\/configure-aws-credentials@/.test(line)) return 'credentials'
  if (/role-to-assume:/.test(line)) return 'role'
  return /uses:/.test(line) && line.includes(action) ? 'step' : null
}
