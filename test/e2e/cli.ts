/** Runs the shipped CLI on a stage, and keeps what it said as evidence. */

import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Ended, interruptAt, NODE_24, type ProcessOrder, runProcess } from './run-process.ts'
import type { Stage } from './stage.ts'
import { type Conversation, converse } from './terminal.ts'

const DIST = resolve(import.meta.dirname, '../../dist')
/** The others are loaded late, from beside the first. */
export const BUNDLES = ['cli.cjs', 'cli-all.cjs', 'cli-lint.cjs', 'credential-chain.cjs']

/** As the operator, in the checkout. The bundle lies where no node_modules is near. */
export async function cliCommand(
  stage: Stage,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
  input?: string,
  /** Ctrl-C as soon as this was said. */
  interruptedAt?: string,
): Promise<Ended> {
  const all = { ...stage.env('operator'), ...env }
  const run = await cliProcess({
    folder: stage.folder,
    argv,
    cwd: stage.workspace,
    env: Object.fromEntries(
      Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    ...(input === undefined ? {} : { input }),
    ...(interruptedAt === undefined ? {} : { onOutput: interruptAt(interruptedAt) }),
  })
  stage.evidence.add(`standard output of ${argv.join(' ')}`, run.stdout)
  stage.evidence.add(`standard error of ${argv.join(' ')}`, run.stderr)
  return run
}

/** The same on a terminal, where questions are answered. */
export async function cliConversation(
  stage: Stage,
  argv: readonly string[],
  answers: Conversation['answers'] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ exitCode: number; shown: string }> {
  placeBundles(stage.folder)
  const run = await converse({
    argv: [NODE_24, join(stage.folder, 'cli.cjs'), ...argv],
    cwd: stage.workspace,
    env: { ...stage.env('operator'), ...env },
    answers,
  })
  stage.evidence.add(`terminal of ${argv.join(' ')}`, run.shown)
  return run
}

/** `node`: another one than this. */
export async function cliProcess({
  folder,
  argv,
  node = NODE_24,
  ...order
}: ProcessOrder & { readonly folder: string; readonly node?: string }): Promise<Ended> {
  placeBundles(folder)
  return await runProcess({ ...order, argv: [node, join(folder, 'cli.cjs'), ...argv] })
}

export function placeBundles(folder: string): void {
  for (const name of BUNDLES) {
    if (!existsSync(join(folder, name))) copyFileSync(join(DIST, name), join(folder, name))
  }
}

/** The machine's own Node 20, the oldest that the package admits; null where there is none. */
export const NODE_20 = findNode20()

function findNode20(): string | null {
  const places = [process.env['NODE_20'] ?? '', '/usr/bin/node', '/usr/local/bin/node']
  return places.find((path) => versionOf(path).startsWith('v20.')) ?? null
}

function versionOf(path: string): string {
  try {
    return execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}
