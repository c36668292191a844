/** Explores with several threads at once: each takes its part of the schedules and tells what it found. */

import { Worker } from 'node:worker_threads'
import type { Violation } from './watch.ts'

/** `from` and `of`: of so many equal parts this one is number `from`. `whole`: nothing is left out that was seen before. */
export type Part = { readonly whole: boolean } & (
  | { readonly kind: 'singles'; readonly names: readonly string[]; readonly from: number; readonly of: number }
  | { readonly kind: 'pairs'; readonly count: number; readonly seed: number }
)

export type Told =
  | { readonly kind: 'broken'; readonly id: string; readonly violations: readonly Violation[] }
  | { readonly kind: 'progress'; readonly schedules: number }

export interface Explored {
  readonly schedules: number
  readonly broken: readonly { readonly id: string; readonly violations: readonly Violation[] }[]
}

/** A world is garbage as soon as its schedule has ended: with room for many, little of it is ever copied. */
const SHORT_LIVED = { maxYoungGenerationSizeMb: 192 }

/** `first`: ends at the first broken promise. */
export async function explore(
  parts: readonly Part[],
  { first = false, tell = () => undefined }: { first?: boolean; tell?: (told: Told, schedules: number) => void } = {},
): Promise<Explored> {
  const broken: Explored['broken'][number][] = []
  let schedules = 0
  const workers = parts.map(
    (part) => new Worker(new URL('./worker.ts', import.meta.url), { workerData: part, resourceLimits: SHORT_LIVED }),
  )
  const ended = workers.map((worker) => {
    worker.on('message', (told: Told) => {
      if (told.kind === 'progress') schedules += told.schedules
      else broken.push({ id: told.id, violations: told.violations })
      tell(told, schedules)
      if (first && broken.length > 0) for (const one of workers) void one.terminate()
    })
    return new Promise<void>((resolve, reject) => {
      worker.once('error', reject)
      worker.once('exit', () => resolve())
    })
  })
  await Promise.all(ended)
  return { schedules, broken }
}
