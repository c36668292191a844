import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseAuthData, resolve } from '../../src/core/auth-data.ts'
import type { AuthEntry } from '../../src/core/auth-entry.ts'

interface Vector {
  readonly authType: string
  readonly authData: string
  readonly image: string
  readonly expected: Readonly<Record<string, string>> | null
  readonly expectedAnyOf?: readonly Readonly<Record<string, string>>[]
}

const file = new URL('../vectors/auth-resolution.json', import.meta.url)
const { vectors }: { vectors: readonly Vector[] } = JSON.parse(readFileSync(file, 'utf8'))

/** What the agent hands to Docker for an entry, as the vectors write it; null when nothing is in it. */
function handed(entry: AuthEntry | undefined): Record<string, string> | null {
  if (entry?.credential == null) return null
  const fields = Object.fromEntries([...entry.extra].map(([name, value]) => [name, value.reveal()]))
  const all = { username: entry.credential.username, password: entry.credential.password.reveal(), ...fields }
  return Object.values(all).some((value) => value !== '') ? { email: '', serveraddress: '', ...all } : null
}

function sorted(values: readonly (Record<string, string> | null)[]): readonly string[] {
  return values.map((value) => JSON.stringify(value, Object.keys(value ?? {}).sort())).sort()
}

test('a field that is null changes nothing, and names are folded as Go folds them', () => {
  const handedOf = (type: string, fields: string) => handed(parseAuthData(type, `{"ghcr.io":{${fields}}}`).entries[0])
  const pair = { username: 'u', password: 'p', email: '', serveraddress: '' }
  assert.deepEqual(handedOf('dockercfg', '"auth":"dTpw","AUTH":null'), pair)
  assert.deepEqual(handedOf('docker', '"u\u017fername":"x","USERNAME":"u","Pa\u017f\u017fWord":"p","email":null'), pair)
})

test('every image gets the entry that the real agent gives it, or all that it may give at random', () => {
  assert.equal(vectors.length, 280)
  for (const vector of vectors) {
    const auth = parseAuthData(vector.authType, vector.authData)
    const { key, ambiguous, candidates } = resolve(auth, vector.image)
    const last = (wanted: string | null) => auth.entries.findLast((entry) => entry.key === wanted)
    const actual = ambiguous ? candidates.map((candidate) => handed(last(candidate))) : [handed(last(key))]
    const expected = vector.expectedAnyOf ?? [vector.expected]
    assert.deepEqual(sorted(actual), sorted(expected), JSON.stringify(vector))
  }
})
