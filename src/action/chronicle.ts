/** When what happened, for the timeline of a report. */

import type { Detail, Millis } from '../core/ports.ts'
import type { Span, Tone } from './page.ts'

export interface Chronicle {
  phase(title: string): void
  current(): string
  /** A message that names a Run Command says that it was there at this moment. Returns its id when it is a new one. */
  saw(detail: Detail | undefined): string | null
  /** The last Run Command that was seen. */
  lastCommand(): string | null
  /** `failed`: the phase that went wrong; `last` = the one that was open. */
  spans(failed: string | 'last' | null): readonly Span[]
}

export function createChronicle(now: () => Millis): Chronicle {
  const phases: { title: string; from: Millis }[] = []
  const commands = new Map<string, { from: Millis; to: Millis }>()
  return {
    phase: (title) => void phases.push({ title, from: now() }),
    current: () => phases.at(-1)?.title ?? 'Check',
    saw: (detail) => {
      const id = detail?.['commandId']
      if (typeof id !== 'string') return null
      const known = commands.get(id)
      commands.set(id, { from: known?.from ?? now(), to: now() })
      return known === undefined ? id : null
    },
    lastCommand: () => [...commands.keys()].at(-1) ?? null,
    spans: (failed) => [
      ...phases.map(({ title, from }, index) => {
        const to = phases[index + 1]?.from ?? now()
        const bad = failed === title || (failed === 'last' && index === phases.length - 1)
        return { section: 'Phases', name: title, from, to, tone: bad ? ('bad' as const) : ('good' as const) }
      }),
      ...[...commands].map(([id, { from, to }]) => ({
        section: 'Run Command',
        name: id.slice(0, 8),
        from,
        to,
        tone: 'open' satisfies Tone as Tone,
      })),
    ],
  }
}
