/** What a provider gets, with everything it says and masks on record. */

import type { Clock, Http, Journal, ProviderContext } from '../../src/core/ports.ts'
import { Secret } from '../../src/core/secret.ts'
import { createHttp } from '../../src/http.ts'
import { noIdentity } from '../doubles/no-identity.ts'

export const NOW = Date.UTC(2026, 10, 24, 12)

export interface RecordedContext extends ProviderContext {
  /** Everything told to the journal. */
  readonly told: readonly string[]
  readonly masked: readonly Secret[]
  /** The texts of credential secrets; may be changed. */
  readonly secrets: Map<string, string>
}

export function recordedContext(secrets: Readonly<Record<string, string>>, http: Http = createHttp()): RecordedContext {
  const told: string[] = []
  const masked: Secret[] = []
  const texts = new Map(Object.entries(secrets))
  const tell = (message: string, detail?: unknown) => {
    told.push(`${message} ${JSON.stringify(detail ?? {})}`)
  }
  const journal: Journal = { mask: (secret) => masked.push(secret), phase: tell, info: tell, warn: tell }
  const clock: Clock = { now: () => NOW, sleep: async () => {} }
  return {
    http,
    clock,
    journal,
    told,
    masked,
    secrets: texts,
    readSecret: async (name) => {
      const text = texts.get(name)
      if (text === undefined) throw new Error(`the test has no secret ${name}`)
      return new Secret(text)
    },
    ...noIdentity,
  }
}

/** Everything that an error shows to whoever prints it whole. */
export function shownBy(error: unknown): string {
  const { stack, code, hint, cause } = error as { stack?: string; code?: string; hint?: string; cause?: unknown }
  return [stack, code, hint, cause === undefined ? '' : shownBy(cause)].join('\n')
}
