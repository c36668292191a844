/** docs/performance.md, from what was measured. */

import type { ProofRequests } from './proofs.ts'
import { awsCalls, type Step } from './rotation.ts'
import type { Program, Runs } from './start-up.ts'

export interface Measured {
  readonly machine: string
  readonly versions: string
  readonly rounds: number
  readonly runs: Runs
  readonly bundles: readonly { readonly file: string; readonly bytes: number; readonly packages: number }[]
  readonly rotation: {
    readonly function: readonly Step[]
    readonly itself: readonly Step[]
    readonly fifty: readonly Step[]
  }
  readonly proofs: readonly ProofRequests[]
  readonly rollout: readonly {
    readonly instances: number
    readonly calls: number
    readonly pages: number
    readonly peak: number
    readonly stragglers: number
  }[]
  readonly config: { readonly sizes: readonly Size[]; readonly limit: readonly Size[] }
  readonly registries: {
    readonly registries: number
    readonly delay: number
    readonly ratio: number
    readonly peak: number
  }
  readonly node: { readonly python: number; readonly unchanged: number; readonly applied: number }
}

interface Size {
  readonly entries: number
  readonly managed: number
  readonly micros: Readonly<Record<'json' | 'parse' | 'lint' | 'merge', number>>
  readonly ratio: number
}

interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** Quartiles of the ratios of each round: what the machine does meanwhile falls on both sides of a ratio. */
function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other)
  const at = (part: number) => sorted[Math.round((sorted.length - 1) * part)] ?? Number.NaN
  return { median: at(0.5), low: at(0.25), high: at(0.75) }
}

export function ratioOf(runs: Runs, name: Program, to: Program = 'bare'): Spread {
  return spreadOf(runs[name].map(({ milliseconds }, round) => milliseconds / (runs[to][round]?.milliseconds ?? 0)))
}

/** Without what Node itself takes. */
function netRatio(runs: Runs, name: Program, to: Program): Spread {
  const net = (program: Program, round: number) =>
    (runs[program][round]?.milliseconds ?? 0) - (runs.bare[round]?.milliseconds ?? 0)
  return spreadOf(runs[name].map((_, round) => net(name, round) / net(to, round)))
}

const NAMES: Readonly<Record<Program, string>> = {
  bare: '`node -e 0`',
  emptyAction: 'an empty Action: `@actions/core`, bundled by default settings',
  actionFails: '**the Action to its first failing input**',
  threeCalls: '**the Action’s bundle, three AWS calls**',
  threeCallsWithoutKinds: 'the same, without the kinds of registry and YAML in it',
  threeCallsClient: 'the same calls, with nothing in the bundle but the client',
  threeCallsBare: 'the same calls, by Node’s HTTP and a signature alone',
  threeCallsSdk: 'the same calls, SDK bundled by default settings',
  threeCallsSdkUnbundled: 'the same calls, SDK from node_modules',
  lint: '**CLI `lint`**',
  rotate: '**`rotate` to its first `next`**',
  react: '**`react` to its first `next`**',
  rotateWithSdk: '`rotate` with the clients of the SDK, from node_modules',
}

export function page(measured: Measured): string {
  const { runs, rounds, rotation, proofs, rollout, config, registries, node, bundles } = measured
  const starts = (Object.keys(NAMES) as Program[]).map((name) => {
    const { median } = spreadOf(runs[name].map(({ milliseconds }) => milliseconds))
    const memory = spreadOf(runs[name].map((run) => run.memory)).median
    return [NAMES[name], median.toFixed(0), shown(ratioOf(runs, name)), memory.toFixed(0)]
  })
  const total = (steps: readonly Step[]) => steps.reduce((sum, step) => sum + awsCalls(step).length, 0)
  const trips = (steps: readonly Step[]) => steps.reduce((sum, step) => sum + step.trips.length, 0)
  const followed = rollout.find(({ instances }) => instances === 50_000)
  const kilobytes = (...files: readonly string[]) =>
    files.reduce((sum, file) => sum + (bundles.find((bundle) => bundle.file === `dist/${file}`)?.bytes ?? 0), 0) / 1_000
  const memory = (name: Program) => spreadOf(runs[name].map((run) => run.memory)).median
  const budgets = [
    ['the Action to its first failing input ÷ bare Node', '1.3', shown(ratioOf(runs, 'actionFails'))],
    ['the Action, three AWS calls ÷ bare Node', '2.8 (asked: 2.2)', shown(ratioOf(runs, 'threeCalls'))],
    [
      '`rotate` ÷ `rotate` with the SDK unbundled, both − bare',
      '0.4',
      shown(netRatio(runs, 'rotate', 'rotateWithSdk')),
    ],
    ['CLI `lint` ÷ bare Node', '1.4', shown(ratioOf(runs, 'lint'))],
    ['action.cjs and action-whole.cjs, KB', '450', kilobytes('action.cjs', 'action-whole.cjs').toFixed(0)],
    ['rotate.cjs, KB', '350', kilobytes('rotate.cjs').toFixed(0)],
    ['react.cjs, KB', '350', kilobytes('react.cjs').toFixed(0)],
    ['what CLI `lint` loads, KB', '200', kilobytes('cli.cjs', 'cli-lint.cjs').toFixed(0)],
    ['AWS calls of a clean rotation', '10', String(total(rotation.function))],
    ['its round trips, one after the other', '16', String(trips(rotation.function))],
    ['requests for the proof of an image', '6', String(proofs[0]?.requests.length)],
    ['calls to follow 50,000 instances', '60', String(followed?.calls)],
    ['peak memory, Action with three calls, MB', '70', memory('threeCalls').toFixed(0)],
    ['peak memory, `rotate` at its first `next`, MB', '90', memory('rotate').toFixed(0)],
    ['peak memory, following 50,000, MB', '150', String(followed?.peak)],
  ]
  const kept = (row: readonly string[]) =>
    Number.parseFloat(row[2] ?? '') <= Number.parseFloat(row[1] ?? '') ? 'yes' : 'no'
  return `# Performance

Written by \`npm run bench\`; do not edit. ${measured.machine}. ${measured.versions}.

Programs are started in turns, ${rounds} rounds, each round in another order. A ratio is the median of the ratios of the
rounds, its quartiles in brackets: two runs of the bench agree when their brackets overlap. Milliseconds say how busy the
machine was, and nothing else; compare ratios only.

## Budgets

${table(
  ['figure', 'budget', 'measured', 'kept'],
  budgets.map((row) => [...row, kept(row)]),
)}

What is counted is a test, times are not: bytes and packages of the bundles in test/shape/dist.test.ts, calls and round trips
of a rotation in test/core/rotation-requests.test.ts and, as shipped, in test/e2e/functions.test.ts, the requests of a proof in
test/registries/proof-requests.test.ts, the calls of a rollout in test/core/rollout-scale.test.ts, memory in
test/deep/memory.test.ts.

${WHY}

## Start-up

${table(['program', 'ms', '÷ bare', 'peak MB'], starts)}

The handlers run under aws-lambda-ric, whose own start is in both; the SDK beside them comes from a warm disk, which is
kinder to it than Lambda. The three calls are GetSecretValue, PutSecretValue and SendCommand over loopback.

## Rotation

By the function, in steady state: a GitLab makes the token, and its earlier ones are looked through for what is gone. A round
trip is whatever is asked at once; it ends before the next begins.

${table(['step', 'AWS calls', 'round trips', 'which'], rotation.function.map(shownStep))}

By the Action or the CLI, for a secret without a function: ${total(rotation.itself)} AWS calls in ${trips(rotation.itself)} round trips.

${table(['part', 'AWS calls', 'round trips', 'which'], rotation.itself.map(shownStep))}

With 50 entries the function makes ${total(rotation.fifty)} AWS calls in ${trips(rotation.fifty)} round trips: they do not grow with the entries.
Reads use one kept connection per host, and a second where two are made at once; a token is made on a connection of its own
(test/core/rotation-requests.test.ts).

${registries.registries} registries at once, every answer ${registries.delay} ms late: ${registries.ratio.toFixed(2)} times
the slowest of them alone, with a peak of ${registries.peak.toFixed(0)} MB. Connections are kept.

## Proof of an image

${table(
  ['how the registry lets in', 'verdict', 'requests', 'which'],
  proofs.map(({ flow, verdict, requests }) => [flow, verdict, String(requests.length), requests.join(', ')]),
)}

A manifest is asked for with HEAD only. No token is used for a second image: it is good for one repository.

## Rollout

${table(
  ['instances', 'calls', 'pages of problems', 'stragglers', 'peak MB'],
  rollout.map((row) => [row.instances, row.calls, row.pages, row.stragglers, row.peak].map(String)),
)}

The document's script on an instance, the restart of the agent taking no time: unchanged ${times(node.unchanged, node)},
applied ${times(node.applied, node)} \`python3 -c pass\`.

## Config engine

Microseconds; the ratio is parse, lint and merge together ÷ \`JSON.stringify(JSON.parse(…))\` of the same data.

${table(
  ['entries', 'managed', 'parse', 'lint', 'merge', 'per entry', 'ratio'],
  [...config.sizes, ...config.limit].map(({ entries, managed, micros, ratio }) => [
    String(entries),
    String(managed),
    ...[micros.parse, micros.lint, micros.merge].map((each) => each.toFixed(0)),
    ((micros.parse + micros.lint + micros.merge) / entries).toFixed(1),
    ratio.toFixed(1),
  ]),
)}

## Bundles

${table(
  ['file', 'KB', 'packages'],
  bundles.map(({ file, bytes, packages }) => [file, (bytes / 1_000).toFixed(0), String(packages)]),
)}

credential-chain.cjs is the SDK's own chain of credential providers. The Action and the CLI load it where the environment
has no keys; the functions never do. action.cjs checks the inputs and loads action-whole.cjs for the rest. cli.cjs loads cli-lint.cjs for \`lint\` and \`explain\`, cli-all.cjs for the rest.
`
}

/** Why one budget is not what was asked for. */
const WHY = `One is wider than was asked for: three calls ÷ bare Node. What each part of such a run costs is in the next table. The same
calls by \`node:https\`, \`node:crypto\` and a signature alone stand for what no client is below; with our client, which also
finds Region, endpoint and credentials and tries again, they are what was asked for. The rest is compiling what a run
consists of besides: plan, rotation, rollout, verifier, report, and every kind of registry. A file for each kind and one for
YAML, loaded when a plan names it, would not reach the figure either (the row without them shows the most it could take
away) and would make some forty files of two for whoever reads \`dist\`; so there is none. A warm compile cache
(\`NODE_COMPILE_CACHE\`) takes about 0.3 of bare Node away, but a hosted runner starts without one, and on one of your own it
is code that one job leaves for the next: it is not switched on.`

/** `2 GetSecretValue` is two at once; what follows an arrow waits for what is before it. */
function shownStep(step: Step): readonly string[] {
  const trips = step.trips.map((trip) =>
    [...Map.groupBy(trip, (request) => request)]
      .map(([request, same]) => (same.length === 1 ? request : `${same.length} ${request}`))
      .join(' and '),
  )
  return [step.step, String(awsCalls(step).length), String(step.trips.length), trips.join(' → ') || '-']
}

function times(each: number, { python }: Measured['node']): string {
  return `${(each / python).toFixed(1)} times`
}

function shown({ median, low, high }: Spread): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}
