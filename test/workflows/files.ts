/** The workflows of this repository and of its examples, parsed. */

import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { load } from 'js-yaml'

export const root = resolve(import.meta.dirname, '../..')
export const read = (file: string) => readFileSync(join(root, file), 'utf8')

export interface Step {
  readonly id?: string
  readonly uses?: string
  readonly with?: Readonly<Record<string, string | number | boolean>>
  readonly run?: string
}

export interface Job {
  readonly steps: readonly Step[]
  readonly permissions?: Readonly<Record<string, string>>
  readonly needs?: string
  readonly environment?: string
  readonly 'timeout-minutes'?: number
}

export interface Workflow {
  readonly file: string
  readonly text: string
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions: unknown
  readonly concurrency?: { readonly 'cancel-in-progress': unknown }
  readonly jobs: Readonly<Record<string, Job>>
}

function workflowsIn(folder: string): readonly Workflow[] {
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.yml'))
  return files.sort().map((name) => {
    const file = `${folder}/${name}`
    return { ...(load(read(file)) as Omit<Workflow, 'file' | 'text'>), file, text: read(file) }
  })
}

export const OURS = workflowsIn('.github/workflows')
export const EXAMPLES = workflowsIn('examples')
export const ALL = [...OURS, ...EXAMPLES]

export function stepsOf({ jobs }: Workflow): readonly Step[] {
  return Object.values(jobs).flatMap(({ steps }) => steps)
}
