/** What happened, as text that is the same at every run. */

import type { TestContext } from 'node:test'
import type { RecordedRequest } from '../aws/server.ts'
import type { ActionRun } from './action-runner.ts'
import type { Ended } from './run-process.ts'
import { type Actor, SECRET, type Stage } from './stage.ts'

export function matchSnapshot(t: TestContext, stage: Stage, parts: readonly string[]): void {
  const text = normalise(stage, parts.join('\n\n'))
  t.assert.snapshot(text, { serializers: [String] })
}

/** The parts of an Action's run that people and later steps see. */
export function actionParts(run: ActionRun): readonly string[] {
  const outputs = Object.entries(run.outputs).map(
    ([name, value]) => `${name}: ${name === 'result' ? pretty(value) : value}`,
  )
  return [
    `exit code ${run.exitCode}`,
    part('log', run.log),
    part('standard error', run.stderr),
    part('outputs', outputs.join('\n')),
    part('summary', run.summary),
    part('environment and state', run.environment + run.state),
  ].filter((text) => text !== '')
}

export function cliParts(run: Ended): readonly string[] {
  // Columns are as wide as what is in them, and an address may be longer at the next run.
  const table = run.stdout.replaceAll(/─+/g, '─').replaceAll(/(?<=\S) {2,}/g, '  ')
  const parts = [`exit code ${run.exitCode}`, part('standard output', table), part('standard error', run.stderr)]
  return parts.filter((text) => text !== '')
}

/** The annotations of what went wrong. */
export function errorsPart({ commands }: ActionRun): string {
  const errors = commands.filter(({ name }) => name === 'error')
  return part('errors', errors.map(({ properties, message }) => `${properties['title']}: ${message}`).join('\n'))
}

function pretty(json: string): string {
  return JSON.stringify(JSON.parse(json), null, 2)
}

export function part(title: string, text: string): string {
  return text.trim() === '' ? '' : `── ${title}\n${text.trim()}`
}

/** The requests that were sent, by service and caller. */
export function requestParts(stage: Stage, actors: readonly Actor[], from: Mark = START): readonly string[] {
  const aws = actors.map((actor) => part(`AWS requests of ${actor}`, awsRequests(stage, actor, from).join('\n')))
  const http = (requests: readonly { method: string; path: string }[]) =>
    requests.map(({ method, path }) => `${method} ${path}`).join('\n')
  return [
    ...aws,
    part('GitLab requests', http(stage.gitlab.requests.slice(from.gitlab))),
    part('registry requests', http(stage.registry.requests.slice(from.registry))),
  ].filter((text) => text !== '')
}

/** How many requests there were at a moment, to tell those of one step. */
export interface Mark {
  readonly aws: number
  readonly gitlab: number
  readonly registry: number
}

const START: Mark = { aws: 0, gitlab: 0, registry: 0 }

export function mark({ aws, gitlab, registry }: Stage): Mark {
  return { aws: aws.requests.length, gitlab: gitlab.requests.length, registry: registry.requests.length }
}

export function awsRequests(stage: Stage, actor: Actor, from: Mark = START): readonly string[] {
  const { name } = stage.identities[actor]
  return inOrder(
    stage,
    stage.aws.requests.slice(from.aws).filter(({ caller }) => caller === name),
  )
}

/** Requests that are sent at the same time arrive in any order: neighbours of one operation are sorted. Polls count once. */
function inOrder(stage: Stage, requests: readonly RecordedRequest[]): readonly string[] {
  const groups: { operation: string; lines: string[] }[] = []
  for (const { operation, input, outcome } of requests) {
    const line = normalise(stage, `${operation} ${JSON.stringify(input)}${outcome === 'ok' ? '' : ` → ${outcome}`}`)
    const last = groups.at(-1)
    if (last?.operation === operation) last.lines.push(line)
    else groups.push({ operation, lines: [line] })
  }
  return groups.flatMap(({ operation, lines }) => (operation === 'ListCommands' ? [...new Set(lines)] : lines.sort()))
}

export function normalise(stage: Stage, text: string): string {
  const { registry, gitlab, aws, folder } = stage
  const names: readonly (readonly [string, string])[] = [
    [gitlab.url, '<gitlab>'],
    [aws.endpoint, '<aws>'],
    [folder, '<folder>'],
    [registry.host, '<registry>'],
    ...idsOf(stage),
  ]
  return names
    .reduce((result, [from, to]) => result.replaceAll(from, to), text)
    .replaceAll(/_temp-\w{6}/g, '_temp')
    .replaceAll(/\b1[78]\d{11}\b/g, '<ms>')
    .replaceAll(/\b\d+ (?:d|h|min|s)(?: \d+ (?:h|min|s))* left\b/g, '<life> left')
    .replaceAll(/127\.0\.0\.1:\d+/g, '<loopback>')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '<time>')
    .replaceAll(/\b[0-9a-f]{64}\b/g, '<sha256>')
    .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<another id>')
    .replaceAll(
      /(arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+?)-[A-Za-z0-9]{6}(?![\w/+=.@-])/g,
      '$1-<suffix>',
    )
    .replaceAll(/ecs-pull-auth\/\d+\.\d+\.\d+/g, 'ecs-pull-auth/<version>')
    .replaceAll(/"(milliseconds|Timestamp)":\d+/g, '"$1":<n>')
    .replaceAll(MEASURED, '$1<n>')
}

/** Numbers of a metric that no two runs have alike: in the message of its line, and as its member. */
const MEASURED = /(\b(?:StepDuration|VersionAge|TtlAtPromotion|CredentialLifeUsed|CredentialDaysLeft)"?: ?)-?[\d.e-]+/g

/** Versions of the stored config and commands, numbered as they were made; eight characters of one stand for it in logs. */
function idsOf({ aws }: Stage): readonly (readonly [string, string])[] {
  const named = (what: string, ids: readonly string[]) =>
    ids.map((id, index) => [id, `<${what} ${index + 1}>`] as const)
  const versions = named('version', [...aws.secrets.secret(SECRET).versions.view().versions.keys()])
  const commands = named(
    'command',
    aws.ssm.rollouts().map(({ order }) => order.id),
  )
  return [...versions, ...commands, ...[...versions, ...commands].map(([id, name]) => [id.slice(0, 8), name] as const)]
}
