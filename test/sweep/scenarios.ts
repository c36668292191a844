/** What is going on when faults strike, and what a later, clean rotation is in the same world. */

import type { Millis } from '../../src/core/ports.ts'
import { CANARY, type Layout, WITH_RUNBOOK } from './layout.ts'
import type { Setup, SweepWorld } from './world.ts'

export interface Scenario {
  readonly title: string
  readonly setup: Pick<Setup, 'functions' | 'attempts' | 'retryAfter' | 'seed'>
  /** How long after its start the next clean rotation begins. */
  readonly interval: Millis
  /** Default: SMALL. */
  readonly layout?: Layout
  /** Begins everything; nothing is awaited that only time brings. */
  start(world: SweepWorld): void
  /** How the world rotates when nothing is wrong. */
  readonly clean: 'schedule' | 'action'
}

const MINUTE: Millis = 60_000
const HOUR: Millis = 60 * MINUTE

const withFunctions = { functions: true, attempts: 3, retryAfter: MINUTE, seed: 1 }
const without = { functions: false, seed: 1 }

const schedule = (world: SweepWorld) => void world.rotateOnSchedule()
const act = (world: SweepWorld) => void world.act()
const later = (world: SweepWorld, ms: Millis, what: () => unknown) => world.timeline.after(ms, what as () => void)

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  a: {
    title: 'a scheduled rotation',
    setup: withFunctions,
    interval: 4 * HOUR,
    start: schedule,
    clean: 'schedule',
  },
  b: {
    title: 'an Action without a rotation function',
    setup: without,
    interval: 4 * HOUR,
    start: act,
    clean: 'action',
  },
  c: {
    title: 'an Action that asks the rotation function',
    setup: withFunctions,
    interval: 4 * HOUR,
    start: act,
    clean: 'action',
  },
  d: {
    title: 'two Actions at once',
    setup: without,
    interval: 4 * HOUR,
    start: (world) => {
      act(world)
      later(world, 300, () => act(world))
    },
    clean: 'action',
  },
  e: {
    title: 'an Action during a scheduled rotation',
    setup: withFunctions,
    interval: 4 * HOUR,
    start: (world) => {
      schedule(world)
      later(world, 700, () => act(world))
    },
    clean: 'schedule',
  },
  f: {
    title: 'somebody edits a line during a scheduled rotation',
    setup: withFunctions,
    interval: 4 * HOUR,
    start: (world) => {
      schedule(world)
      later(world, 900, () => world.edit())
    },
    clean: 'schedule',
  },
  g: {
    title: 'a scheduled rotation that is tried again only when its credentials are nearly dead',
    setup: { ...withFunctions, attempts: 1 },
    interval: 11.5 * HOUR,
    start: schedule,
    clean: 'schedule',
  },
  h: {
    title: 'an Action with credentials of its own during a scheduled rotation',
    setup: withFunctions,
    interval: 4 * HOUR,
    start: (world) => {
      schedule(world)
      later(world, 700, () => void world.act(true))
    },
    clean: 'schedule',
  },
  i: {
    title: 'somebody edits a line while an Action rotates',
    setup: without,
    interval: 4 * HOUR,
    start: (world) => {
      act(world)
      later(world, 1_000, () => world.edit())
    },
    clean: 'action',
  },
  j: {
    title: 'a scheduled rotation that reloads a canary first',
    setup: withFunctions,
    layout: CANARY,
    interval: 4 * HOUR,
    start: schedule,
    clean: 'schedule',
  },
  k: {
    title: 'an Action that reloads a canary first',
    setup: without,
    layout: CANARY,
    interval: 4 * HOUR,
    start: act,
    clean: 'action',
  },
  l: {
    title: 'a scheduled rotation whose fleet a runbook reloads, a canary first',
    setup: withFunctions,
    layout: WITH_RUNBOOK,
    interval: 4 * HOUR,
    start: schedule,
    clean: 'schedule',
  },
  m: {
    title: 'an Action whose fleet a runbook reloads, a canary first',
    setup: without,
    layout: WITH_RUNBOOK,
    interval: 4 * HOUR,
    start: act,
    clean: 'action',
  },
}
