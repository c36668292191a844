/** Remembers every spelling of every credential and takes them out of text: the last net under the `Secret` type. */

import { type Secret, spellings } from './core/secret.ts'

export interface Masking {
  add(secret: Secret, username?: string): void
  clean(text: string): string
}

export function createMasking(): Masking {
  const known = new Set<string>()
  return {
    add(secret, username) {
      for (const spelling of spellings(secret, username)) known.add(spelling)
    },
    clean(text) {
      let clean = text
      for (const spelling of known) if (clean.includes(spelling)) clean = clean.replaceAll(spelling, '***')
      return clean
    },
  }
}
